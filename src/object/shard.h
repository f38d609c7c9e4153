// The objects of one shard: finds or starts the instance for an event, evicts idle ones, resets failed ones, rolls
// them to new code one by one. One per shard, on its thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/http.h"
#include "base/ids.h"
#include "base/log.h"
#include "loop/loop.h"
#include "object/alarm_change.h"
#include "object/bookmark.h"
#include "object/code.h"
#include "object/content_source.h"
#include "object/quota.h"
#include "store/engine.h"

namespace limpet::object {

struct ShardOptions {
  Duration idle_evict = std::chrono::seconds(10);         // Without events and pins.
  Duration idle_evict_pinned = std::chrono::seconds(70);  // Without events, but with timers or pending work.
  Duration critical_max = std::chrono::seconds(30);       // One blockConcurrencyWhile.
  Duration flush_max = std::chrono::seconds(30);          // One commit.
  Duration roll_grace = std::chrono::seconds(30);         // Running events of the old version after a deploy.
  Duration pre_shutdown_max = std::chrono::seconds(10);   // The handler that runs before a planned end.
  Duration settings_kept = std::chrono::seconds(70);      // See kKeptSettingsMax.
  size_t inbox_events_max = 1000;                         // Waiting events of one object; more: overloaded.
  size_t inbox_bytes_max = 32 * 1024 * 1024;              // Their bodies and headers.
  Duration inbox_wait_max = std::chrono::seconds(60);     // One that has waited so long is refused, not served.
  size_t window_events_max = 0;                           // Fetches of one object in kRateWindow; 0: no limit.
  Quota quota = {};
  size_t restore_commit_bytes = kRestoreCommitBytes;
  uint64_t jitter_seed = 1;         // Of the pauses between an alarm's tries.
  std::string counter_labels = {};  // Of this shard's counters, like `shard="0"`.
};

inline constexpr Duration kRateWindow = std::chrono::seconds(10);

// The automatic response and the event timeout of an object without sockets stay for `settings_kept` after it has left
// memory. Those of more objects than this, on one shard, are forgotten at once.
inline constexpr size_t kKeptSettingsMax = 10'000;

// When live objects take over new code.
struct CodeUpdate {
  enum class Mode : uint8_t {
    // New events queue, running ones get `roll_grace` on the old instance with its storage.
    kSoon,
    // At once: running events end with "Durable Object reset because its code was updated.".
    kImmediate,
    // The old instance serves on until it leaves memory for being idle, or for `max_delay`, then as kImmediate.
    kDeferred,
  };
  Mode mode = Mode::kSoon;
  Duration max_delay{0};
};

// What callers of an object hear that was ended because its code was replaced.
Error CodeUpdatedError();

// What came of an alarm that was sent to its object.
struct AlarmOutcome {
  enum class Kind : uint8_t {
    kDone,    // There is none any more, or what is left was told as a change.
    kNotDue,  // It is due at `due_ms`.
    kRetry,   // It is still due: something of ours was in the way.
  };
  Kind kind = Kind::kDone;
  int64_t due_ms = 0;  // Since 1970.
};
using OnAlarmOutcome = UniqueFunction<void(AlarmOutcome)>;
using OnAlarmChange = UniqueFunction<void(const ObjectId&, AlarmChange)>;

// Where calls to objects go in, on any shard (see placement.h).
class Shard {
 public:
  static std::unique_ptr<Shard> Make(loop::Loop& loop, std::unique_ptr<store::Session> session, store::Claim claim,
                                     ShardOptions options, Logger& logger, Counters& counters);
  virtual ~Shard() = default;

  // Sends one fetch event to the object, starting an instance if none lives. Calls to one object arrive in the order
  // they were made here. `reply` comes from the loop, once.
  virtual void Fetch(const ObjectId& id, std::optional<std::string> name, HttpRequest request, OnReply reply) = 0;

  // Sends the object's alarm to it: reads what is stored, starts an instance if the alarm is due, runs the handler. An
  // alarm is done when what became of it is durable: it is gone, or put off after a failure, or set anew. `done` comes
  // from the loop, once. One at a time of an object.
  virtual void Alarm(const ObjectId& id, OnAlarmOutcome done) = 0;
  // Is told, on the shard's loop, when the alarm of an object has changed on disk.
  virtual void SetOnAlarmChange(OnAlarmChange on_change) = 0;

  // Sets the code of a namespace: at first, or to roll its objects, each as `update` says. The next instance of an
  // object starts only when the old one's writes are settled. Hibernatable WebSockets stay.
  // (Objects that call each other in a circle meanwhile wait for each other's next instance: to the end of the grace.)
  virtual void SetClass(NamespaceId ns, std::shared_ptr<ClassCode> code, CodeUpdate update) = 0;
  void SetClass(NamespaceId ns, std::shared_ptr<ClassCode> code) { SetClass(ns, std::move(code), CodeUpdate()); }
  // The class is gone (deleted, or its script): live instances are reset, later events get kNotFound. `then` runs when
  // no commit of the namespace is on the way any more.
  virtual void RemoveClass(NamespaceId ns, Error reason, UniqueFunction<void()> then) = 0;
  // Deletes all that the object stored: a live instance is reset first, and events that come meanwhile wait for the
  // next one, which finds nothing. `done` once that survives power loss. Errors: kNotFound (the class is gone),
  // kUnavailable (the shard drains), as Commit.
  virtual void Delete(const ObjectId& id, UniqueFunction<void(Result<Done>)> done) = 0;
  // Every live instance that `code` made makes room for newer code now, whatever it runs.
  virtual void EndAll(const ClassCode* code) = 0;
  // Leads the object back to a state of its past; a live instance is reset first. Answers with the moment that leads
  // back to what was there before. Errors: those of CheckBookmark; kNotFound (the class is gone); as Commit.
  virtual void RestoreTo(const ObjectId& id, Bookmark target, UniqueFunction<void(Result<uint64_t>)> done) = 0;
  // Replaces all that the object stores by what the source gives, whole or not at all, between two instances; a live
  // one is reset first. Errors: kNotFound (the class is gone); those of a Replacement.
  struct Change {
    std::shared_ptr<ContentSource> content;
    bool only_if_new = false;
    std::string name = {};  // Of the object, if it is to be known from now on.
  };
  virtual void Apply(const ObjectId& id, Change change, UniqueFunction<void(Result<Done>)> done) = 0;
  // Ends what a crash or a failed store has left half done of a restore or replacement, as the next use of the object
  // would. `done` once it is settled, or somebody else sees to it. Errors: as Commit; kNotFound, kUnavailable (drain).
  virtual void Settle(const ObjectId& id, UniqueFunction<void(Result<Done>)> done) = 0;
  // Every live instance that `code` made is broken with `error` (its isolate is gone).
  virtual void BreakAll(const ClassCode* code, Error error) = 0;
  // Refuses new events, lets the running ones finish, settles every write; then `then`.
  virtual void Drain(UniqueFunction<void()> then) = 0;
  // The claim was renewed: commits and output gates go by it from now on.
  virtual void SetClaim(store::Claim claim) = 0;
  virtual size_t live_instances() const = 0;
};

}  // namespace limpet::object
