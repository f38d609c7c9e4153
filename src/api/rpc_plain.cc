#include "api/rpc_plain.h"

#include <cstring>
#include <string>
#include <type_traits>

#include "api/values.h"
#include "js/owned_text.h"

namespace limpet::api {
namespace {

constexpr char kVersion = 2;
constexpr uint32_t kListMax = 64;             // Longer lists are packed.
constexpr int kOperationTextMax = 64 * 1024;  // Longer ones are V8's to write.

constexpr uint32_t kOperationItemsMax = 5;
constexpr char kOperation = '\x82';  // No ASCII: a body of nothing else would come to JavaScript as a text.

// Of what stands behind it.
enum Tag : char { kUndefined, kNull, kFalse, kTrue, kInt32, kDouble, kOneByte, kTwoByte, kClone, kList };

// Numbers as they lie in memory: both ends are one process.
template <typename Number>
void Append(Bytes& out, Number number) {
  static_assert(std::is_arithmetic_v<Number>);
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof bytes);
}

void AppendText(Bytes& out, v8::Isolate* isolate, v8::Local<v8::String> text) {
  auto length = static_cast<uint32_t>(text->Length());
  bool narrow = text->IsOneByte();
  out.push_back(narrow ? kOneByte : kTwoByte);
  Append(out, length);
  size_t at = out.size();
  out.resize(at + size_t{length} * (narrow ? 1 : 2));
  if (narrow) {
    text->WriteOneByteV2(isolate, 0, length, reinterpret_cast<uint8_t*>(out.data() + at));
    return;
  }
  std::u16string wide(length, 0);  // What lies in `out` need not be aligned.
  text->WriteV2(isolate, 0, length, reinterpret_cast<uint16_t*>(wide.data()));
  std::memcpy(out.data() + at, wide.data(), size_t{length} * 2);
}

void AppendClone(Bytes& out, BytesView bytes) {
  out.push_back(kClone);
  Append(out, static_cast<uint32_t>(bytes.size()));
  out.append(bytes);
}

// False: it is no primitive that travels so.
bool AppendPrimitive(Bytes& out, v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value->IsInt32()) {
    out.push_back(kInt32);
    Append(out, value.As<v8::Int32>()->Value());
  } else if (value->IsString()) {
    AppendText(out, isolate, value.As<v8::String>());
  } else if (value->IsNumber()) {
    out.push_back(kDouble);
    Append(out, value.As<v8::Number>()->Value());
  } else if (value->IsBoolean()) {
    out.push_back(value->IsTrue() ? kTrue : kFalse);
  } else if (value->IsNullOrUndefined()) {
    out.push_back(value->IsNull() ? kNull : kUndefined);
  } else {
    return false;
  }
  return true;
}

// Refuses all that would have to be described.
class NoHosts final : public HostObjects {
 public:
  v8::MaybeLocal<v8::Value> Describe(js::Scope& scope, v8::Local<v8::Object>) override {
    scope.isolate()->ThrowException(v8::Null(scope.isolate()));
    return {};
  }
  bool quiet() const override { return true; }
};

std::optional<Bytes> Clone(js::Scope& scope, v8::Local<v8::Value> value) {
  v8::TryCatch caught(scope.isolate());
  caught.SetCaptureMessage(false);
  NoHosts hosts;
  std::optional<Bytes> bytes = Serialize(scope, value, hosts);
  if (caught.HasTerminated()) caught.ReThrow();
  if (!bytes || bytes->size() > kPlainBytesMax) return std::nullopt;
  return bytes;
}

// The same of a list of them. False: it is longer, or holds something else.
bool AppendList(Bytes& out, js::Scope& scope, v8::Local<v8::Array> list) {
  uint32_t count = list->Length();
  if (count > kListMax) return false;
  out.push_back(kList);
  Append(out, count);
  for (uint32_t i = 0; i < count; ++i) {
    v8::Local<v8::Value> item;
    if (!list->Get(scope.context(), i).ToLocal(&item)) return false;
    if (item->IsString() && item.As<v8::String>()->Length() > kOperationTextMax) return false;
    if (!AppendPrimitive(out, scope.isolate(), item)) return false;
  }
  return true;
}

