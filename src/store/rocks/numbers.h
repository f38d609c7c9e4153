// What the committer knows of the objects that committed last, so that a commit need not read its object's record.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "store/history.h"

namespace limpet::store::rocks {

struct ObjectState {
  uint64_t number = 0;  // Of its last commit.
  HistoryState history = {};
  StoredBytes bytes = {};
  bool joins_sums = false;  // It is counted, but not in the sums of its namespace yet.
  // Space and key of what changed in the open slot (where history is kept, those have records), and what they take now.
  std::map<Bytes, uint64_t, std::less<>> saved = {};
  bool stale = false;  // `saved` does not know what a clear has left: what comes next reads the database.
};

// At most 2 * kGenerationMax objects: a new one that finds the young generation full makes it the old one, which is
// forgotten but for those that are asked for again. One thread.
class ObjectStates {
 public:
  static constexpr size_t kGenerationMax = 32 * 1024;

  // Null: not known. Valid until the next call.
  ObjectState* Find(const ObjectId& object) {
    if (auto found = young_.find(object); found != young_.end()) return &found->second;
    auto found = old_.find(object);
    if (found == old_.end()) return nullptr;
    ObjectState state = std::move(found->second);
    old_.erase(found);
    return &Add(object, std::move(state));
  }
  // Likewise.
  ObjectState& Add(const ObjectId& object, ObjectState state) {
    if (young_.size() >= kGenerationMax && !young_.contains(object)) old_ = std::exchange(young_, {});
    return young_[object] = std::move(state);
  }
  void Clear() {
    young_.clear();
    old_.clear();
  }
  size_t size() const { return young_.size() + old_.size(); }

 private:
  std::unordered_map<ObjectId, ObjectState> young_;
  std::unordered_map<ObjectId, ObjectState> old_;
};

}  // namespace limpet::store::rocks
