// Natives of requests, responses and bodies.
#include <algorithm>
#include <utility>

#include "api/hooks.h"
#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/script_sockets.h"
#include "api/values.h"

namespace limpet::api {
namespace {

// Of a body that is gathered where a script will have it: below, a copy costs nothing, and above, what is only
// announced should not take an isolate's memory.
constexpr size_t kRoomBytesMin = 64 * 1024;
constexpr size_t kRoomBytesMax = 16 * 1024 * 1024;

// A stream of the script, pulled by C++: each read is an event of the context that made it. A body of C++ that the
// script has piped into it passes without the script, until that ends.
class PumpStream final : public BodyStream {
 public:
  PumpStream(std::shared_ptr<IoContext> context, uint64_t number, object::GateRef where)
      : context_(std::move(context)), number_(number), where_(std::move(where)) {}
  ~PumpStream() override {
    context_->pump_reads().Erase(read_);
    if (!ended_ && !context_->ended() && context_->pumps().Contains(number_)) {
      context_->Continue(
          where_, [context = context_.get(), number = number_](js::Scope& scope) { Cancel(*context, number, scope); });
      return;
    }
    context_->PumpGone(number_);
  }

  void Read(OnChunk on_chunk) override {
    on_chunk_ = std::move(on_chunk);
    rest_ == nullptr ? Ask() : ReadRest();
  }
  bool CanPipe() const override { return rest_ != nullptr && rest_->CanPipe(); }
  void ReadIntoPipe(int pipe, size_t bytes_max, OnPiped on_piped) override {
    on_piped_ = std::move(on_piped);
    rest_->ReadIntoPipe(pipe, bytes_max, [this](Result<size_t> bytes) {
      // A body that is piped says how long it is: it ends with Read.
      if (bytes.has_value() && bytes.value() == 0) bytes = Error(ErrorCode::kUnavailable, "Network connection lost.");
      if (!bytes.has_value()) ended_ = true;
      std::exchange(on_piped_, nullptr)(std::move(bytes));
    });
  }

 private:
  // The script for what comes next.
  void Ask() {
    if (context_->ended()) return Answer(Error(ErrorCode::kCanceled, "The script that made this stream has ended."));
    uint64_t read = read_ = context_->NextNumber();
    context_->pump_reads().Emplace(read, [this](Result<IoContext::Pumped> pumped) {
      read_ = 0;
      if (!pumped.has_value()) return Answer(std::move(pumped).error());
      if (pumped.value().rest == nullptr) return Answer(std::move(pumped.value().chunk));
      rest_ = std::move(pumped.value().rest);
      ReadRest();
    });
    context_->Continue(where_, [context = context_.get(), number = number_, read](js::Scope& scope) {
      Pull(*context, number, read, scope);
    });
  }
  void ReadRest() {
    rest_->Read([this](Result<std::optional<Bytes>> chunk) {
      if (!chunk.has_value() || chunk.value().has_value()) return Answer(std::move(chunk));
      rest_.reset();
      Ask();
    });
  }
  void Answer(Result<std::optional<Bytes>> chunk) {
    if (!chunk.has_value() || !chunk.value().has_value()) ended_ = true;
    std::exchange(on_chunk_, nullptr)(std::move(chunk));  // May be the end of this stream.
  }
  static void Cancel(IoContext& context, uint64_t number, js::Scope& scope) {
    v8::Global<v8::Object>* found = context.pumps().Find(number);
    if (found == nullptr) return;
    v8::Local<v8::Object> pump = found->Get(scope.isolate());
    context.PumpGone(number);
    v8::TryCatch caught(scope.isolate());
    v8::Local<v8::Value> cancel;
    if (!pump->Get(scope.context(), js::Literal(scope.isolate(), "cancel")).ToLocal(&cancel)) return;
    if (!cancel->IsFunction()) return;
    v8::Local<v8::Value> reason = MakeJsError(scope, Error(ErrorCode::kCanceled, "The client disconnected."));
    (void)cancel.As<v8::Function>()->Call(scope.context(), pump, 1, &reason);
  }