// Whether the operation `kind` has a list of the built-ins' own at `index`: a path, arguments, numbers. Others are
// values of the script's.
bool HasList(int32_t kind, uint32_t index) {
  constexpr int32_t kCall = 0, kGet = 1, kAck = 5;
  return kind == kAck ? index == 1 : (kind == kCall || kind == kGet) && index >= 3;
}

// What a message says, piece by piece. Both ends are ours; all the same nothing is read beyond its end.
class Reader {
 public:
  Reader(js::Scope& scope, BytesView message) : scope_(scope), rest_(message) {}

  // Empty: an exception is pending.
  v8::MaybeLocal<v8::Value> Value() {
    v8::Isolate* isolate = scope_.isolate();
    switch (Take<char>(kRefused)) {
      case kUndefined: return v8::Undefined(isolate).As<v8::Value>();
      case kNull: return v8::Null(isolate).As<v8::Value>();
      case kFalse: return v8::False(isolate).As<v8::Value>();
      case kTrue: return v8::True(isolate).As<v8::Value>();
      case kInt32:
        if (rest_.size() < sizeof(int32_t)) break;
        return v8::Integer::New(isolate, Take<int32_t>(0)).As<v8::Value>();
      case kDouble:
        if (rest_.size() < sizeof(double)) break;
        return v8::Number::New(isolate, Take<double>(0)).As<v8::Value>();
      case kOneByte:
        if (std::optional<BytesView> text = Sized(1)) return js::FromLatin1(isolate, *text).As<v8::Value>();
        break;
      case kTwoByte:
        if (std::optional<BytesView> text = Sized(2)) return Wide(*text);
        break;
      case kClone:
        if (std::optional<BytesView> bytes = Sized(1)) return Deserialize(scope_, *bytes);
        break;
      default: break;
    }
    return Refuse();
  }
  // A list of values, or one that was packed.
  v8::MaybeLocal<v8::Value> Arguments() {
    if (rest_.empty() || rest_[0] != kList) return Value();
    Take<char>(kRefused);
    v8::Local<v8::Value> items[kListMax];
    uint32_t count = Take<uint32_t>(0);
    if (count > kListMax) return Refuse();
    for (uint32_t i = 0; i < count; ++i) {
      if (!Value().ToLocal(&items[i])) return {};
    }
    return v8::Array::New(scope_.isolate(), items, count).As<v8::Value>();
  }
  v8::MaybeLocal<v8::Value> Operation() {
    if (Take<char>(kRefused) != kList) return Refuse();
    v8::Local<v8::Value> items[kOperationItemsMax];
    uint32_t count = Take<uint32_t>(0);
    if (count > kOperationItemsMax) return Refuse();
    for (uint32_t i = 0; i < count; ++i) {
      if (!Arguments().ToLocal(&items[i])) return {};
    }
    return v8::Array::New(scope_.isolate(), items, count).As<v8::Value>();
  }

 private:
  v8::MaybeLocal<v8::Value> Refuse() {
    js::ThrowError(scope_.isolate(), "Unable to deserialize cloned data.");
    return {};
  }

  static constexpr char kRefused = -1;

