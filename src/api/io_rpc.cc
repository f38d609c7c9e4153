// Natives of RPC: values with references in them as bytes, and calls to objects and entrypoints. The sessions
// themselves are builtins/rpc_session.ts; docs/formats/rpc.md says what travels.
#include <algorithm>
#include <optional>
#include <utility>

#include "api/hooks.h"
#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/natives.h"
#include "api/rpc_plain.h"
#include "api/script_sockets.h"
#include "api/values.h"

namespace limpet::api {
namespace {

// What an object of the platform is to the other side: `describe` makes an array of plain values of it.
class Describer final : public HostObjects {
 public:
  explicit Describer(v8::Local<v8::Function> describe) : describe_(describe) {}
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

// rpcSerialize(operation, describe): ArrayBuffer. A message of it alone.
void RpcSerialize(const Arguments& args) {
  Call call(args);
  if (!args[1]->IsFunction()) return;
  std::optional<Bytes> bytes = WritePlainOperation(call.scope, args[0]);
  if (!bytes) {
    Describer describer(args[1].As<v8::Function>());
    bytes = Serialize(call.scope, args[0], describer);
  }
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
  BytesView bytes = Contents(args[0], storage);
  v8::Local<v8::Value> value;
  bool read = IsPlainOperation(bytes) ? ReadPlainOperation(call.scope, bytes).ToLocal(&value)
                                      : Deserialize(call.scope, bytes, args[1].As<v8::Function>()).ToLocal(&value);
  if (read) args.GetReturnValue().Set(value);
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

// The same of a plain call: method and arguments.
std::optional<HttpRequest> PlainRequest(Call& call, int first) {
  std::optional<Bytes> message;
  if (call.args[first]->IsString())
    message = WritePlainCall(call.scope, call.args[first].As<v8::String>(), call.args[first + 1]);
  if (!message) {
    js::ThrowTypeError(call.scope.isolate(), "not a plain call");
    return std::nullopt;
  }
  HttpRequest request;
  request.rpc = true;
  request.body = Body::Of(*std::move(message));
  return request;
}

// The number under which the answer is waited for. The built-ins have the promise of it.
uint64_t AwaitAnswer(Call& call, IoContext& context) { return context.AddFetch({}, call.args[0], {}); }

// state, ns, id, name, and what `request` is to be made of.
void SendToObject(Call& call, IoContext& context, std::optional<HttpRequest> request) {
  if (!request) return;
  std::optional<ObjectId> id = ReadObjectId(call, context, 1);
  if (!id) return;
  std::optional<std::string> name;
  if (call.args[3]->IsString()) name = call.Text(3);
  CallObject(context, AwaitAnswer(call, context), *id, std::move(name), *std::move(request));
}

// rpcObject(state, ns, id, name, message, socket)
void RpcObject(const Arguments& args) {
  Call call(args);
  if (IoContext* context = call.Context()) SendToObject(call, *context, ReadMessage(call, *context, 4));
}

// rpcCallObject(state, ns, id, name, method, args)
void RpcCallObject(const Arguments& args) {
  Call call(args);
  if (IoContext* context = call.Context()) SendToObject(call, *context, PlainRequest(call, 4));
}

// The script, entrypoint and props that are at `first` and behind it.
EntrypointCall ReadEntrypoint(Call& call, const IoContext& context, int first) {
  return {.script = call.Text(first),
          .entrypoint = call.Text(first + 1),
          .props = js::CopyBytes(call.args[first + 2]),
          .depth = DeeperWorker(context.CurrentDepth())};
}

void CallEntrypoint(IoContext& context, uint64_t number, EntrypointCall callee, HttpRequest request) {
  context.WhenDurable([weak = context.weak_from_this(), number, where = context.where(), callee = std::move(callee),
                       request = std::move(request)](Result<Done> durable) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self || !durable.has_value() || !self->FetchWanted(number)) return;
    // Not inside this turn: the other context may enter the same isolate.
    self->host().loop->Post([weak, number, where = std::move(where), callee = std::move(callee),
                             request = std::move(request)]() mutable {
      std::shared_ptr<IoContext> caller = weak.lock();
      if (!caller || caller->ended() || !caller->FetchWanted(number)) return;
      callee.callee = caller->MakeCallee(number);
      caller->host().CallEntrypoint(std::move(callee), std::move(request), OnAnswer(weak, number, std::move(where)));
    });
  });
}

// rpcEntrypoint(state, script, entrypoint, props, message, socket)
void RpcEntrypoint(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<HttpRequest> request = ReadMessage(call, *context, 4);
  if (!request) return;
  CallEntrypoint(*context, AwaitAnswer(call, *context), ReadEntrypoint(call, *context, 1), *std::move(request));
}

// rpcCallEntrypoint(state, script, entrypoint, props, method, args)
void RpcCallEntrypoint(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<HttpRequest> request = PlainRequest(call, 4);
  if (!request) return;
  CallEntrypoint(*context, AwaitAnswer(call, *context), ReadEntrypoint(call, *context, 1), *std::move(request));
}

// fetchEntrypoint(state, script, entrypoint, props, method, url, headers, body, length, codings)
void FetchEntrypoint(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<HttpRequest> request = ReadRequest(call, *context, 4);
  if (!request) return;
  std::optional<uint64_t> number = ReturnFetch(call, *context, call.Codings(9));
  if (number) CallEntrypoint(*context, *number, ReadEntrypoint(call, *context, 1), *std::move(request));
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

// rpcPack(args): string | undefined
void RpcPack(const Arguments& args) {
  Call call(args);
  v8::Local<v8::String> packed;
  if (PackArguments(call.scope, args[0]).ToLocal(&packed)) args.GetReturnValue().Set(packed);
}

// rpcUnpack(packed): unknown[]
void RpcUnpack(const Arguments& args) {
  Call call(args);
  if (!args[0]->IsString()) return;
  v8::Local<v8::Value> unpacked;
  if (UnpackArguments(call.scope, args[0].As<v8::String>()).ToLocal(&unpacked)) args.GetReturnValue().Set(unpacked);
}

// rpcReturn(event, value): boolean
void RpcReturn(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::optional<Bytes> message = WritePlainAnswer(call.scope, args[1]);
  args.GetReturnValue().Set(message.has_value());
  if (!message) return;
  HttpResponse response;
  response.body = Body::Of(*std::move(message));
  context->Answer(call.Number(0), std::move(response));
}

// What was called first in a session is what it is traced as.
void Note(js::Scope& scope, const IoContext& context, v8::Local<v8::Value> method) {
  if (context.trace == nullptr) return;
  TraceEvent& trace = *context.trace;
  if (trace.kind == TraceEvent::Kind::kRpc && trace.detail.empty()) trace.detail = js::ToUtf8(scope.isolate(), method);
}

// noteCall(method)
void NoteCall(const Arguments& args) {
  Call call(args);
  IoContext* context = IoContext::Current(call.scope.isolate());
  if (context != nullptr && args[0]->IsString()) Note(call.scope, *context, args[0]);
}

void DispatchPlainCall(js::Scope& scope, IoContext& context, v8::Local<v8::Value> target, uint64_t event,
                       BytesView message) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  std::optional<PlainCall> plain = ReadPlainCall(scope, message);
  if (!plain) {
    if (caught.HasTerminated()) return;
    return context.Answer(event, Error(ErrorCode::kOverloaded, "The call can't be read."));
  }
  Note(scope, context, plain->method);
  (void)CallHook(scope, kDispatchCall,
                 {target, v8::Number::New(isolate, static_cast<double>(event)), plain->method, plain->args});
}

}  // namespace

v8::MaybeLocal<v8::Value> ReturnPlainCall(js::Scope& scope, v8::Local<v8::Value> state, BytesView message) {
  v8::Local<v8::Value> value;
  if (!ReadPlainAnswer(scope, message).ToLocal(&value)) return {};
  return CallHook(scope, kCallReturned, {state, value});
}

void DispatchRpc(js::Scope& scope, IoContext& context, v8::Local<v8::Value> target, uint64_t event,
                 HttpRequest request) {
  if (IsPlain(request.body.bytes)) return DispatchPlainCall(scope, context, target, event, request.body.bytes);
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
  natives.push_back({"rpcCallObject", RpcCallObject});
  natives.push_back({"rpcCallEntrypoint", RpcCallEntrypoint});
  natives.push_back({"rpcPack", RpcPack});
  natives.push_back({"rpcUnpack", RpcUnpack});
  natives.push_back({"rpcReturn", RpcReturn});
  natives.push_back({"rpcAnswer", RpcAnswer});
  natives.push_back({"noteCall", NoteCall});
}

}  // namespace limpet::api
