// Natives about values: structured clone, randomness, the clock, and what only the engine can see.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>

#include "api/errors.h"
#include "api/hooks.h"
#include "api/io_context.h"
#include "api/native_list.h"
#include "api/natives.h"
#include "api/values.h"
#include "base/random.h"
#include "js/modules.h"
#include "js/young_buffers.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

v8::Local<v8::Private> HostBrand(v8::Isolate* isolate) {
  return v8::Private::ForApi(isolate, js::Literal(isolate, "limpet.host"));
}

// Writes into a Bytes, so that the result need not be copied out.
class Writer final : public v8::ValueSerializer::Delegate {
 public:
  explicit Writer(js::Scope& scope, HostObjects* hosts = nullptr)
      : scope_(scope), hosts_(hosts), serializer_(scope.isolate(), this) {
    serializer_.WriteHeader();
  }
  v8::ValueSerializer& serializer() { return serializer_; }

  // Nothing: an exception is pending.
  std::optional<Bytes> Write(v8::Local<v8::Value> value) {
    // Here: V8 calls the delegate within handle scopes of its own, which end with each object.
    if (value->IsObject()) plain_prototype_ = v8::Object::New(scope_.isolate())->GetPrototypeV2();
    if (!serializer_.WriteValue(scope_.context(), value).FromMaybe(false)) return std::nullopt;
    size_t size = serializer_.Release().second;
    buffer_.resize(size);
    return std::move(buffer_);
  }

  void ThrowDataCloneError(v8::Local<v8::String> message) override {
    if (hosts_ != nullptr && hosts_->quiet()) {
      scope_.isolate()->ThrowException(v8::Null(scope_.isolate()));
      return;
    }
    ThrowNamedError(scope_, "DataCloneError", message);
  }
  bool HasCustomHostObject(v8::Isolate*) override { return true; }
  v8::Maybe<bool> IsHostObject(v8::Isolate* isolate, v8::Local<v8::Object> object) override;
  v8::Maybe<bool> WriteHostObject(v8::Isolate* isolate, v8::Local<v8::Object> object) override;
  void* ReallocateBufferMemory(void*, size_t size, size_t* actual_size) override {
    if (size > kSerializedBufferBytesMax) return nullptr;
    buffer_.resize(size);
    *actual_size = size;
    return buffer_.data();
  }
  void FreeBufferMemory(void*) override {}
  v8::Maybe<uint32_t> GetSharedArrayBufferId(v8::Isolate*, v8::Local<v8::SharedArrayBuffer> buffer) override {
    if (!shares_) {
      ThrowDataCloneError(js::Literal(scope_.isolate(), "#<SharedArrayBuffer> could not be cloned."));
      return v8::Nothing<uint32_t>();
    }
    shared_.push_back(buffer->GetBackingStore());
    return v8::Just(static_cast<uint32_t>(shared_.size() - 1));
  }
  // SharedArrayBuffers are shared with the clone, instead of refused.
  void set_shares(bool shares) { shares_ = shares; }
  const std::vector<std::shared_ptr<v8::BackingStore>>& shared() const { return shared_; }
  bool wrote_errors() const { return wrote_errors_; }

 private:
  v8::Maybe<bool> IsOfPlatform(v8::Isolate* isolate, v8::Local<v8::Value> prototype);

  js::Scope& scope_;
  HostObjects* hosts_;                    // May be null.
  v8::Local<v8::Value> plain_prototype_;  // Object.prototype, while an object is written.
  bool shares_ = false;
  bool wrote_errors_ = false;  // As host objects.
  std::vector<std::shared_ptr<v8::BackingStore>> shared_;
  Bytes buffer_;
  v8::ValueSerializer serializer_;  // Last: its constructor calls back.
};

