#include "store/image.h"

#include <utility>

namespace limpet::store {

size_t Image::SpaceIndex(Space space) { return space == Space::kKv ? 0 : space == Space::kMeta ? 1 : 2; }

const Image::Pairs* Image::Find(const ObjectId& object, Space space) const {
  auto found = objects_.find(object);
  return found == objects_.end() ? nullptr : &found->second.spaces[SpaceIndex(space)];
}

std::optional<Bytes> Image::Get(const ObjectId& object, Space space, BytesView key) const {
  const Pairs* pairs = Find(object, space);
  if (pairs == nullptr) return std::nullopt;
  auto found = pairs->find(key);
  if (found == pairs->end()) return std::nullopt;
  return found->second;
}

ScanPage Image::Scan(const ObjectId& object, const ScanOptions& options) const {
  ScanPage page;
  const Pairs* pairs = Find(object, options.space);
  if (pairs == nullptr || (options.end && *options.end <= options.start)) return page;
  auto first = pairs->lower_bound(options.start);
  auto last = options.end ? pairs->lower_bound(*options.end) : pairs->end();
  size_t bytes = 0;
  while (first != last && page.pairs.size() < options.limit) {
    if (bytes >= options.bytes_max && !page.pairs.empty()) {
      page.complete = false;
      break;
    }
    auto next = options.reverse ? --last : first++;
    bytes += next->first.size() + next->second.size();
    page.pairs.emplace_back(next->first, next->second);
  }
  return page;
}

uint64_t Image::CommitNumber(const ObjectId& object) const {
  auto found = objects_.find(object);
  return found == objects_.end() ? 0 : found->second.commits;
}

std::vector<ObjectId> Image::List(NamespaceId ns, std::optional<ObjectId> after, size_t limit) const {
  std::vector<ObjectId> listed;
  auto at = after ? objects_.upper_bound(*after) : objects_.lower_bound(ObjectId{.ns = ns});
  for (; at != objects_.end() && at->first.ns == ns && listed.size() < limit; ++at) {
    const Object& object = at->second;
    if (!object.spaces[0].empty() || !object.spaces[1].empty() || !object.spaces[2].empty())
      listed.push_back(at->first);
  }
  return listed;
}

uint64_t Image::Apply(const ObjectBatch& batch) {
  Object& object = objects_[batch.object];
  for (const Write& write : batch.writes) {
    Pairs& pairs = object.spaces[SpaceIndex(write.space)];
    switch (write.kind) {
      case Write::Kind::kPut: pairs.insert_or_assign(write.key, write.value); break;
      case Write::Kind::kDelete: pairs.erase(write.key); break;
      case Write::Kind::kClear: pairs.clear(); break;
    }
  }
  return ++object.commits;
}

void Image::Drop(NamespaceId ns) {
  std::erase_if(objects_, [ns](const auto& entry) { return entry.first.ns == ns; });
}

uint64_t Image::Epoch(uint32_t partition) const {
  auto found = epochs_.find(partition);
  return found == epochs_.end() ? 0 : found->second;
}

Claim Image::Acquire(uint32_t partition) { return {.partition = partition, .epoch = ++epochs_[partition]}; }

bool Image::Allows(const Claim& claim, Instant now) const {
  return claim.epoch != 0 && claim.epoch == Epoch(claim.partition) && now < claim.valid_until;
}

}  // namespace limpet::store
