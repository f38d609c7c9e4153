// What the natives of cryptography share: the host's OpenSSL behind owning pointers, hash functions by number, and
// boxes. Thread: the shard's. No call leaves anything in OpenSSL's queue of errors (QuietErrors).
#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "api/values.h"
#include "base/bytes.h"

namespace limpet::api {

template <auto kFree>
struct FreeWith {
  template <typename T>
  void operator()(T* thing) const {
    kFree(thing);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>>;
using HashContextPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, FreeWith<BN_clear_free>>;
using PointPtr = std::unique_ptr<EC_POINT, FreeWith<EC_POINT_clear_free>>;

struct QuietErrors {
  QuietErrors() = default;
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
  ~QuietErrors() {
    if (ERR_peek_error() != 0) ERR_clear_error();
  }
};

// By the number that builtins/crypto_names.ts gives it; null if there is none.
const EVP_MD* HashByNumber(v8::Local<v8::Value> number);

// Something of OpenSSL's that a JavaScript object holds: the memory of an ArrayBuffer, so that V8 frees it with the
// object or with the isolate, at the latest. The built-ins keep it in a private field; no script ever sees one. What
// takes a box from them trusts that it is one of the kind it asks for.
using Release = void (*)(void* held);
// Takes `held` over, whatever happens. Empty: a RangeError is pending.
v8::MaybeLocal<v8::Value> NewBox(v8::Isolate* isolate, void* held, Release release);
void* Unbox(v8::Local<v8::Value> box);

// `out` has its size; false: OpenSSL refused. Any thread.
bool DerivePbkdf2(const EVP_MD* hash, BytesView password, BytesView salt, uint32_t iterations, uint8_t* out,
                  size_t out_bytes);

// An argument's bytes, for the time of one native call.
class BytesOf {
 public:
  explicit BytesOf(v8::Local<v8::Value> value) : view_(Contents(value, storage_)) {}
  BytesOf(const BytesOf&) = delete;
  BytesOf& operator=(const BytesOf&) = delete;
  // Never null: OpenSSL takes null for "not given".
  const uint8_t* data() const {
    return view_.empty() ? storage_.bytes : reinterpret_cast<const uint8_t*>(view_.data());
  }
  size_t size() const { return view_.size(); }
  BytesView view() const { return {reinterpret_cast<const char*>(data()), size()}; }

 private:
  HeapView storage_{};
  BytesView view_;
};

inline uint8_t* DataOf(v8::Local<v8::ArrayBuffer> buffer) { return static_cast<uint8_t*>(buffer->Data()); }
// A buffer with these bytes; empty: a RangeError is pending.
v8::MaybeLocal<v8::ArrayBuffer> ToBuffer(v8::Isolate* isolate, const void* data, size_t size);
// The same, big-endian, with zeros in front up to `size`. Empty as well if it does not fit.
v8::MaybeLocal<v8::ArrayBuffer> ToBuffer(v8::Isolate* isolate, const BIGNUM* number, size_t size);

}  // namespace limpet::api
