// The startup snapshot: a context in which the built-ins have run, and how to start from it.
#pragma once

#include <v8.h>

#include <memory>
#include <vector>

#include "base/result.h"
#include "js/isolate.h"

namespace limpet::js {

// Immutable once made; any thread. Outlives the isolates that start from it.
class Snapshot {
 public:
  // On the main thread. Error: the built-ins threw, or a hook is no function.
  static Result<std::unique_ptr<Snapshot>> Make(const Runtime::Options& options);
  ~Snapshot() { delete[] blob_.data; }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const v8::StartupData& blob() const { return blob_; }
  const intptr_t* external_references() const { return references_.data(); }
  const std::vector<size_t>& hooks() const { return hooks_; }  // Where each hook lies in the context's data.

 private:
  Snapshot() = default;
  std::vector<intptr_t> references_;
  std::vector<size_t> hooks_;
  v8::StartupData blob_{nullptr, 0};
};

}  // namespace limpet::js
