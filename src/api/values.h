// JavaScript values as bytes and back: V8's own format (structured clone), as Durable Object storage keeps it.
//
// Written: version 15 with its header (FF 0F). Read: any version that V8 knows, and version 13 without a header, as the
// first objects were stored. Class instances become plain objects (own properties; the prototype is lost). Objects of
// the platform (their prototype went through native.markHost), functions, symbols, promises … throw DataCloneError.
//
// Threading: inside a turn. Getters of the value run, so the world may have changed afterwards.
#pragma once

#include <v8.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "js/isolate.h"

namespace limpet::api {

// A value that needs a larger buffer is a DataCloneError. V8 doubles its buffer, so half as much is always accepted.
inline constexpr size_t kSerializedBufferBytesMax = 256 * 1024 * 1024;
// Prototypes looked at when asking whether an object is one of the platform; user classes on top of that are plain.
inline constexpr int kPrototypesMax = 32;

// For callbacks, which V8 hands only its isolate.
js::Scope CurrentScope(v8::Isolate* isolate);

// Objects of classes, but for errors, are not cloned but described: RPC sends references and platform objects in this
// way.
class HostObjects {
 public:
  virtual ~HostObjects() = default;
  // A value that Serialize takes and that the reader's `revive` makes an object of. Empty: an exception is pending.
  virtual v8::MaybeLocal<v8::Value> Describe(js::Scope& scope, v8::Local<v8::Object> object) = 0;
  // Whether nobody reads why a value can't be written: null is thrown then, no DataCloneError.
  virtual bool quiet() const { return false; }
};

// Nothing: a JavaScript exception is pending (DataCloneError, or what a getter threw).
std::optional<Bytes> Serialize(js::Scope& scope, v8::Local<v8::Value> value);
// The same with host objects; only the Deserialize that takes `revive` reads it.
std::optional<Bytes> Serialize(js::Scope& scope, v8::Local<v8::Value> value, HostObjects& hosts);
// `revive(description)` gives the object. Empty: an exception is pending.
v8::MaybeLocal<v8::Value> Deserialize(js::Scope& scope, BytesView bytes, v8::Local<v8::Function> revive);
// Empty: an exception is pending ("Unable to deserialize cloned data.").
v8::MaybeLocal<v8::Value> Deserialize(js::Scope& scope, BytesView bytes);

// Throws the error that the built-ins make for this name (a DOMException for its names); see Hooks.makeError for
// `flags`.
void ThrowNamedError(js::Scope& scope, std::string_view name, v8::Local<v8::String> message, int flags = 0);

// The bytes of a view or buffer where they are (nothing if it is neither); a small view that lives on the heap is
// copied into `storage`. Valid until JavaScript runs.
struct HeapView {
  uint8_t bytes[64];  // V8's limit for views without a buffer.
};
BytesView Contents(v8::Local<v8::Value> value, HeapView& storage);

// UTF-8 as text: a byte order mark is dropped, what is no UTF-8 becomes U+FFFD. Empty: a RangeError is pending.
v8::MaybeLocal<v8::String> DecodeUtf8(v8::Isolate* isolate, BytesView bytes);
// The same of all of `bytes`, memory of this isolate's: ASCII stays where it is.
v8::MaybeLocal<v8::String> DecodeUtf8(v8::Isolate* isolate, std::unique_ptr<v8::BackingStore> bytes);

// Uninitialised memory that counts against the isolate's limit; over it a RangeError is pending and this is empty.
v8::MaybeLocal<v8::ArrayBuffer> NewBuffer(v8::Isolate* isolate, size_t size);

}  // namespace limpet::api
