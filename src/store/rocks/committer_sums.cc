// What objects store, counted as it changes. The history reads what a write replaces, once a slot, and `saved` knows
// the rest: so the count costs no reads of its own.
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "store/rocks/committer.h"
#include "store/rocks/keys.h"

namespace limpet::store::rocks {

void Committer::Count(Group& group, NamespaceId ns, ObjectState& state, Space space, uint64_t before, uint64_t after) {
  if (space != Space::kKv && space != Space::kPage) return;
  uint64_t& bytes = space == Space::kKv ? state.bytes.pairs : state.bytes.pages;
  bytes = bytes + after - std::min(before, bytes + after);
  if (before != after) group.used[ns.value] += static_cast<int64_t>(after) - static_cast<int64_t>(before);
}

void Committer::CountClear(Group& group, NamespaceId ns, ObjectState& state, Space space) {
  if (space == Space::kKv) Count(group, ns, state, space, state.bytes.pairs, 0);
  if (space == Space::kPage) Count(group, ns, state, space, state.bytes.pages, 0);
  for (auto& [key, bytes] : state.saved) {
    if (key.front() == static_cast<char>(space)) bytes = 0;
  }
}

void Committer::PutSums(Group& group) {
  for (auto& [ns, more] : group.used) {
    if (more == 0) continue;
    auto found = used_.find(ns);
    int64_t now = (found == used_.end() ? 0 : static_cast<int64_t>(found->second)) + more;
    if (now < 0) more -= std::exchange(now, 0);
    group.batch.Put(UsedKey({ns}), EncodeNumber(static_cast<uint64_t>(now)));
  }
}

void Committer::SumsWritten(const Group& group) {
  std::lock_guard lock(used_mutex_);
  for (const auto& [ns, more] : group.used) {
    used_[ns] += static_cast<uint64_t>(more);
    used_by_all_ += static_cast<uint64_t>(more);
  }
}

void Committer::DropSums(NamespaceId ns) {
  std::lock_guard lock(used_mutex_);
  groups_.Forget(ns);
  auto found = used_.find(ns.value);
  if (found == used_.end()) return;
  used_by_all_ -= found->second;
  used_.erase(found);
}

void Committer::AddSums(NamespaceId ns, Totals* totals) {
  std::lock_guard lock(used_mutex_);
  auto used = [&](uint64_t one) {
    auto found = used_.find(one);
    return found == used_.end() ? 0 : found->second;
  };
  totals->in_namespace = used(ns.value);
  totals->in_all = used_by_all_;
  for (NamespaceId member : groups_.Of(ns)) totals->in_group += used(member.value);
}

void Committer::CountTogether(const std::vector<NamespaceId>& namespaces) {
  std::lock_guard lock(used_mutex_);
  groups_.Put(namespaces);
}

std::map<NamespaceId, uint64_t> Committer::Stored() {
  std::lock_guard lock(used_mutex_);
  std::map<NamespaceId, uint64_t> stored;
  for (const auto& [ns, bytes] : used_) stored[{ns}] = bytes;
  return stored;
}

Result<Done> Committer::LoadSums() {
  std::lock_guard lock(used_mutex_);
  used_.clear();
  used_by_all_ = 0;
  std::unique_ptr<rocksdb::Iterator> at(database_.db().NewIterator(rocksdb::ReadOptions()));
  const Bytes end = UsedEnd();
  for (at->Seek(UsedKey({0})); at->Valid() && at->key().compare(end) < 0; at->Next()) {
    std::optional<NamespaceId> ns = NamespaceOfUsedKey(at->key().ToStringView());
    std::optional<uint64_t> bytes = DecodeNumber(at->value().ToStringView());
    if (!ns || !bytes) return Error(ErrorCode::kCorrupt, "a record of what a namespace stores that is none");
    used_[ns->value] = *bytes;
    used_by_all_ += *bytes;
  }
  if (!at->status().ok()) return StatusError(at->status(), "read the store's own records");
  return Done{};
}

}  // namespace limpet::store::rocks
