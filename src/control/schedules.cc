#include "control/schedules.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "control/read_all.h"
#include "store/partitions.h"

namespace limpet::control {
namespace {

using std::chrono::milliseconds;

constexpr ObjectId kSchedules{NamespaceId{0}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
constexpr std::string_view kRunPrefix = "run/";
// The wall clock may be set, and nobody tells: the timer looks at it again after this.
constexpr milliseconds kLookAgain{30'000};

int64_t Milliseconds(WallTime time) { return time.time_since_epoch().count(); }
WallTime TimeOf(int64_t ms) { return WallTime(milliseconds(ms)); }

// Script names hold no slash.
std::string KeyOf(const std::string& script, const std::string& cron) {
  return std::string(kRunPrefix) + script + "/" + cron;
}

Refusal BadCron(const std::string& cron, const Error& error) {
  return {400, 10100, "invalid cron string \"" + cron.substr(0, kCronBytesMax) + "\": " + error.message() + "."};
}

}  // namespace

Decision<Json> ReadSchedules(const Json& list, const Json& old, WallTime now) {
  if (!list.is_array()) return Refusal{400, 10021, "Schedules must be an array of {\"cron\"}."};
  Json schedules = Json::MakeArray();
  std::set<std::string> seen;
  for (const Json& item : list.items()) {
    if (!item["cron"].is_string()) return Refusal{400, 10021, "Schedules must be an array of {\"cron\"}."};
    const std::string& text = item["cron"].AsString();
    if (!seen.insert(text).second) continue;
    if (seen.size() > kCronsMax) {
      return Refusal{
          400, 10072,
          "workers.api.error.too_many_crons: a Worker has at most " + std::to_string(kCronsMax) + " cron triggers."};
    }
    Result<Cron> cron = Cron::Parse(text);
    if (!cron.has_value()) return BadCron(text, cron.error());
    auto same = [&](const Json& other) { return other["cron"].AsString() == text && other["since"].is_number(); };
    auto found = std::ranges::find_if(old.items(), same);
    int64_t since = found != old.items().end() ? (*found)["since"].AsInt64() : Milliseconds(now);
    schedules.Append(Json().Set("cron", text).Set("since", since).Set("modified_on", IsoTime(now)));
  }
  return schedules;
}

Json ShowSchedules(const Json& schedules) {
  Json shown = Json::MakeArray();
  for (const Json& item : schedules.items()) {
    Json json = Json().Set("cron", item["cron"]);
    if (item["since"].is_number()) json.Set("created_on", IsoTime(TimeOf(item["since"].AsInt64())));
    if (item["modified_on"].is_string()) json.Set("modified_on", item["modified_on"]);
    shown.Append(std::move(json));
  }
  return shown;
}

std::optional<WallTime> DueTime(const Cron& cron, WallTime done, WallTime now) {
  if (done > now + kCronClockSlack) done = now - std::chrono::minutes(1);
  return cron.Newest(std::max(done, now - kCronLateMax), now);
}

Schedules::Schedules(ControlDeps deps, const Catalog& catalog, std::unique_ptr<store::Session> session,
                     store::Claim claim)
    : deps_(deps),
      catalog_(catalog),
      session_(std::move(session)),
      claim_(claim),
      count_runs_(
          deps.counters.Make(Counters::Kind::kCounter, "limpet_cron_runs_total", "Scheduled handlers that were run.")),
      count_failures_(deps.counters.Make(Counters::Kind::kCounter, "limpet_cron_failures_total",
                                         "Scheduled handlers that could not run, or failed.")) {}

Schedules::~Schedules() { deps_.loop.Cancel(timer_); }

loop::Task<Result<std::unique_ptr<Schedules>>> Schedules::Open(ControlDeps deps, const Catalog& catalog) {
  LIMPET_CO_TRY(store::Claim claim, deps.engine.Acquire(store::kSchedulesPartition));
  std::unique_ptr<Schedules> schedules(new Schedules(deps, catalog, deps.engine.Attach(deps.loop), claim));
  Result<Done> loaded = co_await schedules->Load();
  if (!loaded.has_value()) co_return std::move(loaded).error().While("load the runs of cron triggers");
  co_return std::move(schedules);
}

loop::Task<Result<Done>> Schedules::Load() {
  auto take = [this](const Bytes& key, const Bytes& value) -> Result<Done> {
    int64_t ms = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
    if (error != std::errc() || end != value.data() + value.size()) {
      return Error(ErrorCode::kCorrupt, "record " + key + " is not a time");
    }
    marks_[key] = ms;
    return Done{};
  };
  co_return co_await ReadAll(*session_, kSchedules, std::string(kRunPrefix), take);
}

void Schedules::Wake() {
  if (timer_ == 0) Look();
}

void Schedules::Arm() {
  milliseconds into = deps_.loop.WallNow().time_since_epoch() % std::chrono::minutes(1);
  milliseconds left = std::chrono::minutes(1) - into;
  timer_ = deps_.loop.After(std::min(left, kLookAgain), [this] { Look(); });
}

void Schedules::Look() {
  timer_ = 0;
  const WallTime now = deps_.loop.WallNow();
  std::vector<Due> due;
  std::set<std::string> known;
  for (const auto& [name, script] : catalog_.scripts()) {
    if (script->Deployed() == nullptr) continue;
    for (const Json& item : script->schedules.items()) {
      const std::string& text = item["cron"].AsString();
      // What was put before there were cron triggers has no beginning, and was not looked at.
      Result<Cron> cron = Cron::Parse(text);
      if (!cron.has_value() || !item["since"].is_number()) continue;
      std::string key = KeyOf(name, text);
      auto mark = marks_.find(key);
      int64_t done = std::max(item["since"].AsInt64(), mark != marks_.end() ? mark->second : INT64_MIN);
      if (auto time = DueTime(*cron, TimeOf(done), now)) due.push_back({name, text, *time});
      known.insert(std::move(key));
    }
  }
  if (!known.empty()) Arm();
  if (due.empty() || writing_) return;
  std::vector<std::string> forgotten;
  for (const auto& [key, ms] : marks_) {
    if (!known.contains(key)) forgotten.push_back(key);
  }
  scope_.Spawn(Run(std::move(due), std::move(forgotten)));
}

loop::Task<Done> Schedules::Run(std::vector<Due> due, std::vector<std::string> forgotten) {
  writing_ = true;
  store::ObjectBatch batch{kSchedules, {}};
  for (const Due& each : due) {
    batch.writes.push_back({store::Write::Kind::kPut, store::Space::kKv, KeyOf(each.script, each.cron),
                            std::to_string(Milliseconds(each.time))});
  }
  for (const std::string& key : forgotten) {
    batch.writes.push_back({store::Write::Kind::kDelete, store::Space::kKv, key, {}});
  }
  loop::Completion<Result<uint64_t>> commit(
      [&](auto done) { session_->Commit(claim_, std::move(batch), std::move(done)); });
  Result<uint64_t> committed = co_await commit;
  writing_ = false;
  if (!committed.has_value()) {
    // Whatever became of it, nothing has run: the next look tries again.
    deps_.logger.Write(LogLevel::kError, "control", "note runs of cron triggers: " + committed.error().ToString());
    co_return Done{};
  }
  for (const std::string& key : forgotten) marks_.erase(key);
  for (const Due& each : due) marks_[KeyOf(each.script, each.cron)] = Milliseconds(each.time);
  for (const Due& each : due) Begin(each);
  co_return Done{};
}

void Schedules::Begin(const Due& due) {
  count_runs_.Add();
  std::string what = "cron trigger \"" + due.cron + "\" of " + due.script;
  auto late = std::chrono::floor<std::chrono::minutes>(deps_.loop.WallNow() - due.time);
  if (late.count() > 0) {
    deps_.logger.Write(LogLevel::kInfo, "control", what + " runs " + std::to_string(late.count()) + " min late");
  }
  deps_.runtime.RunScheduled(due.script, due.cron, due.time,
                             [&logger = deps_.logger, &failures = count_failures_, what](Result<Done> ran) {
                               if (ran.has_value()) return;
                               failures.Add();
                               logger.Write(LogLevel::kWarn, "control", what + ": " + ran.error().ToString());
                             });
}

}  // namespace limpet::control