v8::Maybe<bool> Writer::IsHostObject(v8::Isolate* isolate, v8::Local<v8::Object> object) {
  if (object->InternalFieldCount() > 0) return v8::Just(true);
  v8::Local<v8::Value> prototype = object->GetPrototypeV2();
  if (hosts_ != nullptr) {
    if (!prototype->IsObject() || prototype == plain_prototype_) return v8::Just(false);
    return object->IsNativeError() ? IsOfPlatform(isolate, prototype) : v8::Just(true);  // Of errors, DOMExceptions.
  }
  if (object->IsNativeError()) {  // Rare. DOMExceptions always are, others from some date on.
    v8::Local<v8::Value> packed;
    if (!CallHook(scope_, kPackHost, {object}).ToLocal(&packed)) return v8::Nothing<bool>();
    return v8::Just(packed->IsArray());
  }
  return IsOfPlatform(isolate, prototype);
}

// Whether one of the platform's prototypes is among `prototype` and its own.
v8::Maybe<bool> Writer::IsOfPlatform(v8::Isolate* isolate, v8::Local<v8::Value> prototype) {
  v8::Local<v8::Private> brand;
  for (int i = 0; i < kPrototypesMax && prototype->IsObject() && prototype != plain_prototype_; ++i) {
    if (prototype->IsProxy()) break;  // Asking it further would run its traps.
    if (brand.IsEmpty()) brand = HostBrand(isolate);
    v8::Local<v8::Object> at = prototype.As<v8::Object>();
    bool branded = false;
    if (!at->HasPrivate(scope_.context(), brand).To(&branded)) return v8::Nothing<bool>();
    if (branded) return v8::Just(true);
    prototype = at->GetPrototypeV2();
  }
  return v8::Just(false);
}

// The number of the object's class, then its plain data, written like any value (api/builtins/clone.ts).
v8::Maybe<bool> Writer::WriteHostObject(v8::Isolate* isolate, v8::Local<v8::Object> object) {
  if (hosts_ != nullptr) {
    v8::Local<v8::Value> description;
    if (!hosts_->Describe(scope_, object).ToLocal(&description)) return v8::Nothing<bool>();
    std::optional<Bytes> bytes = Serialize(scope_, description);
    if (!bytes) return v8::Nothing<bool>();
    serializer_.WriteUint32(static_cast<uint32_t>(bytes->size()));
    serializer_.WriteRawBytes(bytes->data(), bytes->size());
    return v8::Just(true);
  }
  v8::Local<v8::Value> packed;
  if (!CallHook(scope_, kPackHost, {object}).ToLocal(&packed)) return v8::Nothing<bool>();
  wrote_errors_ = wrote_errors_ || object->IsNativeError();
  v8::Local<v8::Value> number;
  v8::Local<v8::Value> data;
  if (packed->IsArray() && packed.As<v8::Array>()->Get(scope_.context(), 0).ToLocal(&number) && number->IsUint32() &&
      packed.As<v8::Array>()->Get(scope_.context(), 1).ToLocal(&data)) {
    serializer_.WriteUint32(number.As<v8::Uint32>()->Value());
    return serializer_.WriteValue(scope_.context(), data);
  }
  std::string text = "Could not serialize object of type \"" + js::ToUtf8(isolate, object->GetConstructorName()) +
                     "\". This type does not support serialization.";
  ThrowNamedError(scope_, "DataCloneError", js::FromUtf8(isolate, text));
  return v8::Nothing<bool>();
}

// Gives host objects what `revive` makes of their descriptions.
class Reviver final : public v8::ValueDeserializer::Delegate {
 public:
  Reviver(js::Scope& scope, BytesView bytes, v8::Local<v8::Function> revive)
      : scope_(scope),
        revive_(revive),
        reader_(scope.isolate(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), this) {}
  v8::MaybeLocal<v8::Value> Read() {
    if (!reader_.ReadHeader(scope_.context()).FromMaybe(false)) return {};
    return reader_.ReadValue(scope_.context());
  }

