// How an event learns that whoever called it has gone. A stateless one is on its caller's shard and is told directly
// (Callee). That of an object: by an end of a pipe that comes with the request,
// in the place where a call of RPC has its session, and that is cut when the caller's promise is nobody's any more;
// then by the answer's body, which is dropped when nobody reads it to its end.
#include <utility>

#include "api/io_context.h"
#include "loop/websocket_pipe.h"

namespace limpet::api {

struct IoContext::Caller final : WebSocketReceiver {
  Caller(IoContext& its_context, uint64_t its_event, std::unique_ptr<WebSocketEnd> its_line)
      : context(its_context), event(its_event), line(std::move(its_line)) {}

  void OnMessage(WebSocketMessagePtr) override {}
  void OnClose(WebSocketClose close) override {
    if (!close.clean) Gone();
  }
  void OnError(Error) override { Gone(); }
  // May be inside a call of the caller's.
  void Gone() {
    context.host().loop->Post([weak = context.weak_from_this(), number = event] {
      if (std::shared_ptr<IoContext> self = weak.lock()) self->CallerGone(number);
    });
  }

  IoContext& context;
  const uint64_t event;
  std::unique_ptr<WebSocketEnd> line;
  v8::Global<v8::Function> tell;  // Empty: nobody has asked.
  object::GateRef where;
};

namespace {

void Tell(IoContext& context, const object::GateRef& where, v8::Global<v8::Function> tell) {
  context.Continue(where, [tell = std::move(tell)](js::Scope& scope) {
    v8::TryCatch caught(scope.isolate());
    (void)tell.Get(scope.isolate())->Call(scope.context(), v8::Undefined(scope.isolate()), 0, nullptr);
  });
}

class WatchedBody final : public BodyStream {
 public:
  WatchedBody(std::unique_ptr<BodyStream> source, std::shared_ptr<IoContext> context, object::GateRef where,
              v8::Global<v8::Function> tell)
      : source_(std::move(source)), context_(std::move(context)), where_(std::move(where)), tell_(std::move(tell)) {}
  ~WatchedBody() override {
    if (!ended_ && !context_->ended()) Tell(*context_, where_, std::move(tell_));
  }
  void Read(OnChunk on_chunk) override {
    on_chunk_ = std::move(on_chunk);
    source_->Read([this](Result<std::optional<Bytes>> chunk) {
      ended_ = !chunk.has_value() || !chunk.value().has_value();
      OnChunk on_chunk = std::move(on_chunk_);
      on_chunk(std::move(chunk));  // Whoever reads may let go of this stream.
    });
  }

 private:
  std::unique_ptr<BodyStream> source_;
  OnChunk on_chunk_;
  std::shared_ptr<IoContext> context_;
  object::GateRef where_;
  v8::Global<v8::Function> tell_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<WebSocketEnd> IoContext::WatchFetch(uint64_t number) {
  Fetch* fetch = fetches_.Find(number);
  if (fetch == nullptr) return nullptr;
  loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(*host_->loop, *host_->loop);
  fetch->watch = std::move(pipe.first);
  return std::move(pipe.second);
}

std::shared_ptr<Callee> IoContext::MakeCallee(uint64_t number) {
  Fetch* fetch = fetches_.Find(number);
  if (fetch != nullptr) fetch->callee = std::make_shared<Callee>();
  return fetch != nullptr ? fetch->callee : nullptr;
}

void IoContext::AddCaller(uint64_t event, std::unique_ptr<WebSocketEnd> line) {
  callers_.Emplace(event, std::make_shared<Caller>(*this, event, std::move(line)));
}

void IoContext::OnCallerGone(js::Scope& scope, uint64_t event, v8::Local<v8::Function> tell) {
  std::shared_ptr<Caller>* found = callers_.Find(event);
  if (found == nullptr) return;
  std::shared_ptr<Caller> caller = *found;
  caller->tell.Reset(scope.isolate(), tell);
  caller->where = where();
  caller->line->SetReceiver(caller.get());
}

void IoContext::CallerGone(uint64_t event) {
  std::optional<std::shared_ptr<Caller>> caller = callers_.Take(event);
  if (caller) Tell(*this, (*caller)->where, std::move((*caller)->tell));
}

void IoContext::WatchAnswer(uint64_t event, HttpResponse& response) {
  if (response.body.stream == nullptr) return;
  if (instance_ == nullptr && depth.workers > 0 && !on_client_gone_.IsEmpty()) {
    response.body.stream = std::make_unique<WatchedBody>(std::move(response.body.stream), shared_from_this(),
                                                         object::GateRef(), std::move(on_client_gone_));
    return;
  }
  std::shared_ptr<Caller>* found = callers_.Find(event);
  if (found == nullptr || (*found)->tell.IsEmpty()) return;
  response.body.stream = std::make_unique<WatchedBody>(std::move(response.body.stream), shared_from_this(),
                                                       (*found)->where, std::move((*found)->tell));
}

}  // namespace limpet::api
