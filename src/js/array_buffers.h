// An isolate's ArrayBuffer memory: counted, and refused beyond the limit that heap and buffers share.
#pragma once

#include <v8.h>

#include <atomic>
#include <cstdlib>

namespace limpet::js {

// V8 calls it from any thread. Lives as long as any buffer of the isolate.
class ArrayBuffers final : public v8::ArrayBuffer::Allocator {
 public:
  explicit ArrayBuffers(size_t bytes_max) : bytes_max_(bytes_max) {}

  // What the heap held after its last full collection: so much less is left for buffers.
  void SetHeapBytes(size_t bytes) { heap_bytes_.store(bytes, std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  // Null: V8 collects garbage, asks again and throws RangeError ("Array buffer allocation failed").
  void* Allocate(size_t length) override {
    if (!Reserve(length)) return nullptr;
    void* data = std::calloc(length != 0 ? length : 1, 1);
    if (data == nullptr) Release(length);
    return data;
  }
  void* AllocateUninitialized(size_t length) override {
    if (!Reserve(length)) return nullptr;
    void* data = std::malloc(length != 0 ? length : 1);
    if (data == nullptr) Release(length);
    return data;
  }
  void Free(void* data, size_t length) override {
    std::free(data);
    Release(length);
  }

 private:
  bool Reserve(size_t length) {
    size_t used = bytes_.fetch_add(length, std::memory_order_relaxed) + heap_bytes_.load(std::memory_order_relaxed);
    if (length <= bytes_max_ && used <= bytes_max_ - length) return true;
    Release(length);
    return false;
  }
  void Release(size_t length) { bytes_.fetch_sub(length, std::memory_order_relaxed); }

  const size_t bytes_max_;
  std::atomic<size_t> bytes_{0};
  std::atomic<size_t> heap_bytes_{0};
};

}  // namespace limpet::js