  v8::MaybeLocal<v8::Object> ReadHostObject(v8::Isolate* isolate) override {
    uint32_t size = 0;
    const void* bytes = nullptr;
    v8::Local<v8::Value> value;
    if (!reader_.ReadUint32(&size) || !reader_.ReadRawBytes(size, &bytes)) {
      js::ThrowError(isolate, "Unable to deserialize cloned data.");
      return {};
    }
    if (!Deserialize(scope_, BytesView(static_cast<const char*>(bytes), size)).ToLocal(&value)) return {};
    // V8 forbids JavaScript while it reads; what a host object is made of is outside of what it holds half-made.
    v8::Isolate::AllowJavascriptExecutionScope allow(isolate);
    if (!revive_->Call(scope_.context(), v8::Undefined(isolate), 1, &value).ToLocal(&value)) return {};
    if (value->IsObject()) return value.As<v8::Object>();
    js::ThrowError(isolate, "Unable to deserialize cloned data.");
    return {};
  }

 private:
  js::Scope& scope_;
  v8::Local<v8::Function> revive_;
  v8::ValueDeserializer reader_;
};

class Reader final : public v8::ValueDeserializer::Delegate {
 public:
  // `shared`: what the writer numbered; outlives the reader.
  Reader(js::Scope& scope, BytesView bytes, const std::vector<std::shared_ptr<v8::BackingStore>>& shared)
      : scope_(scope),
        shared_(shared),
        deserializer_(scope.isolate(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), this) {}
  v8::ValueDeserializer& deserializer() { return deserializer_; }
  v8::MaybeLocal<v8::SharedArrayBuffer> GetSharedArrayBufferFromId(v8::Isolate* isolate, uint32_t id) override {
    if (id >= shared_.size()) return {};
    return v8::SharedArrayBuffer::New(isolate, shared_[id]);
  }
  v8::MaybeLocal<v8::Object> ReadHostObject(v8::Isolate* isolate) override {
    uint32_t number = 0;
    v8::Local<v8::Value> data;
    v8::Local<v8::Value> object;
    if (!deserializer_.ReadUint32(&number)) return {};
    if (!deserializer_.ReadValue(scope_.context()).ToLocal(&data)) return {};
    // V8 forbids JavaScript while it reads, for what scripts could do; this is ours, and V8's state is sound here.
    v8::Isolate::AllowJavascriptExecutionScope allow(isolate);
    if (!CallHook(scope_, kUnpackHost, {v8::Integer::NewFromUnsigned(isolate, number), data}).ToLocal(&object)) {
      return {};
    }
    if (object->IsObject()) return object.As<v8::Object>();
    ThrowNamedError(scope_, "DataCloneError", js::Literal(isolate, "Unable to deserialize cloned data."));
    return {};
  }

 private:
  js::Scope& scope_;
  const std::vector<std::shared_ptr<v8::BackingStore>>& shared_;
  v8::ValueDeserializer deserializer_;  // Last: its constructor may call back.
};

v8::MaybeLocal<v8::Value> Read(js::Scope& scope, BytesView bytes, const std::vector<v8::Local<v8::ArrayBuffer>>& moved,
                               const std::vector<std::shared_ptr<v8::BackingStore>>& shared = {}) {
  Reader delegate(scope, bytes, shared);
  v8::ValueDeserializer& reader = delegate.deserializer();
  if (!reader.ReadHeader(scope.context()).FromMaybe(false)) return {};
  for (uint32_t i = 0; i < moved.size(); ++i) reader.TransferArrayBuffer(i, moved[i]);
  return reader.ReadValue(scope.context());
}

void SerializeNative(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  js::Scope scope = CurrentScope(isolate);
  std::optional<Bytes> bytes = Serialize(scope, info[0]);
  v8::Local<v8::ArrayBuffer> buffer;
  if (!bytes || !NewBuffer(isolate, bytes->size()).ToLocal(&buffer)) return;
  std::memcpy(buffer->Data(), bytes->data(), bytes->size());
  info.GetReturnValue().Set(buffer);
}

