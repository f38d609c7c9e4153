// What must hold of alarms: none is lost, none runs before its time or without having been set, failures count, pauses
// are kept, and what has been dealt with is over. Every alarm is known by its time: no two are set for the same.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/ids.h"

namespace limpet::sim {

class Alarms {
 public:
  explicit Alarms(std::function<void(const std::string&)> violation) : violation_(std::move(violation)) {}

  // A time not before `wanted` that no alarm was set for; it is set for the object now.
  int64_t Set(const ObjectId& object, int64_t wanted);
  // The object's script sets or deletes the alarm: whatever there was may go.
  void Overridden(const ObjectId& object);
  void Begins(const ObjectId& object, int64_t time, uint32_t retries, int64_t now);
  void Ends(int64_t time, bool thrown, int64_t now);
  // An instance of the object is aborted: what became of an alarm may not be durable yet.
  void Aborted(const ObjectId& object);
  void ConstructorFailed(const ObjectId& object);

  // It may be gone from the disk.
  bool Over(int64_t time) const;
  // It may be there though a script sees none.
  bool Begun(int64_t time) const { return known_.at(time).attempts > 0; }
  bool Failed(int64_t time) const { return known_.at(time).failed; }
  void OnDisk(const ObjectId& object, std::optional<int64_t> time);
  void Forget(const ObjectId& object) { on_disk_.erase(object); }

  // From now on something else than a script may go wrong, so that an alarm runs again though it need not, and the
  // count of its failures lags behind.
  void Disturbed() { exact_ = false; }

 private:
  struct Known {
    ObjectId object;
    uint32_t attempts = 0;
    bool done = false, failed = false, overridden = false, aborted = false;
    uint32_t retries = 0;             // Of the last attempt.
    std::optional<int64_t> ended_at;  // Of the last attempt, if it failed.
  };
  uint32_t Failures(const Known& alarm) const;

  std::function<void(const std::string&)> violation_;
  std::map<int64_t, Known> known_;
  std::map<ObjectId, std::optional<int64_t>> on_disk_;
  std::map<ObjectId, uint32_t> constructors_failed_;
  bool exact_ = true;
};

}  // namespace limpet::sim
