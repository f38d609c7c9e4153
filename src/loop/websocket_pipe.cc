#include "loop/websocket_pipe.h"

#include <atomic>
#include <utility>
#include <variant>
#include <vector>

namespace limpet::loop {
namespace {

constexpr size_t kMessageOverhead = 64;  // Counted for each, so that many small ones are seen too.

size_t CostOf(const WebSocketMessagePtr& message) { return message->payload().size() + kMessageOverhead; }

// What one side of a pipe is sent, and who takes it. Lives on its own loop; `buffered` alone is shared.
class Side : public std::enable_shared_from_this<Side> {
 public:
  using Item = std::variant<WebSocketMessagePtr, WebSocketClose, Error>;

  explicit Side(Loop& loop) : loop_(loop) {}
  void Join(const std::shared_ptr<Side>& other) { other_ = other; }

  // The owner's calls.
  void SetReceiver(WebSocketReceiver* receiver) {
    receiver_ = receiver;
    Deliver();
  }
  void SetPaused(bool paused) {
    paused_ = paused;
    if (!paused) Deliver();
  }
  void Send(WebSocketMessagePtr message) {
    std::shared_ptr<Side> other = other_.lock();
    if (closed_ || !other) return;
    size_t cost = CostOf(message);
    if (buffered.fetch_add(cost, std::memory_order_relaxed) + cost > WebSocketEnd::kHighWaterBytes) over_high_ = true;
    Pass(other, std::move(message));
  }
  void End(Item close_or_error) {
    std::shared_ptr<Side> other = other_.lock();
    if (!std::exchange(closed_, true) && other) Pass(other, std::move(close_or_error));
  }
  void Abandon() {
    receiver_ = nullptr;
    abandoned_ = true;
    End(WebSocketClose{kCloseDisconnected, std::string(kDisconnectedText), false});
    Deliver();
  }

  std::atomic<size_t> buffered{0};  // Sent by this side's owner and not yet taken at the other.

 private:
  void Pass(const std::shared_ptr<Side>& other, Item item) {
    if (&other->loop_ == &loop_) return other->Arrive(std::move(item));
    other->loop_.Post([other, item = std::move(item)]() mutable { other->Arrive(std::move(item)); });
  }

  void Arrive(Item item) {
    if (inbox_.empty() && wants() && !delivering_) {
      std::shared_ptr<Side> self = shared_from_this();
      delivering_ = true;
      Give(std::move(item));
      delivering_ = false;
      if (!inbox_.empty()) Deliver();
      return;
    }
    inbox_.push_back(std::move(item));
    Deliver();
  }

  void Deliver() {
    if (delivering_) return;  // The loop below goes on.
    std::shared_ptr<Side> self = shared_from_this();
    delivering_ = true;
    while (inbox_at_ < inbox_.size() && wants()) {
      Item item = std::move(inbox_[inbox_at_++]);
      if (inbox_at_ == inbox_.size()) {
        inbox_ = {};  // Memory too: most wait with nothing in it.
        inbox_at_ = 0;
      } else if (inbox_at_ > 64 && inbox_at_ > inbox_.size() / 2) {
        inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(inbox_at_));
        inbox_at_ = 0;
      }
      Give(std::move(item));
    }
    delivering_ = false;
  }

  void Give(Item item) {
    if (auto* message = std::get_if<WebSocketMessagePtr>(&item)) {
      size_t cost = CostOf(*message);
      if (receiver_ != nullptr) receiver_->OnMessage(std::move(*message));
      return Taken(cost);
    }
    if (receiver_ == nullptr) return;
    if (auto* close = std::get_if<WebSocketClose>(&item)) {
      receiver_->OnClose(std::move(*close));
    } else {
      receiver_->OnError(std::move(*std::get_if<Error>(&item)));
    }
  }

  bool wants() const { return abandoned_ || (receiver_ != nullptr && !paused_); }

  // On this side's thread: `cost` bytes of the other's have been taken.
  void Taken(size_t cost) {
    std::shared_ptr<Side> other = other_.lock();
    if (!other) return;
    size_t before = other->buffered.fetch_sub(cost, std::memory_order_relaxed);
    constexpr size_t kLow = WebSocketEnd::kLowWaterBytes;
    if (before <= kLow || before - cost > kLow) return;
    if (&other->loop_ == &loop_) return other->Drained();
    other->loop_.Post([other] { other->Drained(); });
  }

  void Drained() {
    if (std::exchange(over_high_, false) && receiver_ != nullptr) receiver_->OnDrained();
  }

