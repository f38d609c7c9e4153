// The KV namespaces that exist, and what is being written in each: what the loops of a process that write them must
// tell each other.
//
// Thread: any. A Namespace is shared by whoever uses it; Namespaces outlives the loops.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/function.h"
#include "base/ids.h"
#include "store/engine.h"

namespace limpet::kv {

class Namespace {
 public:
  explicit Namespace(NamespaceId id) : id_(id) {}
  NamespaceId id() const { return id_; }
  // It has been deleted: nothing is read or written any more.
  bool retired() const { return retired_.load(std::memory_order_acquire); }
  // No write begins from here on. `then` once none is on its way: at once, or on the thread of the last one.
  void Retire(UniqueFunction<void()> then);

  // Around each write, by Writer. False: it is retired.
  bool BeginWrite(const std::vector<BytesView>& keys);
  void EndWrite(const std::vector<BytesView>& keys);
  // Around a sweep. What is written after BeginSweep, or was on its way then, is spared: the sweep may not have seen
  // it. `remove(spared)` runs while no write can begin. False: another sweep runs, or it is retired.
  bool BeginSweep();
  void EndSweep(FunctionRef<void(const std::set<Bytes, std::less<>>& spared)> remove);

 private:
  const NamespaceId id_;
  std::atomic<bool> retired_ = false;
  std::mutex mutex_;
  std::map<Bytes, size_t, std::less<>> writing_;  // Keys with writes on their way, and how many.
  size_t writes_ = 0;                             // Of these.
  std::optional<std::set<Bytes, std::less<>>> spared_;
  UniqueFunction<void()> retire_then_;
};

class Namespaces {
 public:
  explicit Namespaces(store::Claim claim) : claim_(claim) {}
  const store::Claim& claim() const { return claim_; }
  // Null: there is none of this number.
  std::shared_ptr<Namespace> Find(NamespaceId id) const;
  void Add(NamespaceId id);
  // It is found no more; see Namespace::Retire. One that is not there: `then` at once.
  void Retire(NamespaceId id, UniqueFunction<void()> then);
  std::vector<std::shared_ptr<Namespace>> All() const;

 private:
  const store::Claim claim_;
  mutable std::mutex mutex_;
  std::map<NamespaceId, std::shared_ptr<Namespace>> namespaces_;
};

}  // namespace limpet::kv