  static void Deliver(const Arguments& args, bool failed) {
    IoContext* context = IoContext::Current(args.GetIsolate());
    if (context == nullptr) return;
    uint64_t read = static_cast<uint64_t>(args.Data().As<v8::Number>()->Value());
    std::optional<IoContext::OnPumped> on_pumped = context->pump_reads().Take(read);
    if (!on_pumped) return;
    Call call(args);
    if (failed) return (*on_pumped)(ToError(call.scope, args[0]));
    IoContext::Pumped pumped;
    if (js::IsBytes(args[0])) pumped.chunk = js::CopyBytes(args[0]);
    if (args[0]->IsNumber()) {
      IoContext::InBody* body = context->FindBody(call.Number(0));
      if (body == nullptr) return (*on_pumped)(Error(ErrorCode::kCanceled, "The body was canceled."));
      pumped.rest = std::move(body->body.stream);
      context->DropBody(call.Number(0));
    }
    (*on_pumped)(std::move(pumped));
  }

  static void Pull(IoContext& context, uint64_t number, uint64_t read, js::Scope& scope) {
    v8::Global<v8::Object>* found = context.pumps().Find(number);
    if (found == nullptr) return;
    v8::Local<v8::Value> data = v8::Number::New(scope.isolate(), static_cast<double>(read));
    v8::Local<v8::Function> done;
    v8::Local<v8::Function> fail;
    auto on_done = [](const Arguments& args) { Deliver(args, false); };
    auto on_fail = [](const Arguments& args) { Deliver(args, true); };
    if (!v8::Function::New(scope.context(), on_done, data).ToLocal(&done)) return;
    if (!v8::Function::New(scope.context(), on_fail, data).ToLocal(&fail)) return;
    (void)CallHook(scope, kReadPump, {found->Get(scope.isolate()), done, fail});
  }

  std::shared_ptr<IoContext> context_;
  uint64_t number_;
  object::GateRef where_;
  uint64_t read_ = 0;  // The question to the script that is not answered, whose entry holds `this`; 0: there is none.
  OnChunk on_chunk_;
  OnPiped on_piped_;
  std::unique_ptr<BodyStream> rest_;  // Null: the script makes what comes next.
  bool ended_ = false;
};

// respond(event, status, statusText, headers, body, length, socket, codings)
void Respond(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  HttpResponse response;
  response.status = args[1]->IsInt32() ? args[1].As<v8::Int32>()->Value() : 200;
  if (args[2]->IsString() && args[2].As<v8::String>()->Length() > 0) response.status_text = call.Text(2);
  response.headers = FromPacked(call.scope, args[3]);
  net::ContentCoding coding = net::ContentCodingOf(response.headers, call.Codings(7));
  std::optional<Body> body = context->ExportBody(call.scope, args[4], args[5], coding);
  if (!body) return;
  // What a script says of the length is about the content; what came coded and passes is as long as its header says.
  bool passes = args[4]->IsNumber() && (!body->stream || body->length);
  if (coding != net::ContentCoding::kIdentity && body->present && !passes) response.headers.Delete("Content-Length");
  response.body = *std::move(body);
  if (args[6]->IsNumber()) {
    response.websocket = context->sockets().Take(call.Number(6));
    if (response.websocket == nullptr) return ThrowNoSuchSocket(call.scope, *context);
  }
  context->WatchAnswer(call.Number(0), response);
  context->Answer(call.Number(0), std::move(response));
}

// reject(event, name, message, stack, flags, details)
void Reject(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  Error error = WithFlags(Error::Script(call.Text(1), call.Text(2)).WithStack(call.Text(3)), call.Flags(4));
  context->ReportUncaught(error);
  // Its callers have no use for the stack: in that place is what they see beside name and message (SettleFetch).
  if (context->instance() != nullptr)
    error = Error(std::move(error).WithStack(js::IsBytes(args[5]) ? js::CopyBytes(args[5]) : Bytes()));
  context->Answer(call.Number(0), std::move(error));
}

// bodyRead(body): Promise<Uint8Array | undefined>
void BodyRead(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  uint64_t number = call.Number(0);
  IoContext::InBody* body = TakeForReading(call, *context, number);
  if (body == nullptr) return;
  std::optional<uint64_t> settle = ReturnPromise(call, *context);
  if (!settle) return;
  body->reading = true;
  body->body.stream->Read([weak = context->weak_from_this(), number, settle = *settle,
                           where = context->where()](Result<std::optional<Bytes>> chunk) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self) return;
    if (IoContext::InBody* source = self->FindBody(number)) source->reading = false;
    self->Settle(settle, where, [chunk = std::move(chunk)](js::Scope& scope) mutable -> v8::MaybeLocal<v8::Value> {
      if (!chunk.has_value()) return Throw(scope, chunk.error()), v8::MaybeLocal<v8::Value>();
      if (!chunk.value()) return v8::Undefined(scope.isolate()).As<v8::Value>();
      return js::ToUint8Array(scope.isolate(), *chunk.value());
    });
  });
}

