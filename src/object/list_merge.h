// list(): what is pending laid over pages of the store, in either direction, up to a limit. Pure; one thread.
#pragma once

#include <optional>
#include <vector>

#include "object/storage.h"
#include "object/write_cache.h"
#include "store/engine.h"

namespace limpet::object {

class ListMerge {
 public:
  // `overlay` is ascending and inside the range of `options`.
  ListMerge(ListOptions options, std::vector<WriteCache::Overlay> overlay, bool hides_store);
  // The next page to read, unless the answer is complete.
  bool done() const { return done_; }
  store::ScanOptions NextPage() const;
  void AddPage(store::ScanPage page);
  Pairs TakePairs() { return std::move(out_); }

 private:
  bool Full() const { return options_.limit && out_.size() >= *options_.limit; }
  // Emits pending pairs that come before `key` (all, if there is none).
  void EmitOverlayBefore(const Bytes* key);

  ListOptions options_;
  std::vector<WriteCache::Overlay> overlay_;  // In the direction of the list.
  size_t next_ = 0;
  Pairs out_;
  bool done_ = false;
};

}  // namespace limpet::object
