// Between V8's values and ours.
#include <v8.h>

#include <climits>
#include <cstring>

#include "js/isolate.h"
#include "js/young_buffers.h"

namespace limpet::js {
namespace {
constexpr int kCopiedTextMax = 4096;
}  // namespace

std::string ToUtf8(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  v8::Local<v8::String> string;
  if (value.IsEmpty()) return "";
  if (value->IsString()) {
    string = value.As<v8::String>();
  } else {
    v8::TryCatch caught(isolate);
    v8::Local<v8::Context> context = isolate->GetCurrentContext();
    if (value->IsSymbol()) value = value.As<v8::Symbol>()->Description(isolate);
    if (!value->ToString(context).ToLocal(&string)) return "";
  }
  if (string->IsOneByte() && string->Length() <= kCopiedTextMax) {
    // Most are short ASCII, which V8 would measure first and then write with more care than it takes.
    std::string copy(static_cast<size_t>(string->Length()), '\0');
    string->WriteOneByteV2(isolate, 0, static_cast<uint32_t>(copy.size()), reinterpret_cast<uint8_t*>(copy.data()));
    if (IsAscii(copy)) return copy;
  }
  std::string text(string->Utf8LengthV2(isolate), '\0');
  size_t written = string->WriteUtf8V2(isolate, text.data(), text.size(), v8::String::WriteFlags::kReplaceInvalidUtf8);
  text.resize(written);
  return text;
}

v8::Local<v8::String> FromUtf8(v8::Isolate* isolate, std::string_view text) {
  v8::Local<v8::String> string;
  if (text.size() > INT_MAX ||
      !v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal, static_cast<int>(text.size()))
           .ToLocal(&string)) {
    return v8::String::Empty(isolate);
  }
  return string;
}

v8::Local<v8::String> FromLatin1(v8::Isolate* isolate, std::string_view text) {
  v8::Local<v8::String> string;
  const auto* data = reinterpret_cast<const uint8_t*>(text.data());
  if (text.size() > INT_MAX ||
      !v8::String::NewFromOneByte(isolate, data, v8::NewStringType::kNormal, static_cast<int>(text.size()))
           .ToLocal(&string)) {
    return v8::String::Empty(isolate);
  }
  return string;
}

bool IsAscii(std::string_view text) {
  const char* at = text.data();
  size_t left = text.size();
  uint64_t seen = 0;
  for (; left >= sizeof(uint64_t); at += sizeof(uint64_t), left -= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    seen |= word;
  }
  for (; left > 0; ++at, --left) seen |= static_cast<uint64_t>(static_cast<unsigned char>(*at));
  return (seen & 0x8080808080808080u) == 0;
}

v8::Local<v8::String> Literal(v8::Isolate* isolate, const char* ascii) {
  return v8::String::NewFromOneByte(isolate, reinterpret_cast<const uint8_t*>(ascii), v8::NewStringType::kInternalized)
      .ToLocalChecked();
}

bool IsBytes(v8::Local<v8::Value> value) {
  return value->IsArrayBufferView() || value->IsArrayBuffer() || value->IsSharedArrayBuffer();
}

Bytes CopyBytes(v8::Local<v8::Value> value) {
  Bytes bytes;
  if (value->IsArrayBufferView()) {
    v8::Local<v8::ArrayBufferView> view = value.As<v8::ArrayBufferView>();
    bytes.resize(view->ByteLength());
    bytes.resize(view->CopyContents(bytes.data(), bytes.size()));
  } else if (value->IsArrayBuffer()) {
    v8::Local<v8::ArrayBuffer> buffer = value.As<v8::ArrayBuffer>();
    if (buffer->ByteLength() != 0) bytes.assign(static_cast<const char*>(buffer->Data()), buffer->ByteLength());
  } else if (value->IsSharedArrayBuffer()) {
    std::shared_ptr<v8::BackingStore> store = value.As<v8::SharedArrayBuffer>()->GetBackingStore();
    if (store->ByteLength() != 0) bytes.assign(static_cast<const char*>(store->Data()), store->ByteLength());
  }
  return bytes;
}

v8::Local<v8::Uint8Array> ToUint8Array(v8::Isolate* isolate, BytesView bytes) {
  ExpectBuffer(isolate, bytes.size());
  std::shared_ptr<v8::BackingStore> store =
      v8::ArrayBuffer::NewBackingStore(isolate, bytes.size(), v8::BackingStoreInitializationMode::kUninitialized,
                                       v8::BackingStoreOnFailureMode::kReturnNull);
  if (store == nullptr) {
    ThrowRangeError(isolate, "Array buffer allocation failed");
    return {};
  }
  if (!bytes.empty()) std::memcpy(store->Data(), bytes.data(), bytes.size());
  return v8::Uint8Array::New(v8::ArrayBuffer::New(isolate, std::move(store)), 0, bytes.size());
}

void ThrowError(v8::Isolate* isolate, std::string_view message) {
  isolate->ThrowException(v8::Exception::Error(FromUtf8(isolate, message)));
}

void ThrowTypeError(v8::Isolate* isolate, std::string_view message) {
  isolate->ThrowException(v8::Exception::TypeError(FromUtf8(isolate, message)));
}

void ThrowRangeError(v8::Isolate* isolate, std::string_view message) {
  isolate->ThrowException(v8::Exception::RangeError(FromUtf8(isolate, message)));
}

namespace {

// A property as text, or "" if it is absent, no string, or throws.
std::string TextProperty(Scope& scope, v8::Local<v8::Object> object, const char* name) {
  v8::TryCatch caught(scope.isolate());
  v8::Local<v8::Value> value;
  if (!object->Get(scope.context(), Literal(scope.isolate(), name)).ToLocal(&value) || !value->IsString()) return "";
  return ToUtf8(scope.isolate(), value);
}

// "index.js:3:7", or "" if the message has no place.
std::string PlaceOf(Scope& scope, v8::Local<v8::Message> message) {
  if (message.IsEmpty()) return "";
  v8::Local<v8::Value> file = message->GetScriptResourceName();
  int line = message->GetLineNumber(scope.context()).FromMaybe(0);
  if (!file->IsString() || line == 0) return "";
  int column = message->GetStartColumn(scope.context()).FromMaybe(0) + 1;
  return ToUtf8(scope.isolate(), file) + ":" + std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace

Error DescribeException(Scope& scope, v8::Local<v8::Value> exception, v8::Local<v8::Message> message) {
  std::string name = "Error";
  std::string text;
  std::string stack;
  if (!exception.IsEmpty() && exception->IsObject() && !exception->IsProxy()) {
    v8::Local<v8::Object> object = exception.As<v8::Object>();
    if (std::string own = TextProperty(scope, object, "name"); !own.empty()) name = own;
    text = TextProperty(scope, object, "message");
    stack = TextProperty(scope, object, "stack");
    if (text.empty() && !exception->IsNativeError()) text = ToUtf8(scope.isolate(), exception);
  } else if (!exception.IsEmpty() && !exception->IsProxy()) {
    text = ToUtf8(scope.isolate(), exception);
  }
  bool own_words = !exception.IsEmpty() && (!exception->IsObject() || exception->IsNativeError());
  if (text.empty() && !own_words) text = "an error that can't be described";
  // A syntax error's own stack does not say where the mistake stands.
  if (std::string place = PlaceOf(scope, message); !place.empty() && stack.find(place) == std::string::npos) {
    if (stack.empty()) stack = name + ": " + text;
    stack += "\n    at " + place;
  }
  return Error::Script(std::move(name), std::move(text)).WithStack(std::move(stack));
}

}  // namespace limpet::js
