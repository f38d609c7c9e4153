#include "kv/namespaces.h"

#include <utility>

#include "base/check.h"

namespace limpet::kv {

void Namespace::Retire(UniqueFunction<void()> then) {
  {
    std::lock_guard lock(mutex_);
    retired_.store(true, std::memory_order_release);
    if (writes_ > 0) {
      retire_then_ = std::move(then);
      return;
    }
  }
  then();
}

bool Namespace::BeginWrite(const std::vector<BytesView>& keys) {
  std::lock_guard lock(mutex_);
  if (retired()) return false;
  for (BytesView key : keys) {
    if (spared_) spared_->emplace(key);
    auto found = writing_.find(key);
    if (found == writing_.end()) found = writing_.emplace(Bytes(key), 0).first;
    ++found->second;
  }
  ++writes_;
  return true;
}

void Namespace::EndWrite(const std::vector<BytesView>& keys) {
  UniqueFunction<void()> then;
  {
    std::lock_guard lock(mutex_);
    for (BytesView key : keys) {
      auto found = writing_.find(key);
      if (--found->second == 0) writing_.erase(found);
    }
    if (--writes_ == 0 && retire_then_) then = std::exchange(retire_then_, nullptr);
  }
  if (then) then();
}

bool Namespace::BeginSweep() {
  std::lock_guard lock(mutex_);
  if (spared_ || retired()) return false;
  spared_.emplace();
  for (const auto& [key, count] : writing_) spared_->insert(key);
  ++writes_;  // A sweep is a write, too.
  return true;
}

void Namespace::EndSweep(FunctionRef<void(const std::set<Bytes, std::less<>>&)> remove) {
  std::lock_guard lock(mutex_);
  remove(*spared_);
  spared_.reset();
}

std::shared_ptr<Namespace> Namespaces::Find(NamespaceId id) const {
  std::lock_guard lock(mutex_);
  auto found = namespaces_.find(id);
  return found == namespaces_.end() ? nullptr : found->second;
}

void Namespaces::Add(NamespaceId id) {
  std::lock_guard lock(mutex_);
  namespaces_.try_emplace(id, std::make_shared<Namespace>(id));
}

void Namespaces::Retire(NamespaceId id, UniqueFunction<void()> then) {
  std::shared_ptr<Namespace> gone;
  {
    std::lock_guard lock(mutex_);
    if (auto found = namespaces_.extract(id)) gone = std::move(found.mapped());
  }
  if (gone == nullptr) return then();
  gone->Retire(std::move(then));
}

std::vector<std::shared_ptr<Namespace>> Namespaces::All() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Namespace>> all;
  all.reserve(namespaces_.size());
  for (const auto& [id, one] : namespaces_) all.push_back(one);
  return all;
}

}  // namespace limpet::kv
