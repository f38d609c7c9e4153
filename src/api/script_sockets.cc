#include "api/script_sockets.h"

#include <algorithm>
#include <utility>

#include "api/hooks.h"
#include "api/io_support.h"
#include "api/values.h"
#include "object/gate_node.h"

namespace limpet::api {
namespace {

// Arrived and not delivered, of one socket; more slows its peer down.
constexpr size_t kWaitingMax = 256;
constexpr size_t kWaitingBytesMax = 1024 * 1024;
// Sent and not taken by the other side; more ends the socket (docs/limits.md).
constexpr size_t kBufferedBytesMax = object::kSocketBufferedBytesMax;
// Events that are begun without going back to the loop in between.
constexpr size_t kDeliverMax = 64;

constexpr const char* kTooSlow = "The WebSocket was closed: more than 64 MiB wait for its peer.";

enum Kind : int { kMessage, kClose, kError };

using Event = std::variant<WebSocketMessagePtr, WebSocketClose, Error>;

size_t BytesOf(const Event& event) {
  const auto* message = std::get_if<WebSocketMessagePtr>(&event);
  return message == nullptr ? 0 : (*message)->payload().size();
}

// A string or an ArrayBuffer; empty if there is no memory for it.
v8::MaybeLocal<v8::Value> DataOf(js::Scope& scope, const WebSocketMessagePtr& message) {
  v8::Isolate* isolate = scope.isolate();
  BytesView payload = message->payload();
  if (!message->is_text()) {
    v8::Local<v8::ArrayBuffer> buffer;
    if (!NewBuffer(isolate, payload.size()).ToLocal(&buffer)) return {};
    std::copy(payload.begin(), payload.end(), static_cast<char*>(buffer->Data()));
    return buffer;
  }
  v8::Local<v8::String> text = js::IsAscii(payload) ? js::FromLatin1(isolate, payload) : js::FromUtf8(isolate, payload);
  // What comes in is often what goes out again.
  auto& host = *static_cast<IoHost*>(scope.host().owner);
  host.last_sent.text.Reset(isolate, text);
  host.last_sent.message = message;
  return text;
}

struct HookArguments {
  int kind = kMessage;
  v8::Local<v8::Value> first, reason, clean;
};

// Empty: there is no memory for the message.
std::optional<HookArguments> ToArguments(js::Scope& scope, const Event& event) {
  v8::Isolate* isolate = scope.isolate();
  v8::Local<v8::Value> none = v8::Undefined(isolate);
  HookArguments arguments{kMessage, none, none, none};
  if (const auto* message = std::get_if<WebSocketMessagePtr>(&event)) {
    if (!DataOf(scope, *message).ToLocal(&arguments.first)) return std::nullopt;
  } else if (const auto* close = std::get_if<WebSocketClose>(&event)) {
    arguments.kind = kClose;
    arguments.first = v8::Integer::New(isolate, close->code);
    arguments.reason = js::FromUtf8(isolate, close->reason);
    arguments.clean = v8::Boolean::New(isolate, close->clean);
  } else {
    arguments.kind = kError;
    const Error& error = std::get<Error>(event);
    arguments.first = js::FromUtf8(isolate, error.message());
    arguments.reason = js::FromUtf8(isolate, error.name());
    arguments.clean = v8::Integer::New(isolate, ErrorFlags(error));
  }
  return arguments;
}

}  // namespace

struct ScriptSockets::Socket final : WebSocketReceiver {
  Socket(ScriptSockets& of, uint64_t number, std::unique_ptr<WebSocketEnd> end)
      : of(of), number(number), end(std::move(end)) {}

  void OnMessage(WebSocketMessagePtr message) override { Arrived(std::move(message)); }
  void OnClose(WebSocketClose close) override { Arrived(std::move(close)); }
  void OnError(Error error) override { Arrived(std::move(error)); }