  Loop& loop_;
  std::weak_ptr<Side> other_;
  WebSocketReceiver* receiver_ = nullptr;
  std::vector<Item> inbox_;  // From inbox_at_ on.
  size_t inbox_at_ = 0;
  bool paused_ = false;
  bool delivering_ = false;
  bool closed_ = false;     // By the owner.
  bool abandoned_ = false;  // What arrives is dropped.
  bool over_high_ = false;
};

class PipeEnd final : public WebSocketEnd {
 public:
  explicit PipeEnd(std::shared_ptr<Side> side) : side_(std::move(side)) {}
  ~PipeEnd() override { Alive()->Abandon(); }
  void SetReceiver(WebSocketReceiver* receiver) override { Alive()->SetReceiver(receiver); }
  void Send(WebSocketMessagePtr message) override { Alive()->Send(std::move(message)); }
  void Close(uint16_t code, std::string_view reason) override {
    Alive()->End(WebSocketClose{code, std::string(CutCloseReason(reason)), true});
  }
  void Abort(Error error) override { Alive()->End(std::move(error)); }
  void Pause() override { side_->SetPaused(true); }
  void Resume() override { Alive()->SetPaused(false); }
  size_t buffered_bytes() const override { return side_->buffered.load(std::memory_order_relaxed); }

 private:
  // A receiver may destroy this end while its side is inside the call.
  std::shared_ptr<Side> Alive() const { return side_; }
  std::shared_ptr<Side> side_;
};

// Holds itself until both directions are closed.
class Coupling : public std::enable_shared_from_this<Coupling> {
 public:
  Coupling(std::unique_ptr<WebSocketEnd> one, std::unique_ptr<WebSocketEnd> other)
      : halves_{Half(*this, std::move(one)), Half(*this, std::move(other))} {}

  void Start() {
    self_ = shared_from_this();
    std::shared_ptr<Coupling> alive = self_;
    for (Half& half : halves_) {
      if (half.end) half.end->SetReceiver(&half);
    }
  }

 private:
  // Takes what arrives at `end`.
  struct Half final : WebSocketReceiver {
    Half(Coupling& coupling, std::unique_ptr<WebSocketEnd> end) : coupling(coupling), end(std::move(end)) {}
    void OnMessage(WebSocketMessagePtr message) override { coupling.Pass(*this, std::move(message)); }
    void OnClose(WebSocketClose close) override {
      if (!close.clean) return coupling.Cut();
      coupling.PassClose(*this, close);
    }
    void OnError(Error error) override { coupling.PassError(*this, std::move(error)); }
    void OnDrained() override {
      if (Half& source = coupling.Opposite(*this); source.end) source.end->Resume();
    }
    Coupling& coupling;
    std::unique_ptr<WebSocketEnd> end;
    bool closed = false;  // A Close arrived here and went on.
  };

  Half& Opposite(Half& half) { return &half == &halves_[0] ? halves_[1] : halves_[0]; }

  void Pass(Half& from, WebSocketMessagePtr message) {
    std::shared_ptr<Coupling> alive = self_;
    Half& to = Opposite(from);
    if (!to.end) return;
    to.end->Send(std::move(message));
    if (to.end && to.end->buffered_bytes() > WebSocketEnd::kHighWaterBytes && from.end) from.end->Pause();
  }

  void PassClose(Half& from, const WebSocketClose& close) {
    std::shared_ptr<Coupling> alive = self_;
    from.closed = true;
    if (Half& to = Opposite(from); to.end) to.end->Close(close.code, close.reason);
    if (halves_[0].closed && halves_[1].closed) Cut();
  }

  void PassError(Half& from, Error error) {
    std::shared_ptr<Coupling> alive = self_;
    if (Half& to = Opposite(from); to.end) to.end->Abort(std::move(error));
    Cut();
  }

  // An end that was closed finishes on its own; the other sees a line that is cut.
  void Cut() {
    std::shared_ptr<Coupling> alive = std::move(self_);
    std::unique_ptr<WebSocketEnd> one = std::move(halves_[0].end), other = std::move(halves_[1].end);
  }

  Half halves_[2];
  std::shared_ptr<Coupling> self_;
};

}  // namespace

WebSocketPipe MakeWebSocketPipe(Loop& first_loop, Loop& second_loop) {
  auto first = std::make_shared<Side>(first_loop);
  auto second = std::make_shared<Side>(second_loop);
  first->Join(second);
  second->Join(first);
  return {std::make_unique<PipeEnd>(std::move(first)), std::make_unique<PipeEnd>(std::move(second))};
}

void CoupleWebSockets(std::unique_ptr<WebSocketEnd> one, std::unique_ptr<WebSocketEnd> other) {
  std::make_shared<Coupling>(std::move(one), std::move(other))->Start();
}

}  // namespace limpet::loop
