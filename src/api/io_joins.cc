// Bodies that a script has piped through identity transforms, without a byte of them in JavaScript (builtins/joins.ts).
#include <memory>
#include <utility>

#include "api/io_natives.h"
#include "api/io_support.h"

namespace limpet::api {
namespace {

constexpr const char* kTooMany = "Attempt to write too many bytes through a FixedLengthStream.";
constexpr const char* kTooFew = "FixedLengthStream did not see all expected bytes before close().";

// Another stream, of so many bytes or a failure, if that is asked for; and its end settles a promise, if there is one.
class JoinedStream final : public BodyStream {
 public:
  JoinedStream(std::unique_ptr<BodyStream> source, std::optional<uint64_t> length)
      : source_(std::move(source)), limited_(length.has_value()), left_(length.value_or(0)) {}
  ~JoinedStream() override {
    if (context_ != nullptr) Tell(std::move(context_), Error(ErrorCode::kCanceled, "The client disconnected."));
  }
  // Keeps `context` alive until the end.
  void TellEnd(std::shared_ptr<IoContext> context, uint64_t promise) {
    where_ = context->where();
    promise_ = promise;
    context->StreamBegins();
    context_ = std::move(context);
  }

  void Read(OnChunk on_chunk) override {
    on_chunk_ = std::move(on_chunk);  // Kept here, so that the closure below needs no memory.
    source_->Read([this](Result<std::optional<Bytes>> chunk) { Pass(std::move(chunk)); });
  }
  bool CanPipe() const override { return source_->CanPipe(); }
  void ReadIntoPipe(int pipe, size_t bytes_max, OnPiped on_piped) override {
    on_piped_ = std::move(on_piped);
    source_->ReadIntoPipe(pipe, bytes_max, [this](Result<size_t> bytes) { PassPiped(std::move(bytes)); });
  }

 private:
  void Pass(Result<std::optional<Bytes>> chunk) {
    bool ends = !chunk.has_value() || !chunk.value().has_value();
    if (chunk.has_value()) {
      if (std::optional<Error> wrong = Count(ends ? 0 : chunk.value()->size())) chunk = *std::move(wrong);
    }
    Answer(std::move(on_chunk_), std::move(chunk), ends);
  }
  void PassPiped(Result<size_t> bytes) {
    bool ends = !bytes.has_value() || bytes.value() == 0;
    if (bytes.has_value()) {
      if (std::optional<Error> wrong = Count(bytes.value())) bytes = *std::move(wrong);
    }
    Answer(std::move(on_piped_), std::move(bytes), ends);
  }
  // Of the next piece; 0: the end.
  std::optional<Error> Count(size_t bytes) {
    if (!limited_) return std::nullopt;
    if (bytes > left_) return Error(ErrorCode::kInvalidArgument, kTooMany).Named("TypeError");
    if (bytes == 0 && left_ > 0) return Error(ErrorCode::kInvalidArgument, kTooFew).Named("TypeError");
    left_ -= bytes;
    return std::nullopt;
  }
  template <typename Callback, typename Piece>
  void Answer(Callback on_piece, Result<Piece> piece, bool ends) {
    if (context_ == nullptr || (piece.has_value() && !ends)) return on_piece(std::move(piece));
    // Whoever reads may let go of this stream.
    auto tell = [context = std::move(context_), promise = promise_, where = where_,
                 end = piece.has_value() ? Result<Done>(Done{}) : Result<Done>(piece.error())]() mutable {
      Tell(std::move(context), promise, where, std::move(end));
    };
    on_piece(std::move(piece));
    tell();
  }
  void Tell(std::shared_ptr<IoContext> context, Error why) {
    Tell(std::move(context), promise_, where_, std::move(why));
  }
  static void Tell(std::shared_ptr<IoContext> context, uint64_t promise, const object::GateRef& where,
                   Result<Done> end) {
    context->Settle(promise, where, [end = std::move(end)](js::Scope& scope) -> v8::MaybeLocal<v8::Value> {
      if (!end.has_value()) return Throw(scope, end.error()), v8::MaybeLocal<v8::Value>();
      return v8::Undefined(scope.isolate()).As<v8::Value>();
    });
    context->StreamEnds();
  }

  std::unique_ptr<BodyStream> source_;
  OnChunk on_chunk_;
  OnPiped on_piped_;
  bool limited_;
  uint64_t left_;
  std::shared_ptr<IoContext> context_;  // Null: there is nobody to tell.
  uint64_t promise_ = 0;
  object::GateRef where_;
};

// bodyJoin(body, length | undefined, told): Promise<void> | undefined
void BodyJoin(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  IoContext::InBody* body = TakeForReading(call, *context, call.Number(0));
  if (body == nullptr) return;
  std::optional<uint64_t> length;
  if (args[1]->IsNumber()) length = call.Number(1);
  body->body.length = length;
  bool told = args[2]->IsTrue();
  if (!told && !length) return;
  auto joined = std::make_unique<JoinedStream>(std::move(body->body.stream), length);
  if (told) {
    std::optional<uint64_t> promise = ReturnPromise(call, *context);
    if (promise) joined->TellEnd(context->shared_from_this(), *promise);
  }
  body->body.stream = std::move(joined);
}

}  // namespace

void AddJoinNatives(std::vector<js::NativeFunction>& natives) { natives.push_back({"bodyJoin", BodyJoin}); }

}  // namespace limpet::api
