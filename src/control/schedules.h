// Cron triggers: the schedules of scripts (ScriptRecord::schedules), and the clock that runs their scheduled handlers.
//
// Each time of a schedule is run once at most: that it is being run is durable before it begins
// (docs/formats/catalog.md), so neither a restart nor a kill runs it again. What came due while the server was down, or
// busy, is run late: of each schedule the newest time alone, if it is not older than kCronLateMax; what is older or in
// between is left out.
//
// The control plane's loop.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/catalog.h"
#include "control/control_plane.h"
#include "control/cron.h"
#include "control/lifecycle.h"

namespace limpet::control {

inline constexpr size_t kCronsMax = 250;  // Of a script; on Cloudflare of an account.
inline constexpr std::chrono::hours kCronLateMax{1};
// A time that is marked as run and lies further ahead than this comes of a clock that was wrong: it counts no more.
inline constexpr std::chrono::hours kCronClockSlack{24};

// The schedules of [{"cron"}], each once, as a ScriptRecord has them: those that `old` has too stay what they were.
// Refusals: 10021 (no such list), 10072 (too many), 10100 (no cron expression).
Decision<Json> ReadSchedules(const Json& list, const Json& old, WallTime now);
// As the API has them: [{"cron", "created_on", "modified_on"}].
Json ShowSchedules(const Json& schedules);

// The time that a schedule is to be run for now; nothing: none. `done`: up to where it has been run, or since when it
// is.
std::optional<WallTime> DueTime(const Cron& cron, WallTime done, WallTime now);

class Schedules {
 public:
  // All that it is given outlives it. Errors: kUnavailable, kCorrupt.
  static loop::Task<Result<std::unique_ptr<Schedules>>> Open(ControlDeps deps, const Catalog& catalog);
  ~Schedules();
  Schedules(const Schedules&) = delete;
  Schedules& operator=(const Schedules&) = delete;

  // Once scripts are live, and after each change of the catalog: it may have schedules now.
  void Wake();

 private:
  struct Due {
    std::string script, cron;
    WallTime time;
  };
  Schedules(ControlDeps deps, const Catalog& catalog, std::unique_ptr<store::Session> session, store::Claim claim);
  loop::Task<Result<Done>> Load();
  // Runs what is due, and comes back when the next minute begins if there is any schedule.
  void Look();
  void Arm();
  loop::Task<Done> Run(std::vector<Due> due, std::vector<std::string> forgotten);
  void Begin(const Due& due);

  ControlDeps deps_;
  const Catalog& catalog_;
  std::unique_ptr<store::Session> session_;
  store::Claim claim_;
  std::map<std::string, int64_t> marks_;  // By key: the time that was run last, in milliseconds since 1970.
  loop::TimerId timer_ = 0;               // 0: there are no schedules.
  bool writing_ = false;
  Counter& count_runs_;
  Counter& count_failures_;
  loop::TaskScope scope_;
};

}  // namespace limpet::control
