// What must hold, whatever happens (the invariants of docs/ARCHITECTURE.md): the model knows every state that an object
// may be found in on disk, and checks each thing that leaves an object against what is durable at that moment.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/ids.h"
#include "sim/alarms.h"
#include "sim/disk_rows.h"
#include "store/faulty.h"

namespace limpet::sim {

// Every write of a script also sets this key to the number of the write, so a state names itself.
inline constexpr char kWriteKey[] = "#w";
// Stands for the alarm in a state: the time that was set. No key of the storage.
inline constexpr char kAlarmKey[] = "#alarm";
std::optional<int64_t> AlarmOf(const Pairs& state);
// Rows of the table t stand in a state under their keys with this before them, its writes' number like a pair's.
inline constexpr char kRowPrefix[] = "#t:";
inline std::string RowKey(const std::string& key) { return kRowPrefix + key; }
// The table is there.
inline constexpr char kSchemaKey[] = "#schema";
// Violates a constraint that is looked at when a transaction ends: no state on disk has it.
inline constexpr char kBadRow[] = "bad";
// A key of the storage.
inline bool IsPair(const std::string& key) { return key == kWriteKey || !key.starts_with('#'); }

// The number of the last write, of pairs or of rows.
uint64_t WriteOf(const Pairs& state);

class Model {
 public:
  explicit Model(std::function<void(const std::string&)> violation)
      : alarms(violation), violation_(std::move(violation)) {}

  void Violate(const std::string& what) { violation_(what); }
  void SetEngine(store::FaultyEngine* engine) { engine_ = engine; }
  uint64_t NextWrite() { return ++last_write_; }
  Pairs Durable(const ObjectId& object) const;
  // A burst or transaction of the object is complete: its state may be found on disk.
  void Completed(const ObjectId& object, const Pairs& state) { states_[object][WriteOf(state)] = state; }
  // Something left the object that was issued after confirmed write `write`.
  void Emitted(const ObjectId& object, uint64_t write, bool claim_valid, const char* what);
  // Every write of the object's instance before this one has landed or never will.
  void InstanceMade(const ObjectId& object);
  void InstanceGone(const ObjectId& object) { live_.erase(object); }
  // The object is being deleted, and may be empty from now on; it has been, or that failed.
  void DeleteBegins(const ObjectId& object);
  void Deleted(const ObjectId& object, bool done);
  // The namespace is being deleted: nothing of it is owed to anybody any more.
  void Retired(NamespaceId ns) { retired_.insert(ns); }
  bool retired(NamespaceId ns) const { return retired_.contains(ns); }
  // The namespace's storage was destroyed, and must not come back.
  void Dropped(NamespaceId ns) { dropped_.insert(ns); }
  // A write of such an object is on its way to the disk.
  bool Writing(const std::function<bool(const ObjectId&)>& which) const { return engine_->InFlight(which) > 0; }
  // After each step: what is on disk is a complete state, and never an older one than before.
  void CheckDisk();
  // What the store has counted is what is there.
  void CheckCounts();
  // At the end: nothing is left that would still have to run.
  void CheckNoAlarms();
  // ... and every database is whole.
  void CheckDatabases();

  // Nothing goes wrong in this run: no fault, abort, roll or timeout may excuse lost work.
  bool quiet = false;
  Alarms alarms;

 private:
  bool Same(const Pairs& durable, const Pairs& state) const;

  std::function<void(const std::string&)> violation_;
  store::FaultyEngine* engine_ = nullptr;
  uint64_t last_write_ = 0;
  std::map<ObjectId, std::map<uint64_t, Pairs>> states_;
  std::map<ObjectId, uint64_t> seen_;
  std::map<ObjectId, uint64_t> settled_;        // The last write before the instance that lives now.
  std::map<ObjectId, uint64_t> deleting_;       // The last write before a delete that may still land.
  std::map<ObjectId, uint64_t> deleted_up_to_;  // Writes that may be gone for that reason.
  mutable DiskRows rows_;
  std::set<NamespaceId> retired_, dropped_;
  std::set<ObjectId> live_;
};

}  // namespace limpet::sim
