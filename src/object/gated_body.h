// The body stream of a reply, as its reader gets it: each chunk waits for the output gate of the object that made it,
// and the stream ends with the object. One thread.
#pragma once

#include <memory>
#include <optional>

#include "base/http.h"
#include "object/deferred.h"

namespace limpet::object {

// The object's side of such a stream.
class BodyHost {
 public:
  virtual ~BodyHost() = default;
  virtual void WhenDurable(UniqueFunction<void(Result<Done>)> then) = 0;
  virtual void BodyEnded(class GatedBodyState* body) = 0;
  virtual Deferred& deferred() = 0;
};

// Shared by the reader's handle and the object; outlives neither's need of it.
class GatedBodyState : public std::enable_shared_from_this<GatedBodyState> {
 public:
  GatedBodyState(BodyHost& host, std::unique_ptr<BodyStream> inner) : host_(&host), inner_(std::move(inner)) {}
  void Read(BodyStream::OnChunk on_chunk);
  void ReaderGone();
  // The object ends: the code's stream is destroyed here, the reader gets `error`.
  void Break(const Error& error);

 private:
  void OnChunk(Result<std::optional<Bytes>> chunk);
  void Deliver(Deferred& deferred, Result<std::optional<Bytes>> chunk);
  void End();

  BodyHost* host_;  // Null: over.
  std::unique_ptr<BodyStream> inner_;
  std::optional<Result<std::optional<Bytes>>> chunk_;  // Waits for the gate.
  BodyStream::OnChunk waiting_;
  std::optional<Error> error_;
  bool reader_gone_ = false;
};

class GatedBody final : public BodyStream {
 public:
  explicit GatedBody(std::shared_ptr<GatedBodyState> state) : state_(std::move(state)) {}
  ~GatedBody() override { state_->ReaderGone(); }
  void Read(OnChunk on_chunk) override { state_->Read(std::move(on_chunk)); }

 private:
  std::shared_ptr<GatedBodyState> state_;
};

}  // namespace limpet::object
