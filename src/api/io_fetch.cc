// Natives of calls to the outside: outbound fetch, calls to objects, and the IDs of objects.
#include <utility>

#include "api/hooks.h"
#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/natives.h"

namespace limpet::api {
std::optional<HttpRequest> ReadRequest(Call& call, IoContext& context, int first) {
  HttpRequest request;
  request.method = call.Text(first);
  request.url = call.Text(first + 1);
  request.headers = FromPacked(call.scope, call.args[first + 2]);
  std::optional<Body> body = context.ExportBody(call.scope, call.args[first + 3], call.args[first + 4]);
  if (!body) return std::nullopt;
  request.body = *std::move(body);
  return request;
}

std::optional<uint64_t> ReturnFetch(Call& call, IoContext& context, net::ContentCodings codings) {
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(call.scope.context()).ToLocal(&resolver)) return std::nullopt;
  call.args.GetReturnValue().Set(resolver->GetPromise());
  return context.AddFetch(resolver, call.args[0], codings);
}

object::OnReply OnAnswer(std::weak_ptr<IoContext> weak, uint64_t number, object::GateRef where) {
  return [weak = std::move(weak), number, where = std::move(where)](Result<HttpResponse> response) mutable {
    std::shared_ptr<IoContext> context = weak.lock();
    if (context) context->FetchAnswered(number, where, std::move(response));
  };
}

std::optional<ObjectId> ReadObjectId(Call& call, IoContext& context, int first) {
  uint64_t ns = call.Number(first);
  std::optional<Bytes> raw = FromHex(call.Text(first + 1));
  if (ns >= context.host().namespaces.size() || !raw || raw->size() < 16) {
    js::ThrowTypeError(call.scope.isolate(), "Invalid Durable Object ID: must be 64 hex digits");
    return std::nullopt;
  }
  ObjectId id{context.host().namespaces[ns].codec.ns(), {}};
  std::copy_n(raw->begin(), id.base.size(), id.base.begin());
  return id;
}

void CallObject(IoContext& context, uint64_t number, const ObjectId& id, std::optional<std::string> name,
                HttpRequest request) {
  request.depth = {.objects = static_cast<uint8_t>(context.CurrentDepth().objects + 1)};
  if (request.depth.objects > kObjectDepthMax) {
    return context.host().loop->Post(
        [answer = OnAnswer(context.weak_from_this(), number, context.where())]() mutable { answer(TooDeep()); });
  }
  if (context.instance() == nullptr) {  // Nothing to wait for.
    return context.host().directory->Fetch(id, std::move(name), std::move(request),
                                           OnAnswer(context.weak_from_this(), number, {}));
  }
  context.WhenDurable([weak = context.weak_from_this(), number, where = context.where(), id, name = std::move(name),
                       request = std::move(request)](Result<Done> durable) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self || !durable.has_value() || !self->FetchWanted(number)) return;
    self->host().directory->Fetch(id, std::move(name), std::move(request), OnAnswer(weak, number, std::move(where)));
  });
}

namespace {

// fetchOutbound(state, method, url, headers, body, length, codings)
void FetchOutbound(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<HttpRequest> request = ReadRequest(call, *context, 1);
  if (!request) return;
  std::optional<uint64_t> number = ReturnFetch(call, *context, call.Codings(6));
  if (!number) return;
  context->WhenDurable([weak = context->weak_from_this(), number = *number, where = context->where(),
                        request = *std::move(request)](Result<Done> durable) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self || !durable.has_value() || !self->FetchWanted(number)) return;
    if (self->host().client == nullptr) return;
    self->HoldFetch(number, self->host().client->Fetch(std::move(request), OnAnswer(weak, number, std::move(where))));
  });
}

// fetchObject(state, ns, id, name, method, url, headers, body, length, codings, watched)
void FetchObject(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<ObjectId> found = ReadObjectId(call, *context, 1);
  if (!found) return;
  ObjectId id = *found;
  std::optional<std::string> name;
  if (args[3]->IsString()) name = call.Text(3);
  std::optional<HttpRequest> request = ReadRequest(call, *context, 4);
  if (!request) return;
  std::optional<uint64_t> number = ReturnFetch(call, *context, call.Codings(9));
  if (!number) return;
  if (args[10]->IsTrue()) request->session = context->WatchFetch(*number);
  CallObject(*context, *number, id, std::move(name), *std::move(request));
}

