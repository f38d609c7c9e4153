// Natives of TCP connections (cloudflare:sockets). A number names one that the context holds; what comes is a body.
#include <utility>

#include "api/io_natives.h"
#include "api/io_support.h"
#include "net/client_socket.h"

namespace limpet::api {
namespace {

// Of one context, at a time.
constexpr size_t kConnectionsMax = 1000;

// A promise that `settle` settles, as an event of where we are, with undefined or an error.
struct Waiting {
  std::weak_ptr<IoContext> weak;
  uint64_t promise;
  object::GateRef where;

  void operator()(Result<Done> result) {
    std::shared_ptr<IoContext> context = weak.lock();
    if (!context) return;
    context->Settle(promise, where, [result = std::move(result)](js::Scope& scope) -> v8::MaybeLocal<v8::Value> {
      if (!result.has_value()) return Throw(scope, result.error()), v8::MaybeLocal<v8::Value>();
      return v8::Undefined(scope.isolate()).As<v8::Value>();
    });
  }
};

struct Made {
  v8::Local<v8::Promise> promise;
  Waiting settle;
};

std::optional<Made> MakePromise(Call& call, IoContext& context) {
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(call.scope.context()).ToLocal(&resolver)) return std::nullopt;
  uint64_t number = context.NextNumber();
  context.HoldResolver(number, resolver);
  return Made{resolver->GetPromise(), Waiting{context.weak_from_this(), number, context.where()}};
}

// The connection behind the first argument; else an exception is pending.
std::shared_ptr<net::ClientSocket> Find(Call& call, IoContext& context) {
  IoContext::Connection* found = context.connections().Find(call.Number(0));
  if (found != nullptr) return found->socket;
  js::ThrowError(call.scope.isolate(), context.instance() != nullptr ? kOtherContextError : kOtherRequestError);
  return nullptr;
}

// [number, body, opened, ended], where `body` is what comes and `ended` is settled when its end was read.
void ReturnLine(Call& call, IoContext& context, uint64_t number, net::ClientSocket& socket, const Made& opened) {
  std::optional<Made> ended = MakePromise(call, context);
  if (!ended) return;
  v8::Isolate* isolate = call.scope.isolate();
  v8::Local<v8::Value> body = context.ImportBody(call.scope, Body::Of(socket.Reader(std::move(ended->settle))));
  v8::Local<v8::Value> parts[] = {v8::Number::New(isolate, static_cast<double>(number)), body, opened.promise,
                                  ended->promise};
  call.args.GetReturnValue().Set(v8::Array::New(isolate, parts, std::size(parts)));
}

// tcpConnect(host, port, tls): [number, body, opened, ended]
void TcpConnect(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr || context->host().client == nullptr) return;
  if (context->connections().Size() >= kConnectionsMax) {
    return js::ThrowError(call.scope.isolate(), "Too many open sockets: close some first.");
  }
  std::optional<Made> opened = MakePromise(call, *context);
  if (!opened) return;
  std::shared_ptr<net::ClientSocket> socket = net::ClientSocket::Make(*context->host().client);
  uint64_t number = context->NextNumber();
  context->AddConnection(number, socket);
  net::ClientSocket::To to{
      .host = call.Text(0), .port = static_cast<uint16_t>(call.Number(1)), .tls = args[2]->IsTrue()};
  context->WhenDurable([socket, to = std::move(to), settle = opened->settle](Result<Done> durable) mutable {
    if (durable.has_value()) socket->Open(std::move(to), std::move(settle));
  });
  ReturnLine(call, *context, number, *socket, *opened);
}

// tcpWrite(number, bytes): Promise<void>
void TcpWrite(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::shared_ptr<net::ClientSocket> socket = Find(call, *context);
  if (socket == nullptr) return;
  std::optional<Made> written = MakePromise(call, *context);
  if (!written) return;
  context->WhenDurable([socket = std::move(socket), bytes = js::CopyBytes(args[1]),
                        settle = std::move(written->settle)](Result<Done> durable) mutable {
    if (durable.has_value()) socket->Write(std::move(bytes), std::move(settle));
  });
  args.GetReturnValue().Set(written->promise);
}

// tcpEnd(number): Promise<void>
void TcpEnd(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::shared_ptr<net::ClientSocket> socket = Find(call, *context);
  if (socket == nullptr) return;
  std::optional<Made> ended = MakePromise(call, *context);
  if (!ended) return;
  context->WhenDurable([socket = std::move(socket), settle = std::move(ended->settle)](Result<Done> durable) mutable {
    if (durable.has_value()) socket->ShutdownWrite(std::move(settle));
  });
  args.GetReturnValue().Set(ended->promise);
}

// tcpStartTls(number, host): as tcpConnect
void TcpStartTls(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::shared_ptr<net::ClientSocket> socket = Find(call, *context);
  if (socket == nullptr) return;
  std::optional<Made> opened = MakePromise(call, *context);
  if (!opened) return;
  ReturnLine(call, *context, call.Number(0), *socket, *opened);
  context->WhenDurable([socket = std::move(socket), host = call.Text(1),
                        settle = std::move(opened->settle)](Result<Done> durable) mutable {
    if (durable.has_value()) socket->StartTls(std::move(host), std::move(settle));
  });
}

// tcpClose(number): void
void TcpClose(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  // An end, too, may tell of writes.
  std::shared_ptr<net::ClientSocket> socket = context->TakeConnection(call.Number(0));
  if (socket == nullptr) return;
  context->WhenDurable([socket = std::move(socket)](Result<Done>) { socket->Close(); });
}

}  // namespace

IoContext::Connection::~Connection() {
  if (socket != nullptr) socket->DropWriter();
}

void IoContext::AddConnection(uint64_t number, std::shared_ptr<net::ClientSocket> socket) {
  connections_.Emplace(number).socket = std::move(socket);
  if (instance_ != nullptr) instance_->Pin();
}

std::shared_ptr<net::ClientSocket> IoContext::TakeConnection(uint64_t number) {
  std::optional<Connection> taken = connections_.Take(number);
  if (!taken) return nullptr;
  if (instance_ != nullptr && !ended_) instance_->Unpin();
  return std::exchange(taken->socket, nullptr);
}

void AddTcpNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"tcpConnect", TcpConnect});
  natives.push_back({"tcpWrite", TcpWrite});
  natives.push_back({"tcpEnd", TcpEnd});
  natives.push_back({"tcpStartTls", TcpStartTls});
  natives.push_back({"tcpClose", TcpClose});
}

}  // namespace limpet::api
