// Natives of RPC: values with references in them as bytes, and calls to objects and entrypoints. The sessions
// themselves are builtins/rpc_session.ts; docs/formats/rpc.md says what travels.
#include <algorithm>
#include <optional>
#include <utility>

#include "api/hooks.h"
#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/natives.h"
#include "api/script_sockets.h"
#include "api/values.h"

namespace limpet::api {
namespace {

// What an object of the platform is to the other side: `describe` makes an array of plain values of it.
class Describer final : public HostObjects {
 public:
  explicit Describer(v8::Local<v8::Function> describe) : describe_(describe) {}
  bool IsHost(v8::Local<v8::Object> object, v8::Local<v8::Value> prototype, v8::Local<v8::Value> plain) override {
    return prototype->IsObject() && prototype != plain && !object->IsNativeError();
  }
  v8::MaybeLocal<v8::Value> Describe(js::Scope& scope, v8::Local<v8::Object> object) override {
    v8::Local<v8::Value> argument = object;
    return describe_->Call(scope.context(), v8::Undefined(scope.isolate()), 1, &argument);
  }

 private:
  v8::Local<v8::Function> describe_;
};

// docs/formats/rpc.md, "A message".
constexpr char kVersion = 1;
constexpr size_t kHeadBytes = 5;

// rpcSerialize(value, describe): ArrayBuffer. A message of this one operation.
void RpcSerialize(const Arguments& args) {
  Call call(args);
  if (!args[1]->IsFunction()) return;
  Describer describer(args[1].As<v8::Function>());
  std::optional<Bytes> bytes = Serialize(call.scope, args[0], describer);
  v8::Local<v8::ArrayBuffer> buffer;
  if (!bytes || !NewBuffer(call.scope.isolate(), kHeadBytes + bytes->size()).ToLocal(&buffer)) return;
  char* message = static_cast<char*>(buffer->Data());
  auto size = static_cast<uint32_t>(bytes->size());
  message[0] = kVersion;
  for (size_t i = 0; i < sizeof size; ++i) message[1 + i] = static_cast<char>(size >> (8 * i));
  std::copy(bytes->begin(), bytes->end(), message + kHeadBytes);
  args.GetReturnValue().Set(buffer);
}

// rpcDeserialize(bytes, revive): unknown. `revive` is the built-ins', and leaves the bytes alone.
void RpcDeserialize(const Arguments& args) {
  Call call(args);
  if (!args[1]->IsFunction()) return;
  HeapView storage;
  v8::Local<v8::Value> value;
  if (Deserialize(call.scope, Contents(args[0], storage), args[1].As<v8::Function>()).ToLocal(&value))
    args.GetReturnValue().Set(value);
}

// Reads message and socket (0: none) from `first` on. Nothing: an exception is pending.
std::optional<HttpRequest> ReadMessage(Call& call, IoContext& context, int first) {
  HttpRequest request;
  request.rpc = true;
  request.body = Body::Of(js::CopyBytes(call.args[first]));
  if (uint64_t socket = call.Number(first + 1); socket != 0) {
    request.session = context.sockets().Take(socket);
    if (request.session == nullptr) {
      ThrowNoSuchSocket(call.scope, context);
      return std::nullopt;
    }
  }
  return request;
}

// rpcObject(state, ns, id, name, message, socket)
void RpcObject(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<ObjectId> id = ReadObjectId(call, *context, 1);
  if (!id) return;
  std::optional<std::string> name;
  if (args[3]->IsString()) name = call.Text(3);
  std::optional<HttpRequest> request = ReadMessage(call, *context, 4);
  if (request) CallObject(call, *context, *id, std::move(name), {}, *std::move(request));
}

void CallEntrypoint(Call& call, IoContext& context, std::string entrypoint, Bytes props, net::ContentCodings codings,
                    HttpRequest request) {
  std::optional<uint64_t> number = ReturnFetch(call, context, codings);
  if (!number) return;
  context.WhenDurable([weak = context.weak_from_this(), number = *number, where = context.where(),
                       entrypoint = std::move(entrypoint), props = std::move(props),
                       request = std::move(request)](Result<Done> durable) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self || !durable.has_value() || !self->FetchWanted(number)) return;
    // Not inside this turn: the other context enters the same isolate.
    self->host().loop->Post([weak, number, where = std::move(where), entrypoint = std::move(entrypoint),
                             props = std::move(props), request = std::move(request)]() mutable {
      std::shared_ptr<IoContext> caller = weak.lock();
      if (!caller || caller->ended()) return;
      caller->host().CallEntrypoint(entrypoint, std::move(props), std::move(request),
                                    OnAnswer(weak, number, std::move(where)));
    });
  });
}