void DeserializeNative(const Info& info) {
  js::Scope scope = CurrentScope(info.GetIsolate());
  v8::Local<v8::Value> value;
  if (Deserialize(scope, js::CopyBytes(info[0])).ToLocal(&value)) info.GetReturnValue().Set(value);
}

// Step 2 of https://html.spec.whatwg.org/multipage/structured-data.html#structuredserializewithtransfer. A view stands
// for its buffer, as in workerd. Nothing: an exception is pending.
std::optional<std::vector<v8::Local<v8::ArrayBuffer>>> TransferList(js::Scope& scope, v8::Local<v8::Value> list) {
  v8::Isolate* isolate = scope.isolate();
  std::vector<v8::Local<v8::ArrayBuffer>> buffers;
  if (!list->IsArray()) return buffers;
  for (uint32_t i = 0; i < list.As<v8::Array>()->Length(); ++i) {
    v8::Local<v8::Value> item;
    if (!list.As<v8::Array>()->Get(scope.context(), i).ToLocal(&item)) return std::nullopt;
    if (item->IsArrayBufferView()) item = item.As<v8::ArrayBufferView>()->Buffer();
    if (!item->IsArrayBuffer()) {
      js::ThrowTypeError(isolate, kNotTransferable);
      return std::nullopt;
    }
    v8::Local<v8::ArrayBuffer> buffer = item.As<v8::ArrayBuffer>();
    if (!buffer->IsDetachable()) {  // Of a WebAssembly memory.
      ThrowNamedError(scope, "DataCloneError", js::Literal(isolate, kNotTransferable));
      return std::nullopt;
    }
    if (buffer->WasDetached()) continue;  // The serialiser refuses it if the value holds it.
    if (std::find(buffers.begin(), buffers.end(), buffer) == buffers.end()) buffers.push_back(buffer);
  }
  return buffers;
}

void StructuredClone(const Info& info) {
  js::Scope scope = CurrentScope(info.GetIsolate());
  auto buffers = TransferList(scope, info[1]);
  if (!buffers) return;
  Writer writer(scope);
  writer.set_shares(info[2]->IsTrue());
  for (uint32_t i = 0; i < buffers->size(); ++i) writer.serializer().TransferArrayBuffer(i, (*buffers)[i]);
  std::optional<Bytes> bytes = writer.Write(info[0]);
  if (!bytes) return;
  for (v8::Local<v8::ArrayBuffer>& buffer : *buffers) {
    std::shared_ptr<v8::BackingStore> store = buffer->GetBackingStore();  // Empty if a getter detached it meanwhile.
    if (!buffer->WasDetached() && !buffer->Detach({}).FromMaybe(false)) return;
    buffer = v8::ArrayBuffer::New(scope.isolate(), std::move(store));
  }
  v8::Local<v8::Value> value;
  if (Read(scope, *bytes, *buffers, writer.shared()).ToLocal(&value)) info.GetReturnValue().Set(value);
}

void MarkHost(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsObject()) return;
  (void)info[0].As<v8::Object>()->SetPrivate(isolate->GetCurrentContext(), HostBrand(isolate), v8::True(isolate));
}

// copyWith(object, name, value, name, value): object
void CopyWith(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsObject() || !info[1]->IsString() || !info[3]->IsString()) return;
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Object> copy = info[0].As<v8::Object>()->Clone(isolate);
  for (int i = 1; i < 5; i += 2) {
    if (copy->DefineOwnProperty(context, info[i].As<v8::String>(), info[i + 1], v8::ReadOnly).IsNothing()) return;
  }
  info.GetReturnValue().Set(copy);
}

// False: the global-scope error is pending.
bool InEvent(v8::Isolate* isolate) {
  if (js::Isolate::From(isolate).current != nullptr) return true;
  js::ThrowError(isolate, kGlobalScopeError);
  return false;
}

