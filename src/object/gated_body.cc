#include "object/gated_body.h"

#include <utility>

#include "object/mutations.h"

namespace limpet::object {

void GatedBodyState::Read(BodyStream::OnChunk on_chunk) {
  if (inner_ == nullptr) {
    if (error_) return on_chunk(*error_);
    return on_chunk(std::optional<Bytes>());
  }
  waiting_ = std::move(on_chunk);
  // `inner_` drops its callback when it is destroyed, and it is ours.
  inner_->Read([this](Result<std::optional<Bytes>> chunk) { OnChunk(std::move(chunk)); });
}

void GatedBodyState::OnChunk(Result<std::optional<Bytes>> chunk) {
  if (host_ == nullptr) return;
  if (LIMPET_MUTANT(chunk_before_durable)) return Deliver(host_->deferred(), std::move(chunk));
  chunk_ = std::move(chunk);
  host_->WhenDurable([self = shared_from_this()](Result<Done> durable) {
    if (self->host_ == nullptr || !self->chunk_) return;
    if (!durable.has_value()) return;  // The object is broken: Break follows with its error.
    self->Deliver(self->host_->deferred(), *std::exchange(self->chunk_, std::nullopt));
  });
}

void GatedBodyState::Deliver(Deferred& deferred, Result<std::optional<Bytes>> chunk) {
  if (!chunk.has_value()) {
    chunk = std::move(chunk.error()).With(Error::kRemote);
    error_ = chunk.error();
  }
  bool over = !chunk.has_value() || !chunk.value();
  // From the loop: the reader may be code in another isolate, and this may be inside a turn of ours.
  if (!reader_gone_ && waiting_) {
    deferred.Later([self = shared_from_this(), chunk = std::move(chunk)]() mutable {
      if (self->reader_gone_ || !self->waiting_) return;
      std::exchange(self->waiting_, {})(std::move(chunk));
    });
  }
  if (over) End();
}

void GatedBodyState::End() {
  if (host_ == nullptr) return;
  BodyHost* host = std::exchange(host_, nullptr);
  // Not destroyed inside its own callback.
  if (inner_) host->deferred().Later([inner = std::move(inner_)]() mutable { inner.reset(); });
  host->BodyEnded(this);
}

void GatedBodyState::ReaderGone() {
  reader_gone_ = true;
  waiting_ = {};
  chunk_.reset();
  End();
}

void GatedBodyState::Break(const Error& error) {
  if (host_ == nullptr) return;
  Deferred& deferred = host_->deferred();
  host_ = nullptr;
  inner_.reset();
  chunk_.reset();
  error_ = error;
  if (reader_gone_ || !waiting_) return;
  deferred.Later([self = shared_from_this()] {
    if (self->reader_gone_ || !self->waiting_) return;
    std::exchange(self->waiting_, {})(*self->error_);
  });
}

}  // namespace limpet::object