// rpcEntrypoint(state, entrypoint, props, message, socket)
void RpcEntrypoint(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<HttpRequest> request = ReadMessage(call, *context, 3);
  if (!request) return;
  CallEntrypoint(call, *context, call.Text(1), js::CopyBytes(args[2]), {}, *std::move(request));
}

// fetchEntrypoint(state, entrypoint, props, method, url, headers, body, length, codings)
void FetchEntrypoint(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<HttpRequest> request = ReadRequest(call, *context, 3);
  if (request)
    CallEntrypoint(call, *context, call.Text(1), js::CopyBytes(args[2]), call.Codings(8), *std::move(request));
}

// namespaceToken(ns): string. Names a namespace to any isolate; never reaches a script, since it holds the key of IDs.
void NamespaceToken(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr || call.Number(0) >= context->host().namespaces.size()) return;
  const IoHost::Namespace& ns = context->host().namespaces[call.Number(0)];
  std::string token = std::to_string(ns.codec.ns().value) + ":" + ns.key;
  args.GetReturnValue().Set(js::FromUtf8(call.scope.isolate(), token));
}

// namespaceOfToken(token): number
void NamespaceOfToken(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::string token = call.Text(0);
  size_t colon = token.find(':');
  if (colon == std::string::npos) return;
  NamespaceId ns{static_cast<decltype(NamespaceId::value)>(std::strtoull(token.c_str(), nullptr, 10))};
  uint64_t index = context->host().NamespaceIndex(ns, std::string_view(token).substr(colon + 1));
  args.GetReturnValue().Set(static_cast<double>(index));
}

// rpcAnswer(event, message, socket). socket 0: none.
void RpcAnswer(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  HttpResponse response;
  response.body = Body::Of(js::CopyBytes(args[1]));
  if (uint64_t socket = call.Number(2); socket != 0) {
    response.websocket = context->sockets().Take(socket);
    if (response.websocket == nullptr) return ThrowNoSuchSocket(call.scope, *context);
  }
  context->Answer(call.Number(0), std::move(response));
}

// noteCall(method): what was called first in a session is what it is traced as.
void NoteCall(const Arguments& args) {
  Call call(args);
  IoContext* context = IoContext::Current(call.scope.isolate());
  if (context == nullptr || context->trace == nullptr || !args[0]->IsString()) return;
  TraceEvent& trace = *context->trace;
  if (trace.kind == TraceEvent::Kind::kRpc && trace.detail.empty()) trace.detail = call.Text(0);
}

}  // namespace

void DispatchRpc(js::Scope& scope, IoContext& context, v8::Local<v8::Value> target, uint64_t event,
                 HttpRequest request) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> message = js::ToUint8Array(isolate, request.body.bytes);
  if (message.IsEmpty())
    return context.Answer(event, Error(ErrorCode::kOverloaded, "The call is over the memory limit."));
  double socket =
      request.session == nullptr ? 0 : static_cast<double>(context.sockets().Add(std::move(request.session)));
  (void)CallHook(
      scope, kDispatchRpc,
      {target, v8::Number::New(isolate, static_cast<double>(event)), message, v8::Number::New(isolate, socket)});
}

void AddRpcNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"rpcSerialize", RpcSerialize});
  natives.push_back({"rpcDeserialize", RpcDeserialize});
  natives.push_back({"rpcObject", RpcObject});
  natives.push_back({"rpcEntrypoint", RpcEntrypoint});
  natives.push_back({"fetchEntrypoint", FetchEntrypoint});
  natives.push_back({"namespaceToken", NamespaceToken});
  natives.push_back({"namespaceOfToken", NamespaceOfToken});
  natives.push_back({"rpcAnswer", RpcAnswer});
  natives.push_back({"noteCall", NoteCall});
}

}  // namespace limpet::api
