#include "api/crypto_support.h"

#include <cstring>

namespace limpet::api {
namespace {

// V8 collects garbage by what it believes buffers to occupy: about as much as a key does. Nobody reads or writes a box
// as a buffer, so no memory of that size is behind it.
constexpr size_t kBoxBytes = 1024;

struct Box {
  void* held;
  Release release;
};

// On any thread: V8 sweeps buffers in the background.
void FreeBox(void* data, size_t, void* box) {
  std::unique_ptr<Box> owned(static_cast<Box*>(box));
  owned->release(owned->held);
}

}  // namespace

const EVP_MD* HashByNumber(v8::Local<v8::Value> number) {
  // Fetched once: an EVP_sha256() is looked up anew by each operation, which costs more than hashing a small input.
  static const EVP_MD* const kHashes[] = {
      EVP_MD_fetch(nullptr, "SHA1", nullptr),     EVP_MD_fetch(nullptr, "SHA2-256", nullptr),
      EVP_MD_fetch(nullptr, "SHA2-384", nullptr), EVP_MD_fetch(nullptr, "SHA2-512", nullptr),
      EVP_MD_fetch(nullptr, "MD5", nullptr),      EVP_MD_fetch(nullptr, "SHA3-256", nullptr),
      EVP_MD_fetch(nullptr, "SHA3-384", nullptr), EVP_MD_fetch(nullptr, "SHA3-512", nullptr)};
  if (!number->IsUint32()) return nullptr;
  uint32_t index = number.As<v8::Uint32>()->Value();
  return index < std::size(kHashes) ? kHashes[index] : nullptr;
}

v8::MaybeLocal<v8::Value> NewBox(v8::Isolate* isolate, void* held, Release release) {
  Box* box = new Box{held, release};
  std::unique_ptr<v8::BackingStore> store = v8::ArrayBuffer::NewBackingStore(box, kBoxBytes, FreeBox, box);
  return v8::ArrayBuffer::New(isolate, std::move(store)).As<v8::Value>();
}

void* Unbox(v8::Local<v8::Value> box) {
  if (!box->IsArrayBuffer() || box.As<v8::ArrayBuffer>()->ByteLength() != kBoxBytes) return nullptr;
  return static_cast<Box*>(box.As<v8::ArrayBuffer>()->Data())->held;
}

v8::MaybeLocal<v8::ArrayBuffer> ToBuffer(v8::Isolate* isolate, const void* data, size_t size) {
  v8::Local<v8::ArrayBuffer> buffer;
  if (!NewBuffer(isolate, size).ToLocal(&buffer)) return {};
  if (size > 0) std::memcpy(buffer->Data(), data, size);
  return buffer;
}

v8::MaybeLocal<v8::ArrayBuffer> ToBuffer(v8::Isolate* isolate, const BIGNUM* number, size_t size) {
  v8::Local<v8::ArrayBuffer> buffer;
  if (!NewBuffer(isolate, size).ToLocal(&buffer)) return {};
  if (BN_bn2binpad(number, DataOf(buffer), static_cast<int>(size)) < 0) return {};
  return buffer;
}

}  // namespace limpet::api
