// Natives about text: UTF-8, Latin-1 and base64. The heavy lifting is V8's and simdutf's, both in the host.
#include <cstdint>
#include <cstring>

#include "api/errors.h"
#include "api/native_list.h"
#include "api/values.h"
#include "js/owned_text.h"

// The host exports simdutf and ships no header for it: the declarations used here (simdutf 6 and later; the mangled
// names hold no more than these types).
namespace simdutf {
enum error_code : int;
struct result {
  error_code error;  // 0: success.
  size_t count;      // Then: what was written.
};
enum base64_options : uint64_t { base64_default = 0 };
enum last_chunk_handling_options : uint64_t { loose = 0 };  // Padding may be missing.
__attribute__((visibility("default"))) bool validate_ascii(const char* text, size_t size);
__attribute__((visibility("default"))) bool validate_utf8(const char* text, size_t size);
__attribute__((visibility("default"))) size_t base64_length_from_binary(size_t size, base64_options options);
__attribute__((visibility("default"))) size_t binary_to_base64(const char* bytes, size_t size, char* out,
                                                               base64_options options);
__attribute__((visibility("default"))) result base64_to_binary(const char* text, size_t size, char* out,
                                                               base64_options options,
                                                               last_chunk_handling_options last);
}  // namespace simdutf

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

void ReturnLatin1(const Info& info, BytesView bytes) {
  v8::Local<v8::String> text;
  if (js::NewLatin1(info.GetIsolate(), bytes).ToLocal(&text)) info.GetReturnValue().Set(text);
}

void Utf8Encode(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsString()) return js::ThrowTypeError(isolate, "not a string");
  v8::Local<v8::String> text = info[0].As<v8::String>();
  size_t size = text->Utf8LengthV2(isolate);
  v8::Local<v8::ArrayBuffer> buffer;
  if (!NewBuffer(isolate, size).ToLocal(&buffer)) return;
  text->WriteUtf8V2(isolate, static_cast<char*>(buffer->Data()), size, v8::String::WriteFlags::kReplaceInvalidUtf8);
  info.GetReturnValue().Set(v8::Uint8Array::New(buffer, 0, size));
}

void Utf8EncodeInto(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsString() || !info[1]->IsArrayBufferView()) return js::ThrowTypeError(isolate, "not text and a view");
  v8::Local<v8::ArrayBufferView> view = info[1].As<v8::ArrayBufferView>();
  size_t read = 0, written = 0;
  if (view->ByteLength() > 0) {
    char* into = static_cast<char*>(view->Buffer()->Data()) + view->ByteOffset();
    written = info[0].As<v8::String>()->WriteUtf8V2(isolate, into, view->ByteLength(),
                                                    v8::String::WriteFlags::kReplaceInvalidUtf8, &read);
  }
  v8::Local<v8::Value> counts[] = {v8::Number::New(isolate, static_cast<double>(read)),
                                   v8::Number::New(isolate, static_cast<double>(written))};
  info.GetReturnValue().Set(v8::Array::New(isolate, counts, std::size(counts)));
}

// https://encoding.spec.whatwg.org/#utf-8-decode (or "without BOM" if `ignoreBOM`); V8 replaces as the standard says.
void Utf8Decode(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  HeapView storage;
  BytesView bytes = Contents(info[0], storage);
  if (!info[2]->IsTrue() && bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (simdutf::validate_ascii(bytes.data(), bytes.size())) return ReturnLatin1(info, bytes);
  if (info[1]->IsTrue() && !simdutf::validate_utf8(bytes.data(), bytes.size())) {
    return js::ThrowTypeError(isolate, kInvalidUtf8);
  }
  v8::Local<v8::String> text;
  if (js::NewUtf8(isolate, bytes).ToLocal(&text)) info.GetReturnValue().Set(text);
}

void Latin1(const Info& info) {
  HeapView storage;
  ReturnLatin1(info, Contents(info[0], storage));
}

// Nothing: it holds a character above U+00FF (or is no string).
std::optional<Bytes> Latin1Bytes(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (!value->IsString() || !value.As<v8::String>()->ContainsOnlyOneByte()) return std::nullopt;
  v8::Local<v8::String> text = value.As<v8::String>();
  Bytes bytes(static_cast<size_t>(text->Length()), '\0');
  text->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(bytes.size()), reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

void Base64Encode(const Info& info) {
  auto length = info[0]->IsString() ? static_cast<size_t>(info[0].As<v8::String>()->Length()) : 0;
  size_t size = simdutf::base64_length_from_binary(length, simdutf::base64_default);
  if (size > v8::String::kMaxLength) return js::ThrowRangeError(info.GetIsolate(), js::kTextTooLong);
  std::optional<Bytes> bytes = Latin1Bytes(info.GetIsolate(), info[0]);
  if (!bytes) return;
  Bytes text(size, '\0');
  text.resize(simdutf::binary_to_base64(bytes->data(), bytes->size(), text.data(), simdutf::base64_default));
  ReturnLatin1(info, text);
}

// https://infra.spec.whatwg.org/#forgiving-base64-decode
void Base64Decode(const Info& info) {
  std::optional<Bytes> text = Latin1Bytes(info.GetIsolate(), info[0]);
  if (!text) return;
  Bytes bytes(text->size(), '\0');  // More than enough: four characters make three bytes.
  simdutf::result result =
      simdutf::base64_to_binary(text->data(), text->size(), bytes.data(), simdutf::base64_default, simdutf::loose);
  if (result.error == simdutf::error_code{}) ReturnLatin1(info, BytesView(bytes).substr(0, result.count));
}

}  // namespace

v8::MaybeLocal<v8::String> DecodeUtf8(v8::Isolate* isolate, BytesView bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  bool ascii = simdutf::validate_ascii(bytes.data(), bytes.size());
  return ascii ? js::NewLatin1(isolate, bytes) : js::NewUtf8(isolate, bytes);
}

v8::MaybeLocal<v8::String> DecodeUtf8(v8::Isolate* isolate, std::unique_ptr<v8::BackingStore> bytes) {
  BytesView view(static_cast<const char*>(bytes->Data()), bytes->ByteLength());
  bool ascii = view.size() <= v8::String::kMaxLength && simdutf::validate_ascii(view.data(), view.size());
  return ascii && !view.empty() ? js::NewOwnedText(isolate, std::move(bytes)) : DecodeUtf8(isolate, view);
}

BytesView Contents(v8::Local<v8::Value> value, HeapView& storage) {
  if (value->IsArrayBufferView()) {
    v8::MemorySpan<uint8_t> span = value.As<v8::ArrayBufferView>()->GetContents({storage.bytes, sizeof storage.bytes});
    return {reinterpret_cast<const char*>(span.data()), span.size()};
  }
  if (value->IsArrayBuffer()) {
    v8::Local<v8::ArrayBuffer> buffer = value.As<v8::ArrayBuffer>();
    return {static_cast<const char*>(buffer->Data()), buffer->ByteLength()};
  }
  if (value->IsSharedArrayBuffer()) {
    v8::Local<v8::SharedArrayBuffer> buffer = value.As<v8::SharedArrayBuffer>();
    return {static_cast<const char*>(buffer->Data()), buffer->ByteLength()};
  }
  return {};
}

void AddTextNatives(std::vector<js::NativeFunction>& to) {
  to.insert(to.end(), {{"utf8Encode", Utf8Encode},
                       {"utf8EncodeInto", Utf8EncodeInto},
                       {"utf8Decode", Utf8Decode},
                       {"latin1", Latin1},
                       {"base64Encode", Base64Encode},
                       {"base64Decode", Base64Decode}});
}

}  // namespace limpet::api