void LastFetch(const Arguments& args) {
  IoContext* context = IoContext::Current(args.GetIsolate());
  args.GetReturnValue().Set(static_cast<double>(context == nullptr ? 0 : context->last_fetch()));
}

void CancelFetch(const Arguments& args) {
  Call call(args);
  if (IoContext* context = IoContext::Current(call.scope.isolate())) context->CancelFetch(call.Number(0));
}

const object::IdCodec* FindCodec(Call& call) {
  IoHost* host = static_cast<IoHost*>(js::Isolate::From(call.scope.isolate()).owner);
  uint64_t ns = call.Number(0);
  if (host == nullptr || ns >= host->namespaces.size()) {
    js::ThrowTypeError(call.scope.isolate(), "Illegal invocation");
    return nullptr;
  }
  return &host->namespaces[ns].codec;
}

void ReturnId(Call& call, const object::IdCodec& codec, const ObjectId& id) {
  call.args.GetReturnValue().Set(js::FromLatin1(call.scope.isolate(), codec.ToString(id)));
}

void IdFromName(const Arguments& args) {
  Call call(args);
  if (const object::IdCodec* codec = FindCodec(call)) ReturnId(call, *codec, codec->FromName(call.Text(1)));
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

v8::Local<v8::Value> ToPacked(js::Scope& scope, const HeaderList& headers) {
  std::string made;
  std::optional<std::string_view> packed = headers.PackedView();
  if (!packed) packed = made = headers.Packed();
  return js::IsAscii(*packed) ? js::FromLatin1(scope.isolate(), *packed) : js::FromUtf8(scope.isolate(), *packed);
}

HeaderList FromPacked(js::Scope& scope, v8::Local<v8::Value> packed) {
  if (!packed->IsString() || packed.As<v8::String>()->Length() == 0) return {};
  return HeaderList::FromPacked(js::ToUtf8(scope.isolate(), packed));
}

v8::MaybeLocal<v8::Value> CallHook(js::Scope& scope, int hook, std::initializer_list<v8::Local<v8::Value>> arguments) {
  // V8 does not change what it is given.
  auto* first = const_cast<v8::Local<v8::Value>*>(arguments.begin());
  return scope.Hook(hook)->Call(scope.context(), v8::Undefined(scope.isolate()), static_cast<int>(arguments.size()),
                                first);
}

int ErrorFlags(const Error& error) {
  int flags = 0;
  for (Error::Flag flag : {Error::kRemote, Error::kRetryable, Error::kOverloaded, Error::kObjectReset}) {
    if (error.Has(flag)) flags |= flag;
  }
  return flags;
}

v8::Local<v8::Value> MakeJsError(js::Scope& scope, const Error& error) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> made;
  if (CallHook(scope, kMakeError,
               {js::FromUtf8(isolate, error.name()), js::FromUtf8(isolate, error.message()),
                v8::Integer::New(isolate, ErrorFlags(error))})
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
    if ((flags & flag) != 0) error = Error(std::move(error).With(flag));  // Not onto itself: that loses the text.
  }
  return error;
}

void AddFetchNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"fetchOutbound", FetchOutbound});
  natives.push_back({"fetchObject", FetchObject});
  natives.push_back({"lastFetch", LastFetch});
  natives.push_back({"cancelFetch", CancelFetch});
  natives.push_back({"idFromName", IdFromName});
  natives.push_back({"idNewUnique", IdNewUnique});
  natives.push_back({"idFromString", IdFromString});
}

std::vector<js::NativeFunction> IoNatives() {
  std::vector<js::NativeFunction> natives;
  AddEventNatives(natives);
  AddJoinNatives(natives);
  AddFetchNatives(natives);
  AddCryptoIoNatives(natives);
  AddStateNatives(natives);
  AddStorageNatives(natives);
  AddKvNatives(natives);
  AddRpcNatives(natives);
  AddSqlNatives(natives);
  AddTcpNatives(natives);
  AddWebSocketNatives(natives);
  return natives;
}

}  // namespace limpet::api