  void Arrived(Event event) {
    waiting_bytes += BytesOf(event);
    waiting.push_back(std::move(event));
    if (!paused && (waiting.size() >= kWaitingMax || waiting_bytes >= kWaitingBytesMax)) {
      paused = true;
      end->Pause();
    }
    of.Ready(number);
  }

  ScriptSockets& of;
  const uint64_t number;
  std::unique_ptr<WebSocketEnd> end;
  v8::Global<v8::Object> object;  // Once accepted.
  // Whose events its messages are: who accepted it, or of a session who sent something last, and so may wait for an
  // answer. Else a critical section that calls over RPC would wait for what its own gate holds up.
  object::GateRef where;
  std::list<Event> waiting;
  size_t waiting_bytes = 0;
  size_t gated_bytes = 0;  // Of messages that wait for the output gate.
  bool paused = false;
  bool session = false;    // Of RPC.
  bool ended_in = false;   // The script was told that nothing more comes.
  bool ended_out = false;  // Closed, or cut.
  Grip grip = Grip::kNone;
};

ScriptSockets::ScriptSockets(IoContext& context) : context_(context) {}

ScriptSockets::~ScriptSockets() {
  for (auto& [number, socket] : sockets_) Grasp(*socket, Grip::kNone);
  auto gone = std::exchange(sockets_, {});
}

void ScriptSockets::SetGrip(uint64_t number, Grip grip) {
  Socket* socket = Find(number);
  if (socket != nullptr && !socket->object.IsEmpty() && !socket->ended_in) Grasp(*socket, grip);
}

void ScriptSockets::Grasp(Socket& socket, Grip grip) {
  if (socket.grip == grip) return;
  object::Instance* instance = context_.instance();
  if (socket.grip == Grip::kHold) {
    --holding_;
    if (instance != nullptr) instance->Release();
  } else if (socket.grip == Grip::kPending) {
    --pending_;
    if (instance != nullptr) instance->Unpin();
  }
  socket.grip = grip;
  if (grip == Grip::kHold) {
    ++holding_;
    if (instance != nullptr) instance->Hold();
  } else if (grip == Grip::kPending) {
    ++pending_;
    if (instance != nullptr) instance->Pin();
  }
}

ScriptSockets::Socket* ScriptSockets::Find(uint64_t number) const {
  auto found = sockets_.find(number);
  return found == sockets_.end() ? nullptr : found->second.get();
}

uint64_t ScriptSockets::Add(std::unique_ptr<WebSocketEnd> end) {
  uint64_t number = context_.NextNumber();
  sockets_.emplace(number, std::make_unique<Socket>(*this, number, std::move(end)));
  return number;
}

std::unique_ptr<WebSocketEnd> ScriptSockets::Take(uint64_t number) {
  Socket* socket = Find(number);
  if (socket == nullptr || !socket->object.IsEmpty()) return nullptr;
  std::unique_ptr<WebSocketEnd> end = std::move(socket->end);
  sockets_.erase(number);
  return end;
}

bool ScriptSockets::Accept(js::Scope& scope, uint64_t number, v8::Local<v8::Object> object, AcceptOptions options) {
  Socket* socket = Find(number);
  if (socket == nullptr) return false;
  socket->object.Reset(scope.isolate(), object);
  socket->session = options.session;
  socket->where = context_.where();
  Grasp(*socket, Grip::kHold);
  socket->end->SetReceiver(socket);
  return true;
}

void ScriptSockets::Drop(uint64_t number) {
  auto found = sockets_.find(number);
  if (found == sockets_.end()) return;
  std::unique_ptr<Socket> gone = std::move(found->second);
  sockets_.erase(found);
  if (!gone->object.IsEmpty()) EndIn(*gone);
}

// Nothing comes from there any more that the context would have to live for.
void ScriptSockets::EndIn(Socket& socket) {
  if (!std::exchange(socket.ended_in, true)) Grasp(socket, Grip::kNone);
}

void ScriptSockets::DropIfOver(uint64_t number) {
  Socket* socket = Find(number);
  if (socket != nullptr && socket->ended_in && socket->ended_out) Drop(number);
}

void ScriptSockets::CloseAll(uint16_t code, std::string_view reason) {
  for (auto& [number, socket] : sockets_) {
    if (!socket->object.IsEmpty() && !socket->ended_out) socket->end->Close(code, reason);
  }
}

void ScriptSockets::AbortSessions(const Error& why) {
  for (auto& [number, socket] : sockets_) {
    if (!socket->session || socket->ended_out) continue;
    socket->end->SetReceiver(nullptr);
    socket->end->Abort(why);
  }
}

size_t ScriptSockets::BufferedBytes(uint64_t number) const {
  Socket* socket = Find(number);
  return socket == nullptr ? 0 : socket->end->buffered_bytes() + socket->gated_bytes;
}

// -- out

void ScriptSockets::Send(int64_t to, Outgoing what) {
  object::Instance* instance = context_.instance();
  Socket* socket = to > 0 ? Find(static_cast<uint64_t>(to)) : nullptr;
  if (socket != nullptr && socket->session) socket->where = context_.where();
  if (instance == nullptr || (batches_ == 0 && instance->OutputFree())) return Emit({to, std::move(what)});
  if (socket != nullptr) {
    if (auto* message = std::get_if<WebSocketMessagePtr>(&what)) socket->gated_bytes += (*message)->payload().size();
  }
  // What follows no further write waits together.
  if (batch_ != nullptr && batch_mark_ == instance->output_mark()) return batch_->push_back({to, std::move(what)});
  auto batch = std::make_shared<Batch>();
  batch->push_back({to, std::move(what)});
  batch_ = batch;
  batch_mark_ = instance->output_mark();
  ++batches_;
  context_.WhenDurable([this, weak = context_.weak_from_this(), batch](Result<Done> durable) {
    std::shared_ptr<IoContext> alive = weak.lock();
    if (!alive || alive->ended() || !durable.has_value()) return;
    if (batch_ == batch) batch_ = nullptr;
    --batches_;
    for (Letter& letter : *batch) {
      if (Socket* socket = letter.to > 0 ? Find(static_cast<uint64_t>(letter.to)) : nullptr) {
        if (auto* message = std::get_if<WebSocketMessagePtr>(&letter.what)) {
          socket->gated_bytes -= (*message)->payload().size();
        }
      }
      Emit(std::move(letter));
    }
  });
}

void ScriptSockets::Emit(Letter letter) {
  auto* message = std::get_if<WebSocketMessagePtr>(&letter.what);
  if (letter.to < 0) {
    if (context_.instance() == nullptr) return;
    object::ObjectSockets& sockets = context_.instance()->sockets();
    auto number = static_cast<uint64_t>(-letter.to);
    if (message != nullptr) return sockets.Send(number, std::move(*message));
    const Closing& closing = std::get<Closing>(letter.what);
    return sockets.Close(number, closing.code, closing.reason);
  }
  Socket* socket = Find(static_cast<uint64_t>(letter.to));
  if (socket == nullptr || socket->ended_out) return;
  if (message == nullptr) {
    const Closing& closing = std::get<Closing>(letter.what);
    socket->ended_out = true;
    socket->end->Close(closing.code, closing.reason);
    return DropIfOver(socket->number);
  }
  if (BufferedBytes(socket->number) + (*message)->payload().size() <= kBufferedBytesMax) {
    return socket->end->Send(std::move(*message));
  }
  socket->ended_out = true;
  socket->end->SetReceiver(nullptr);
  Error slow(ErrorCode::kOverloaded, kTooSlow);
  socket->end->Abort(slow);
  socket->Arrived(std::move(slow));
}

// -- in

void ScriptSockets::Ready(uint64_t number) {
  ready_.push_back(number);
  PostDelivery();
}

void ScriptSockets::PostDelivery() {
  if (std::exchange(posted_, true)) return;
  context_.host().loop->Post([weak = context_.weak_from_this()] {
    std::shared_ptr<IoContext> context = weak.lock();
    if (context && !context->ended()) context->sockets().DeliverSome();
  });
}

// Each is an event of its own; those that the input gate holds up wait there, in order.
void ScriptSockets::DeliverSome() {
  posted_ = false;
  IoContext* context = &context_;  // Held by our caller. Its end, in one of these turns, is ours.
  for (size_t left = kDeliverMax; left > 0 && !ready_.empty() && !posted_; --left) {
    uint64_t number = ready_.front();
    ready_.pop_front();
    Socket* socket = Find(number);
    if (socket == nullptr) continue;
    if (EndQuietly(number)) {
      context->MaybeFinish();
    } else {
      object::GateRef where = socket->where;
      context->Continue(where, [context, number](js::Scope& scope) {
        context->RefillCpu();
        ScriptSockets& sockets = context->sockets();
        sockets.DeliverOne(scope, number);
        // What came before and is still held up at the gate outside must not hold up what a critical section waits for.
        while (context->where() != nullptr && context->where()->is_section() && sockets.HasWaiting(number)) {
          sockets.DeliverOne(scope, number);
        }
      });
    }
    if (context->ended()) return;
  }
  if (!ready_.empty()) PostDelivery();
}

// The pipe of a session that has said its last, and now its other side has, too: nobody is to be told. True: that was
// it.
bool ScriptSockets::EndQuietly(uint64_t number) {
  Socket* socket = Find(number);
  if (socket == nullptr || !socket->session || !socket->ended_out || socket->waiting.empty()) return false;
  const auto* close = std::get_if<WebSocketClose>(&socket->waiting.front());
  if (close == nullptr || !close->clean) return false;
  Drop(number);
  return true;
}

bool ScriptSockets::HasWaiting(uint64_t number) const {
  Socket* socket = Find(number);
  return socket != nullptr && !socket->waiting.empty();
}

void ScriptSockets::DeliverOne(js::Scope& scope, uint64_t number) {
  Socket* socket = Find(number);
  if (socket == nullptr || socket->waiting.empty()) return;
  Event event = std::move(socket->waiting.front());
  socket->waiting.pop_front();
  socket->waiting_bytes -= BytesOf(event);
  if (socket->paused && socket->waiting.size() <= kWaitingMax / 2 && socket->waiting_bytes <= kWaitingBytesMax / 2) {
    socket->paused = false;
    socket->end->Resume();
  }
  v8::Local<v8::Object> object = socket->object.Get(scope.isolate());
  v8::TryCatch caught(scope.isolate());
  std::optional<HookArguments> arguments = ToArguments(scope, event);
  if (!arguments) return Drop(number);
  (void)CallHook(scope, kSocketEvent,
                 {object, v8::Integer::New(scope.isolate(), arguments->kind), arguments->first, arguments->reason,
                  arguments->clean});
  if (std::holds_alternative<WebSocketMessagePtr>(event)) return;
  socket = Find(number);
  if (socket == nullptr) return;
  EndIn(*socket);
  const auto* close = std::get_if<WebSocketClose>(&event);
  if (close == nullptr || !close->clean) socket->ended_out = true;
  DropIfOver(number);
}

void DispatchObjectSocket(js::Scope& scope, IoContext& context, v8::Local<v8::Value> object, uint64_t event,
                          const object::SocketEvent& happened) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  std::optional<HookArguments> arguments = ToArguments(scope, happened.what);
  if (!arguments) {
    return context.Answer(event, Error(ErrorCode::kOverloaded, "The message is over the memory limit."));
  }
  (void)CallHook(scope, kDispatchObjectSocket,
                 {object, v8::Number::New(isolate, static_cast<double>(event)),
                  v8::Number::New(isolate, static_cast<double>(happened.socket)),
                  v8::Integer::New(isolate, arguments->kind), arguments->first, arguments->reason, arguments->clean});
}

void ThrowNoSuchSocket(js::Scope& scope, const IoContext& context) {
  js::ThrowError(scope.isolate(), context.instance() != nullptr ? kOtherContextError : kOtherRequestError);
}

}  // namespace limpet::api
