// Natives of calls to the outside: outbound fetch, calls to objects, and the IDs of objects.
#include <utility>

#include "api/hooks.h"
#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/natives.h"

namespace limpet::api {
namespace {

// Reads method, url, headers, body, length from `first` on. Nothing: an exception is pending.
std::optional<HttpRequest> ReadRequest(Call& call, IoContext& context, int first) {
  HttpRequest request;
  request.method = call.Text(first);
  request.url = call.Text(first + 1);
  std::optional<HeaderList> headers = FromFlat(call.scope, call.args[first + 2]);
  if (!headers) return std::nullopt;
  request.headers = *std::move(headers);
  std::optional<Body> body = context.ExportBody(call.scope, call.args[first + 3], call.args[first + 4]);
  if (!body) return std::nullopt;
  request.body = *std::move(body);
  return request;
}

// [status, statusText, headers, body]
v8::MaybeLocal<v8::Value> ToInResponse(js::Scope& scope, IoContext& context, HttpResponse response) {
  v8::Isolate* isolate = scope.isolate();
  v8::Local<v8::Value> body = context.ImportBody(scope, std::move(response.body));
  if (body.IsEmpty()) return {};
  v8::Local<v8::Value> parts[] = {
      v8::Integer::New(isolate, response.status),
      js::FromUtf8(isolate, response.status_text.empty() ? StandardReason(response.status)
                                                         : std::string_view(response.status_text)),
      ToFlat(scope, response.headers), body};
  return v8::Array::New(isolate, parts, 4).As<v8::Value>();
}

// [promise, number]: what both fetches return. `number` is the resolver's and the fetch's.
std::optional<uint64_t> ReturnPending(Call& call, IoContext& context) {
  std::optional<uint64_t> number = ReturnPromise(call, context);
  if (!number) return std::nullopt;
  v8::Local<v8::Value> pair[] = {call.args.GetReturnValue().Get(),
                                 v8::Number::New(call.scope.isolate(), static_cast<double>(*number))};
  call.args.GetReturnValue().Set(v8::Array::New(call.scope.isolate(), pair, 2));
  context.HoldFetch(*number, net::FetchHandle());
  return number;
}

void SettleFetch(const std::shared_ptr<IoContext>& context, uint64_t number, object::GateRef where,
                 Result<HttpResponse> response) {
  context->FetchAnswered(number);
  context->Settle(
      number, std::move(where),
      [context = context.get(), response = std::move(response)](js::Scope& scope) mutable -> v8::MaybeLocal<v8::Value> {
        if (!response.has_value()) return Throw(scope, response.error()), v8::MaybeLocal<v8::Value>();
        return ToInResponse(scope, *context, std::move(response).value());
      });
}

// fetchOutbound(method, url, headers, body, length)
void FetchOutbound(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<HttpRequest> request = ReadRequest(call, *context, 0);
  if (!request) return;
  std::optional<uint64_t> number = ReturnPending(call, *context);
  if (!number) return;
  context->WhenDurable([weak = context->weak_from_this(), number = *number, where = context->where(),
                        request = *std::move(request)](Result<Done> durable) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self || !durable.has_value() || !self->FetchWanted(number)) return;
    if (self->host().client == nullptr) return;
    net::FetchHandle handle = self->host().client->Fetch(
        std::move(request), [weak, number, where = std::move(where)](Result<HttpResponse> response) mutable {
          std::shared_ptr<IoContext> context = weak.lock();
          if (!context) return;
          SettleFetch(context, number, std::move(where), std::move(response));
        });
    self->HoldFetch(number, std::move(handle));
  });
}

