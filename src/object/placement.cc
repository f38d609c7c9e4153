#include "object/placement.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "loop/websocket_pipe.h"
#include "object/mutations.h"

namespace limpet::object {

uint32_t ShardOf(const ObjectId& id, uint32_t shards) {
  LIMPET_CHECK(shards > 0);
  // The low bits of the hash place the object in its shard's map; the high ones choose the shard.
  uint64_t hash = std::hash<ObjectId>()(id) * 0x9E3779B97F4A7C15u;
  return static_cast<uint32_t>((hash >> 32) * shards >> 32);
}

namespace {

// Each side is touched on its own loop only; closures carry both.
struct SourceSide {
  std::unique_ptr<BodyStream> stream;
};
struct ReaderSide {
  BodyStream::OnChunk waiting;  // Empty whenever only closures on the other loop know this.
};

class BridgedBody final : public BodyStream {
 public:
  BridgedBody(std::unique_ptr<BodyStream> source, loop::Loop& here, loop::Loop& there)
      : here_(here), there_(there), source_(std::make_shared<SourceSide>()), reader_(std::make_shared<ReaderSide>()) {
    source_->stream = std::move(source);
  }
  ~BridgedBody() override {
    reader_->waiting = {};
    here_.Post([source = std::move(source_)] { source->stream.reset(); });
  }

  void Read(OnChunk on_chunk) override {
    reader_->waiting = std::move(on_chunk);
    here_.Post([source = source_, reader = reader_, there = &there_] {
      if (source->stream == nullptr) return;
      source->stream->Read([reader, there](Result<std::optional<Bytes>> chunk) {
        there->Post([reader, chunk = std::move(chunk)]() mutable {
          if (reader->waiting) std::exchange(reader->waiting, {})(std::move(chunk));
        });
      });
    });
  }

 private:
  loop::Loop& here_;
  loop::Loop& there_;
  std::shared_ptr<SourceSide> source_;
  std::shared_ptr<ReaderSide> reader_;
};

}  // namespace

std::unique_ptr<BodyStream> BridgeBody(std::unique_ptr<BodyStream> source, loop::Loop& here, loop::Loop& there) {
  return std::make_unique<BridgedBody>(std::move(source), here, there);
}

std::unique_ptr<WebSocketEnd> BridgeWebSocket(std::unique_ptr<WebSocketEnd> end, loop::Loop& here, loop::Loop& there) {
  loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(here, there);
  loop::CoupleWebSockets(std::move(end), std::move(pipe.first));
  return std::move(pipe.second);
}

Directory::Directory(std::vector<Peer> peers, size_t self)
    : peers_(std::move(peers)), self_(self), outbox_(peers_.size()), alive_(std::make_shared<Directory*>(this)) {
  LIMPET_CHECK(self_ < peers_.size());
}

Directory::~Directory() {
  *alive_ = nullptr;
  std::exchange(home_->owed, {});
}

void Directory::Fetch(const ObjectId& id, std::optional<std::string> name, HttpRequest request, OnReply reply) {
  size_t owner = ShardOf(id, shards());
  if (LIMPET_MUTANT(places_by_caller)) owner = (owner + self_) % peers_.size();
  if (owner == self_) return peers_[owner].shard->Fetch(id, std::move(name), std::move(request), std::move(reply));
  if (request.body.stream != nullptr) {
    request.body.stream = BridgeBody(std::move(request.body.stream), *peers_[self_].loop, *peers_[owner].loop);
  }
  if (request.session != nullptr) {
    request.session = BridgeWebSocket(std::move(request.session), *peers_[self_].loop, *peers_[owner].loop);
  }
  uint64_t number = home_->next++;
  home_->owed.emplace(number, std::move(reply));
  outbox_[owner].push_back({id, std::move(name), std::move(request), number});
  if (std::exchange(sending_, true)) return;
  peers_[self_].loop->AtTurnEnd([alive = alive_] {
    if (*alive != nullptr) (*alive)->Send();
  });
}

void Directory::Send() {
  sending_ = false;
  for (size_t owner = 0; owner < outbox_.size(); ++owner) {
    if (outbox_[owner].empty()) continue;
    auto calls = std::exchange(outbox_[owner], {});
    if (LIMPET_MUTANT(calls_out_of_order)) std::reverse(calls.begin(), calls.end());
    peers_[owner].loop->Post(
        [calls = std::move(calls), peer = peers_[owner], home_loop = peers_[self_].loop, home = home_]() mutable {
          for (Call& call : calls) Receive(peer, home_loop, home, std::move(call));
        });
  }
}

// On the loop of `peer`.
void Directory::Receive(Peer peer, loop::Loop* home_loop, const std::shared_ptr<Home>& home, Call call) {
  auto reply = [peer, home_loop, home, number = call.number](Result<HttpResponse> result) {
    if (result.has_value() && result.value().body.stream != nullptr) {
      result.value().body.stream = BridgeBody(std::move(result.value().body.stream), *peer.loop, *home_loop);
    }
    if (result.has_value() && result.value().websocket != nullptr) {
      result.value().websocket = BridgeWebSocket(std::move(result.value().websocket), *peer.loop, *home_loop);
    }
    home_loop->Post([home, number, result = std::move(result)]() mutable {
      auto owed = home->owed.find(number);
      if (owed == home->owed.end() || (LIMPET_MUTANT(call_answer_lost) && number % 8 == 0)) return;
      OnReply reply = std::move(owed->second);
      home->owed.erase(owed);
      reply(std::move(result));
    });
  };
  peer.shard->Fetch(call.id, std::move(call.name), std::move(call.request), std::move(reply));
}

}  // namespace limpet::object
