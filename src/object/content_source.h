// What is to take the place of all that an object stores, in slices: a copy of an object may be larger than memory.
#pragma once

#include <vector>

#include "base/function.h"
#include "base/result.h"
#include "store/engine.h"

namespace limpet::object {

class ContentSource {
 public:
  struct Slice {
    std::vector<store::Write> writes;  // Puts of pairs, pages and an alarm, each key once in all slices.
    bool last = false;
  };
  virtual ~ContentSource() = default;  // On the shard's thread.
  // Called on the shard's thread, again only after the answer. `done` is called once, at once or later, on any thread;
  // not after an error or the last slice.
  virtual void Next(UniqueFunction<void(Result<Slice>)> done) = 0;
};

// About the size of a slice, and so of a commit.
inline constexpr size_t kSliceBytes = 4 * 1024 * 1024;

}  // namespace limpet::object
