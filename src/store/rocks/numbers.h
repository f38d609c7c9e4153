// The commit numbers of the objects that committed last, so that a commit need not read its object's.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/ids.h"

namespace limpet::store::rocks {

// At most 2 * kGenerationMax objects: a new one that finds the young generation full makes it the old one, which is
// forgotten but for those that commit again. One thread.
class CommitNumbers {
 public:
  static constexpr size_t kGenerationMax = 32 * 1024;

  std::optional<uint64_t> Find(const ObjectId& object) const {
    if (auto found = young_.find(object); found != young_.end()) return found->second;
    if (auto found = old_.find(object); found != old_.end()) return found->second;
    return std::nullopt;
  }
  void Set(const ObjectId& object, uint64_t number) {
    if (young_.size() >= kGenerationMax && !young_.contains(object)) old_ = std::exchange(young_, {});
    young_[object] = number;
  }
  void Clear() {
    young_.clear();
    old_.clear();
  }
  size_t size() const { return young_.size() + old_.size(); }

 private:
  std::unordered_map<ObjectId, uint64_t> young_;
  std::unordered_map<ObjectId, uint64_t> old_;
};

}  // namespace limpet::store::rocks
