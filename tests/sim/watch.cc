#include "sim/watch.h"

namespace limpet::sim {
namespace {

// "w=12": what left was issued after confirmed write 12.
std::optional<uint64_t> WriteIn(const std::string& text) {
  if (!text.starts_with("w=")) return std::nullopt;
  return std::stoull(text.substr(2));
}

}  // namespace

// A reply's body: each chunk is looked at when the object's output gate has let it out.
class Watch::Body final : public BodyStream {
 public:
  Body(Model& model, Place& place, const ObjectId& object, std::unique_ptr<BodyStream> inner)
      : model_(model), place_(place), object_(object), inner_(std::move(inner)) {}
  void Read(OnChunk on_chunk) override {
    inner_->Read([this, on_chunk = std::move(on_chunk)](Result<std::optional<Bytes>> chunk) mutable {
      if (chunk.has_value() && chunk.value()) {
        model_.Emitted(object_, WriteIn(*chunk.value()).value_or(0), place_.claim_valid(), "a body chunk");
      }
      on_chunk(std::move(chunk));
    });
  }

 private:
  Model& model_;
  Place& place_;
  ObjectId object_;
  std::unique_ptr<BodyStream> inner_;
};

void Watch::Fetch(const ObjectId& id, std::optional<std::string> name, HttpRequest request, object::OnReply reply) {
  size_t colon = request.method.find(':');
  uint64_t number = std::stoull(request.method.substr(colon + 1));
  uint64_t& last = last_from_[{id, request.method.substr(0, colon)}];
  if (number <= last) model_.Violate("calls of one shard came to an object in another order than they were made");
  last = number;
  uint64_t arrival = ++arrivals_;
  request.method = std::to_string(arrival);
  bool removed = place_.removed.contains(id.ns);
  if (!draining_) owed_->insert(arrival);
  place_.waiting[arrival] = loop_.Now();
  shard_->Fetch(id, std::move(name), std::move(request),
                [this, arrival, owed = owed_, state = Arrival{id, draining_, removed},
                 reply = std::move(reply)](Result<HttpResponse> result) mutable {
                  owed->erase(arrival);
                  place_.waiting.erase(arrival);
                  OnReply(state, result);
                  if (state.replies > 1) return;
                  if (result.has_value() && result.value().body.stream != nullptr) {
                    result.value().body.stream =
                        std::make_unique<Body>(model_, place_, state.object, std::move(result.value().body.stream));
                  }
                  reply(std::move(result));
                });
}

void Watch::OnReply(Arrival& arrival, const Result<HttpResponse>& result) {
  const ObjectId& object = arrival.object;
  if (++arrival.replies > 1) return model_.Violate("two replies to one event");
  if (result.has_value()) {
    if (arrival.draining) model_.Violate("an event that came after the drain was served");
    if (arrival.removed) model_.Violate("an event that came after the class was deleted was served");
    bool stream = result.value().body.stream != nullptr;
    auto write = WriteIn(stream ? result.value().status_text : result.value().body.bytes);
    return model_.Emitted(object, write.value_or(0), place_.claim_valid(), "a response");
  }
  auto write = WriteIn(result.error().message());
  if (write) return model_.Emitted(object, *write, place_.claim_valid(), "an error reply");
  if (model_.quiet && !arrival.draining && !place_.removed.contains(object.ns)) {
    model_.Violate("an event failed though nothing was wrong: " + result.error().message());
  }
}

void Watch::SetClass(NamespaceId ns, std::shared_ptr<object::ClassCode> code, object::CodeUpdate update) {
  auto fake = std::static_pointer_cast<FakeClass>(code);
  bool soon = update.mode == object::CodeUpdate::Mode::kSoon;
  Duration allowed = soon ? place_.roll_grace : update.max_delay;
  for (auto& older : classes_) older->runs_until = std::min(older->runs_until, loop_.Now() + allowed);
  classes_.push_back(fake);
  if (classes_.size() > 3) classes_.erase(classes_.begin());
  place_.version = fake->version();
  shard_->SetClass(ns, std::move(code), update);
}

void Watch::RemoveClass(NamespaceId ns, Error reason, UniqueFunction<void()> then) {
  place_.removed.insert(ns);
  shard_->RemoveClass(ns, std::move(reason), [this, ns, then = std::move(then)]() mutable {
    if (model_.Writing([&](const ObjectId& id) { return id.ns == ns && place_.Owns(id); })) {
      model_.Violate("a deleted class counted as gone while its writes were on the way");
    }
    then();
  });
}

void Watch::Drain(UniqueFunction<void()> then) {
  draining_ = true;
  shard_->Drain([this, then = std::move(then)]() mutable {
    if (!owed_->empty()) model_.Violate("a shard counted as drained while it owed a reply");
    if (live_instances() > 0) model_.Violate("a shard counted as drained while an object lived");
    if (model_.Writing([&](const ObjectId& id) { return place_.Owns(id); })) {
      model_.Violate("a shard counted as drained while its writes were on the way");
    }
    then();
  });
}

}  // namespace limpet::sim