// fetchObject(ns, id, name, method, url, headers, body, length)
void FetchObject(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  uint64_t ns = call.Number(0);
  std::optional<Bytes> raw = FromHex(call.Text(1));
  if (ns >= context->host().namespaces.size() || !raw || raw->size() < 16) {
    return js::ThrowTypeError(call.scope.isolate(), "Invalid Durable Object ID: must be 64 hex digits");
  }
  ObjectId id{context->host().namespaces[ns].codec.ns(), {}};
  std::copy_n(raw->begin(), id.base.size(), id.base.begin());
  std::optional<std::string> name;
  if (args[2]->IsString()) name = call.Text(2);
  std::optional<HttpRequest> request = ReadRequest(call, *context, 3);
  if (!request) return;
  std::optional<uint64_t> number = ReturnPending(call, *context);
  if (!number) return;
  context->WhenDurable([weak = context->weak_from_this(), number = *number, where = context->where(), id,
                        name = std::move(name), request = *std::move(request)](Result<Done> durable) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self || !durable.has_value() || !self->FetchWanted(number)) return;
    self->host().directory->Fetch(id, std::move(name), std::move(request),
                                  [weak, number, where = std::move(where)](Result<HttpResponse> response) mutable {
                                    std::shared_ptr<IoContext> context = weak.lock();
                                    if (!context) return;
                                    SettleFetch(context, number, std::move(where), std::move(response));
                                  });
  });
}

void CancelFetch(const Arguments& args) {
  Call call(args);
  if (IoContext* context = IoContext::Current(call.scope.isolate())) context->DropFetch(call.Number(0));
}

IoHost::Namespace* FindNamespace(Call& call) {
  IoHost* host = static_cast<IoHost*>(js::Isolate::From(call.scope.isolate()).owner);
  uint64_t ns = call.Number(0);
  if (host == nullptr || ns >= host->namespaces.size()) {
    js::ThrowTypeError(call.scope.isolate(), "Illegal invocation");
    return nullptr;
  }
  return &host->namespaces[ns];
}

const object::IdCodec* FindCodec(Call& call) {
  IoHost::Namespace* ns = FindNamespace(call);
  return ns == nullptr ? nullptr : &ns->codec;
}

void ReturnId(Call& call, const object::IdCodec& codec, const ObjectId& id) {
  call.args.GetReturnValue().Set(js::FromLatin1(call.scope.isolate(), codec.ToString(id)));
}

void IdFromName(const Arguments& args) {
  Call call(args);
  IoHost::Namespace* ns = FindNamespace(call);
  if (ns == nullptr) return;
  std::string name = call.Text(1);
  auto known = ns->names.find(name);
  if (known != ns->names.end()) return args.GetReturnValue().Set(js::FromLatin1(call.scope.isolate(), known->second));
  std::string id = ns->codec.ToString(ns->codec.FromName(name));
  args.GetReturnValue().Set(js::FromLatin1(call.scope.isolate(), id));
  if (name.size() > IoHost::kNameBytesMax) return;
  if (ns->names.size() >= IoHost::kNamesMax) ns->names.clear();
  ns->names.emplace(std::move(name), std::move(id));
}

void IdNewUnique(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  if (const object::IdCodec* codec = FindCodec(call)) ReturnId(call, *codec, codec->NewUnique(*context->host().random));
}

void IdFromString(const Arguments& args) {
  Call call(args);
  const object::IdCodec* codec = FindCodec(call);
  if (codec == nullptr) return;
  Result<ObjectId> id = codec->FromString(call.Text(1));
  if (!id.has_value()) return js::ThrowTypeError(call.scope.isolate(), id.error().message());
  ReturnId(call, *codec, id.value());
}

}  // namespace

v8::Local<v8::Array> ToFlat(js::Scope& scope, const HeaderList& headers) {
  std::vector<v8::Local<v8::Value>> flat;
  flat.reserve(headers.size() * 2);
  for (size_t i = 0; i < headers.size(); ++i) {
    flat.push_back(js::FromUtf8(scope.isolate(), headers[i].name));
    flat.push_back(js::FromUtf8(scope.isolate(), headers[i].value));
  }
  return v8::Array::New(scope.isolate(), flat.data(), flat.size());
}