  template <typename Number>
  Number Take(Number otherwise) {
    if (rest_.size() < sizeof(Number)) return otherwise;
    std::memcpy(&otherwise, rest_.data(), sizeof(Number));
    rest_.remove_prefix(sizeof(Number));
    return otherwise;
  }
  // A count and so many pieces of `size` bytes.
  std::optional<BytesView> Sized(size_t size) {
    if (rest_.size() < sizeof(uint32_t)) return std::nullopt;
    size_t bytes = Take<uint32_t>(0) * size;
    if (rest_.size() < bytes) return std::nullopt;
    BytesView taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  v8::MaybeLocal<v8::Value> Wide(BytesView bytes) {
    std::u16string text(bytes.size() / 2, 0);
    std::memcpy(text.data(), bytes.data(), bytes.size());
    v8::Local<v8::String> made;
    if (!js::NewUtf16(scope_.isolate(), text).ToLocal(&made)) return {};
    return made.As<v8::Value>();
  }

  js::Scope& scope_;
  BytesView rest_;
};

Bytes BytesOf(js::Scope& scope, v8::Local<v8::String> packed) {
  Bytes bytes(static_cast<size_t>(packed->Length()), 0);
  packed->WriteOneByteV2(scope.isolate(), 0, static_cast<uint32_t>(bytes.size()),
                         reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

}  // namespace

bool IsPlain(BytesView message) { return !message.empty() && message[0] == kVersion; }
bool IsPlainOperation(BytesView bytes) { return !bytes.empty() && bytes[0] == kOperation; }

std::optional<Bytes> WritePlainCall(js::Scope& scope, v8::Local<v8::String> method, v8::Local<v8::Value> args) {
  Bytes out(1, kVersion);
  AppendText(out, scope.isolate(), method);
  if (args->IsString()) {
    AppendClone(out, BytesOf(scope, args.As<v8::String>()));
    return out;
  }
  if (!args->IsArray() || !AppendList(out, scope, args.As<v8::Array>())) return std::nullopt;
  return out;
}

std::optional<Bytes> WritePlainAnswer(js::Scope& scope, v8::Local<v8::Value> value) {
  Bytes out(1, kVersion);
  if (!AppendPrimitive(out, scope.isolate(), value)) {
    std::optional<Bytes> bytes = Clone(scope, value);
    if (!bytes) return std::nullopt;
    AppendClone(out, *bytes);
  }
  if (out.size() > kPlainBytesMax) return std::nullopt;
  return out;
}

std::optional<Bytes> WritePlainOperation(js::Scope& scope, v8::Local<v8::Value> operation) {
  if (!operation->IsArray()) return std::nullopt;
  auto parts = operation.As<v8::Array>();
  uint32_t count = parts->Length();
  if (count > kOperationItemsMax) return std::nullopt;
  Bytes out(1, kOperation);
  out.push_back(kList);
  Append(out, count);
  int32_t kind = 0;
  for (uint32_t i = 0; i < count; ++i) {
    v8::Local<v8::Value> part;
    if (!parts->Get(scope.context(), i).ToLocal(&part)) return std::nullopt;
    if (i == 0) kind = part->IsInt32() ? part.As<v8::Int32>()->Value() : -1;
    if (HasList(kind, i) && part->IsArray()) {
      if (!AppendList(out, scope, part.As<v8::Array>())) return std::nullopt;
      continue;
    }
    if (part->IsString() && part.As<v8::String>()->Length() > kOperationTextMax) return std::nullopt;
    if (!AppendPrimitive(out, scope.isolate(), part)) return std::nullopt;
  }
  return out;
}

v8::MaybeLocal<v8::String> PackArguments(js::Scope& scope, v8::Local<v8::Value> args) {
  std::optional<Bytes> bytes = Clone(scope, args);
  if (!bytes) return {};
  return js::NewLatin1(scope.isolate(), *bytes);
}

v8::MaybeLocal<v8::Value> UnpackArguments(js::Scope& scope, v8::Local<v8::String> packed) {
  return Deserialize(scope, BytesOf(scope, packed));
}

std::optional<PlainCall> ReadPlainCall(js::Scope& scope, BytesView message) {
  Reader reader(scope, message.substr(1));
  v8::Local<v8::Value> method;
  PlainCall call;
  if (!reader.Value().ToLocal(&method) || !reader.Arguments().ToLocal(&call.args)) return std::nullopt;
  if (!method->IsString() || !call.args->IsArray()) {
    js::ThrowError(scope.isolate(), "Unable to deserialize cloned data.");
    return std::nullopt;
  }
  call.method = method.As<v8::String>();
  return call;
}

v8::MaybeLocal<v8::Value> ReadPlainAnswer(js::Scope& scope, BytesView message) {
  return Reader(scope, message.substr(1)).Value();
}

v8::MaybeLocal<v8::Value> ReadPlainOperation(js::Scope& scope, BytesView bytes) {
  return Reader(scope, bytes.substr(1)).Operation();
}

}  // namespace limpet::api
