#include "js/young_buffers.h"

#include <array>

#include "js/isolate_state.h"

namespace limpet::js {
namespace {

constexpr int64_t kMiB = 1024 * 1024;
constexpr int64_t kYoungBuffersMax = 8 * kMiB;

// There is no call to collect the young generation. But V8 (14.6) collects it when a buffer is made while young ones
// say that they hold 64 MiB. So these say that they hold what is missing to that (not all that was counted is still
// young).
constexpr int64_t kPieceBytes = 8 * kMiB;
constexpr size_t kPieces = 58 / 8 + 1;

// V8 collects everything when buffers say that they hold 64 MiB more than the least since it last did so. So what the
// pieces say must make no difference: V8 has been told all along of as much more memory outside its heap.
constexpr int64_t kReserveBytes = kPieces * kPieceBytes;

}  // namespace

void ExpectBuffer(v8::Isolate* isolate, size_t bytes) {
  auto* state = static_cast<IsolateState*>(isolate->GetData(kStateSlot));
  if (state == nullptr) return;  // A snapshot is being made.
  state->young_buffer_bytes += static_cast<int64_t>(bytes);
  if (state->young_buffer_bytes >= kYoungBuffersMax) state->CollectYoungBuffers();
}

void IsolateState::CollectYoungBuffers() {
  young_buffer_bytes = 0;
  if (external_reserve == 0) {  // V8 collects everything now: this is what it has not been told of before.
    external_reserve = kReserveBytes;
    isolate->AdjustAmountOfExternalAllocatedMemory(kReserveBytes);
    return;
  }
  static uint8_t nothing;
  v8::HandleScope handles(isolate);
  std::array<v8::Local<v8::ArrayBuffer>, kPieces> pieces;
  for (v8::Local<v8::ArrayBuffer>& piece : pieces) {
    isolate->AdjustAmountOfExternalAllocatedMemory(-kPieceBytes);
    piece = v8::ArrayBuffer::New(
        isolate, v8::ArrayBuffer::NewBackingStore(&nothing, kPieceBytes, [](void*, size_t, void*) {}, nullptr));
  }
  v8::ArrayBuffer::NewBackingStore(isolate, 1, v8::BackingStoreInitializationMode::kUninitialized,
                                   v8::BackingStoreOnFailureMode::kReturnNull);
  for (v8::Local<v8::ArrayBuffer> piece : pieces) {
    piece->Detach(v8::Local<v8::Value>()).Check();
    isolate->AdjustAmountOfExternalAllocatedMemory(kPieceBytes);
  }
}

}  // namespace limpet::js