// A whole body: in memory of the isolate's, or elsewhere.
struct Whole {
  std::unique_ptr<v8::BackingStore> room;  // Full.
  Bytes bytes;                             // If there is no `room`.
};

// Reads a stream to its end without entering JavaScript between the chunks.
class Gather : public std::enable_shared_from_this<Gather> {
 public:
  // `room` may be null, and is of no use if the body is not just as long.
  Gather(std::unique_ptr<BodyStream> stream, std::unique_ptr<v8::BackingStore> room,
         UniqueFunction<void(Result<Whole>)> done)
      : stream_(std::move(stream)), room_(std::move(room)), done_(std::move(done)) {}
  void Run() {
    // A stream that answers at once is read in this loop, not by recursion.
    do {
      answered_ = false;
      inside_ = true;
      stream_->Read([self = shared_from_this()](Result<std::optional<Bytes>> chunk) { self->Take(std::move(chunk)); });
      inside_ = false;
    } while (answered_ && done_);
  }

 private:
  void Take(Result<std::optional<Bytes>> chunk) {
    answered_ = true;
    if (!chunk.has_value()) return Finish(std::move(chunk).error());
    if (!chunk.value()) {
      if (room_ && filled_ < room_->ByteLength()) LeaveRoom();
      return Finish(Whole{std::move(room_), std::move(all_)});
    }
    Bytes& bytes = *chunk.value();
    if (room_ && bytes.size() > room_->ByteLength() - filled_) LeaveRoom();
    if (room_) {
      bytes.copy(static_cast<char*>(room_->Data()) + filled_, bytes.size());
      filled_ += bytes.size();
    } else if (all_.empty()) {
      all_ = std::move(bytes);
    } else {
      all_ += bytes;
    }
    if (all_.size() > kBodyInMemoryMax) {
      return Finish(Error(ErrorCode::kOverloaded, "Memory limit would be exceeded before EOF.").Named("TypeError"));
    }
    if (!inside_) Run();
  }
  void LeaveRoom() {
    all_.assign(static_cast<const char*>(room_->Data()), filled_);
    room_.reset();
  }
  void Finish(Result<Whole> result) { std::exchange(done_, nullptr)(std::move(result)); }

  std::unique_ptr<BodyStream> stream_;
  std::unique_ptr<v8::BackingStore> room_;
  size_t filled_ = 0;
  UniqueFunction<void(Result<Whole>)> done_;
  Bytes all_;
  bool inside_ = false;
  bool answered_ = false;
};

// Room for a body that says how long it is, if it is one that is worth it and fits; null otherwise.
std::unique_ptr<v8::BackingStore> RoomFor(v8::Isolate* isolate, const Body& body) {
  if (body.length.value_or(0) < kRoomBytesMin || *body.length > kRoomBytesMax) return nullptr;
  return v8::ArrayBuffer::NewBackingStore(isolate, *body.length, v8::BackingStoreInitializationMode::kUninitialized,
                                          v8::BackingStoreOnFailureMode::kReturnNull);
}

using MakeWhole = v8::MaybeLocal<v8::Value> (*)(v8::Isolate* isolate, Whole whole);