void RandomFill(const Info& info) {
  if (!InEvent(info.GetIsolate()) || !info[0]->IsArrayBufferView()) return;
  v8::Local<v8::ArrayBufferView> view = info[0].As<v8::ArrayBufferView>();
  auto* data = static_cast<uint8_t*>(view->Buffer()->Data());
  if (view->ByteLength() > 0) {
    js::Isolate::From(info.GetIsolate()).random.Fill({data + view->ByteOffset(), view->ByteLength()});
  }
}

// https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4
void RandomUuid(const Info& info) {
  if (!InEvent(info.GetIsolate())) return;
  uint8_t bytes[16];
  js::Isolate::From(info.GetIsolate()).random.Fill(bytes);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  char text[36];
  size_t at = 0;
  for (size_t i = 0; i < sizeof bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
    text[at++] = "0123456789abcdef"[bytes[i] >> 4];
    text[at++] = "0123456789abcdef"[bytes[i] & 15];
  }
  info.GetReturnValue().Set(js::FromLatin1(info.GetIsolate(), {text, sizeof text}));
}

// Time since 1970, as Date.now(): workerd's performance.timeOrigin is 0.
void Now(const Info& info) {
  std::chrono::duration<double, std::milli> since = std::chrono::system_clock::now().time_since_epoch();
  info.GetReturnValue().Set(since.count());
}

void PreviewProxy(const Info& info) {
  if (!info[0]->IsProxy()) return;
  v8::Local<v8::Proxy> proxy = info[0].As<v8::Proxy>();
  v8::Local<v8::Value> pair[] = {proxy->GetTarget(), proxy->GetHandler()};
  info.GetReturnValue().Set(v8::Array::New(info.GetIsolate(), pair, std::size(pair)));
}

void PromiseState(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsPromise()) return js::ThrowTypeError(isolate, "not a promise");
  v8::Local<v8::Promise> promise = info[0].As<v8::Promise>();
  v8::Promise::PromiseState state = promise->State();
  v8::Local<v8::Value> result = v8::Undefined(isolate);
  if (state != v8::Promise::kPending) result = promise->Result();
  v8::Local<v8::Value> pair[] = {v8::Integer::New(isolate, state), result};
  info.GetReturnValue().Set(v8::Array::New(isolate, pair, std::size(pair)));
}

void AsyncFrame(const Info& info) { info.GetReturnValue().Set(js::Isolate::AsyncFrame(info.GetIsolate())); }

void SetAsyncFrame(const Info& info) { js::Isolate::SetAsyncFrame(info.GetIsolate(), info[0]); }

void HearHandled(const Info& info) { js::Isolate::From(info.GetIsolate()).hear_handled = true; }

// [text, file, line, column] of where an error was made, or else of here.
void PlaceOf(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Message> message = v8::Exception::CreateMessage(isolate, info[0]);
  v8::Local<v8::Value> name = message->GetScriptResourceName();
  v8::Local<v8::Value> place[] = {
      message->Get(), name.IsEmpty() || !name->IsString() ? v8::String::Empty(isolate).As<v8::Value>() : name,
      v8::Integer::New(isolate, message->GetLineNumber(context).FromMaybe(0)),
      v8::Integer::New(isolate, message->GetStartColumn(context).FromMaybe(0))};
  info.GetReturnValue().Set(v8::Array::New(isolate, place, std::size(place)));
}

// allowEval(on): whether code may be made of strings, until the modules have run.
void AllowEval(const Info& info) {
  info.GetIsolate()->GetCurrentContext()->AllowCodeGenerationFromStrings(info[0]->IsTrue());
}

// requireExports(on): what `require` gives of CommonJS modules.
void RequireExports(const Info& info) { js::SetRequiresExports(info.GetIsolate(), info[0]->IsTrue()); }

}  // namespace