std::optional<HeaderList> FromFlat(js::Scope& scope, v8::Local<v8::Value> flat) {
  HeaderList headers;
  if (!flat->IsArray()) return headers;
  v8::Local<v8::Array> array = flat.As<v8::Array>();
  uint32_t length = array->Length();
  if (length == 0) return headers;
  headers.Reserve(length / 2, size_t{length} * 16);
  for (uint32_t i = 0; i + 1 < length; i += 2) {
    v8::Local<v8::Value> name;
    v8::Local<v8::Value> value;
    if (!array->Get(scope.context(), i).ToLocal(&name)) return std::nullopt;
    if (!array->Get(scope.context(), i + 1).ToLocal(&value)) return std::nullopt;
    headers.Append(js::ToUtf8(scope.isolate(), name), js::ToUtf8(scope.isolate(), value));
  }
  return headers;
}

v8::MaybeLocal<v8::Value> CallHook(js::Scope& scope, int hook, std::vector<v8::Local<v8::Value>> arguments) {
  return scope.Hook(hook)->Call(scope.context(), v8::Undefined(scope.isolate()), static_cast<int>(arguments.size()),
                                arguments.data());
}

v8::Local<v8::Value> MakeJsError(js::Scope& scope, const Error& error) {
  v8::Isolate* isolate = scope.isolate();
  int flags = 0;
  for (Error::Flag flag : {Error::kRemote, Error::kRetryable, Error::kOverloaded, Error::kObjectReset}) {
    if (error.Has(flag)) flags |= flag;
  }
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> made;
  if (CallHook(scope, kMakeError,
               {js::FromUtf8(isolate, error.name()), js::FromUtf8(isolate, error.message()),
                v8::Integer::New(isolate, flags)})
          .ToLocal(&made)) {
    return made;
  }
  return v8::Exception::Error(js::FromUtf8(isolate, error.message()));
}

void Throw(js::Scope& scope, const Error& error) { scope.isolate()->ThrowException(MakeJsError(scope, error)); }

Error ToError(js::Scope& scope, v8::Local<v8::Value> thrown) {
  v8::TryCatch caught(scope.isolate());
  v8::Local<v8::Value> described;
  if (!CallHook(scope, kDescribeError, {thrown}).ToLocal(&described) || !described->IsArray()) {
    return Error::Script("Error", "internal error");
  }
  std::string parts[3];
  v8::Local<v8::Value> part;
  for (uint32_t i = 0; i < 3; ++i) {
    if (described.As<v8::Array>()->Get(scope.context(), i).ToLocal(&part)) parts[i] = js::ToUtf8(scope.isolate(), part);
  }
  Error error = Error::Script(parts[0], parts[1]).WithStack(parts[2]);
  if (!described.As<v8::Array>()->Get(scope.context(), 3).ToLocal(&part) || !part->IsUint32()) return error;
  return WithFlags(std::move(error), part.As<v8::Uint32>()->Value());
}

Error WithFlags(Error error, uint32_t flags) {
  for (Error::Flag flag : {Error::kRemote, Error::kRetryable, Error::kOverloaded, Error::kObjectReset}) {
    if ((flags & flag) != 0) error = std::move(error).With(flag);
  }
  return error;
}

void AddFetchNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"fetchOutbound", FetchOutbound});
  natives.push_back({"fetchObject", FetchObject});
  natives.push_back({"cancelFetch", CancelFetch});
  natives.push_back({"idFromName", IdFromName});
  natives.push_back({"idNewUnique", IdNewUnique});
  natives.push_back({"idFromString", IdFromString});
}

std::vector<js::NativeFunction> IoNatives() {
  std::vector<js::NativeFunction> natives;
  AddEventNatives(natives);
  AddFetchNatives(natives);
  AddStateNatives(natives);
  AddStorageNatives(natives);
  return natives;
}

}  // namespace limpet::api