// The promise of what `make` makes of the rest of a body.
void ReadWhole(const Arguments& args, MakeWhole make) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  uint64_t number = call.Number(0);
  IoContext::InBody* body = TakeForReading(call, *context, number);
  if (body == nullptr) return;
  std::optional<uint64_t> settle = ReturnPromise(call, *context);
  if (!settle) return;
  std::unique_ptr<v8::BackingStore> room = RoomFor(call.scope.isolate(), body->body);
  std::unique_ptr<BodyStream> stream = std::move(body->body.stream);
  context->DropBody(number);
  auto done = [weak = context->weak_from_this(), settle = *settle, make,
               where = context->where()](Result<Whole> whole) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self) return;
    self->Settle(settle, where,
                 [make, whole = std::move(whole)](js::Scope& scope) mutable -> v8::MaybeLocal<v8::Value> {
                   if (!whole.has_value()) return Throw(scope, whole.error()), v8::MaybeLocal<v8::Value>();
                   return make(scope.isolate(), std::move(whole).value());
                 });
  };
  std::make_shared<Gather>(std::move(stream), std::move(room), std::move(done))->Run();
}

// bodyReadAll(body): Promise<ArrayBuffer>
void BodyReadAll(const Arguments& args) {
  ReadWhole(args, [](v8::Isolate* isolate, Whole whole) -> v8::MaybeLocal<v8::Value> {
    if (whole.room) return v8::ArrayBuffer::New(isolate, std::move(whole.room)).As<v8::Value>();
    v8::Local<v8::Uint8Array> bytes = js::ToUint8Array(isolate, whole.bytes);
    if (bytes.IsEmpty()) return {};
    return bytes->Buffer().As<v8::Value>();
  });
}

// bodyReadText(body): Promise<string>
void BodyReadText(const Arguments& args) {
  ReadWhole(args, [](v8::Isolate* isolate, Whole whole) -> v8::MaybeLocal<v8::Value> {
    v8::MaybeLocal<v8::String> text =
        whole.room ? DecodeUtf8(isolate, std::move(whole.room)) : DecodeUtf8(isolate, whole.bytes);
    return text.FromMaybe(v8::Local<v8::String>());
  });
}

void BodyCancel(const Arguments& args) {
  Call call(args);
  if (IoContext* context = IoContext::Current(call.scope.isolate())) context->DropBody(call.Number(0));
}

}  // namespace

std::optional<Body> IoContext::ExportBody(js::Scope& scope, v8::Local<v8::Value> value, v8::Local<v8::Value> length,
                                          net::ContentCoding coding) {
  v8::Isolate* isolate = scope.isolate();
  if (value->IsNullOrUndefined()) return Body::None();
  if (value->IsString()) return net::EncodeContent(Body::Of(js::ToUtf8(isolate, value)), coding);
  if (js::IsBytes(value)) return net::EncodeContent(Body::Of(js::CopyBytes(value)), coding);
  if (value->IsNumber()) {
    std::optional<InBody> taken = bodies_.Take(static_cast<uint64_t>(value.As<v8::Number>()->Value()));
    if (!taken) {
      js::ThrowError(isolate, instance_ != nullptr ? kOtherContextError : kOtherRequestError);
      return std::nullopt;
    }
    if (taken->coding == coding) return std::move(taken->body);
    return net::EncodeContent(net::DecodeContent(std::move(taken->body), taken->coding), coding);
  }
  if (!value->IsObject()) return Body::None();
  uint64_t number = NextNumber();
  pumps_.Emplace(number, isolate, value.As<v8::Object>());
  std::optional<uint64_t> announced;
  if (length->IsNumber()) announced = static_cast<uint64_t>(length.As<v8::Number>()->Value());
  return net::EncodeContent(Body::Of(std::make_unique<PumpStream>(shared_from_this(), number, where()), announced),
                            coding);
}

void AddEventNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"respond", Respond});
  natives.push_back({"reject", Reject});
  natives.push_back({"bodyRead", BodyRead});
  natives.push_back({"bodyReadAll", BodyReadAll});
  natives.push_back({"bodyReadText", BodyReadText});
  natives.push_back({"bodyCancel", BodyCancel});
}

}  // namespace limpet::api