js::Scope CurrentScope(v8::Isolate* isolate) {
  return {js::Isolate::From(isolate), isolate, isolate->GetCurrentContext()};
}

std::optional<Bytes> Serialize(js::Scope& scope, v8::Local<v8::Value> value) {
  Writer writer(scope);
  std::optional<Bytes> bytes = writer.Write(value);
  if (!bytes || !writer.wrote_errors()) return bytes;
  // A host object that holds itself can be written, and never read again.
  {
    v8::TryCatch caught(scope.isolate());
    if (!Deserialize(scope, *bytes).IsEmpty()) return bytes;
  }
  ThrowNamedError(scope, "DataCloneError",
                  js::Literal(scope.isolate(), "An error that holds itself could not be cloned."));
  return std::nullopt;
}

std::optional<Bytes> Serialize(js::Scope& scope, v8::Local<v8::Value> value, HostObjects& hosts) {
  Writer writer(scope, &hosts);
  return writer.Write(value);
}

v8::MaybeLocal<v8::Value> Deserialize(js::Scope& scope, BytesView bytes, v8::Local<v8::Function> revive) {
  return Reviver(scope, bytes, revive).Read();
}

v8::MaybeLocal<v8::Value> Deserialize(js::Scope& scope, BytesView bytes) {
  constexpr std::string_view kHeader13 = "\xFF\x0D";
  if (!bytes.empty() && bytes[0] == kHeader13[0]) return Read(scope, bytes, {});
  return Read(scope, Bytes(kHeader13).append(bytes), {});
}

void ThrowNamedError(js::Scope& scope, std::string_view name, v8::Local<v8::String> message, int flags) {
  v8::Isolate* isolate = scope.isolate();
  v8::Local<v8::Value> arguments[] = {js::FromUtf8(isolate, name), message, v8::Integer::New(isolate, flags)};
  v8::Local<v8::Value> error;
  v8::Local<v8::Function> make = scope.Hook(kMakeError);
  if (!make->Call(scope.context(), v8::Undefined(isolate), std::size(arguments), arguments).ToLocal(&error)) return;
  isolate->ThrowException(error);
}

v8::MaybeLocal<v8::ArrayBuffer> NewBuffer(v8::Isolate* isolate, size_t size) {
  js::ExpectBuffer(isolate, size);
  v8::MaybeLocal<v8::ArrayBuffer> buffer =
      v8::ArrayBuffer::MaybeNew(isolate, size, v8::BackingStoreInitializationMode::kUninitialized);
  if (buffer.IsEmpty()) js::ThrowRangeError(isolate, kOutOfMemory);
  return buffer;
}

void AddValueNatives(std::vector<js::NativeFunction>& to) {
  to.insert(to.end(), {{"serialize", SerializeNative},
                       {"deserialize", DeserializeNative},
                       {"structuredClone", StructuredClone},
                       {"markHost", MarkHost},
                       {"copyWith", CopyWith},
                       {"randomFill", RandomFill},
                       {"randomUUID", RandomUuid},
                       {"now", Now},
                       {"previewProxy", PreviewProxy},
                       {"promiseState", PromiseState},
                       {"asyncFrame", AsyncFrame},
                       {"setAsyncFrame", SetAsyncFrame},
                       {"hearHandled", HearHandled},
                       {"placeOf", PlaceOf},
                       {"allowEval", AllowEval},
                       {"requireExports", RequireExports}});
}

std::vector<js::NativeFunction> PureNatives() {
  std::vector<js::NativeFunction> all;
  AddValueNatives(all);
  AddTextNatives(all);
  AddUrlNatives(all);
  AddEncodingNatives(all);
  AddMultiByteNatives(all);
  AddZlibNatives(all);
  AddCryptoNatives(all);
  AddCryptoKeyNatives(all);
  AddCryptoSignNatives(all);
  AddCryptoLatticeNatives(all);
  return all;
}

}  // namespace limpet::api
