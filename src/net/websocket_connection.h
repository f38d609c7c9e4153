// One connection of a WebSocketGroup. Internal to net. Held by its end while that exists, and by what runs on its
// stream.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "net/websocket.h"
#include "net/websocket_frame.h"
#include "net/websocket_stream.h"

namespace limpet::net {

class WebSocketConnection;

struct WebSocketGroup::State : std::enable_shared_from_this<WebSocketGroup::State> {
  State(loop::AsioLoop& loop, WebSocketLimits limits) : loop(loop), limits(limits) {}

  loop::AsioLoop& loop;
  WebSocketLimits limits;
  std::shared_ptr<ReadScratch> scratch = std::make_shared<ReadScratch>();
  DeflateCoders coders;
  std::vector<std::shared_ptr<WebSocketConnection>> connections;  // Each knows its index.
  std::vector<std::shared_ptr<WebSocketConnection>> to_flush;     // At the end of this turn.
  Instant now;                                                    // Of the last tick.
  loop::TimerId tick = 0;
  SystemRandom random;
  std::array<uint8_t, 512> mask_keys{};  // Drawn many at a time.
  size_t mask_keys_at = sizeof mask_keys;

  void Add(std::shared_ptr<WebSocketConnection> connection);
  void Remove(WebSocketConnection& connection);
  void FlushLater(std::shared_ptr<WebSocketConnection> connection);
  void Tick();
  void CheckDeadlines(Instant at);
  std::array<char, 4> NextMaskKey();
};

class WebSocketConnection : public std::enable_shared_from_this<WebSocketConnection> {
 public:
  WebSocketConnection(WebSocketGroup::State& group, WebSocketGroup::Opening opening);

  // As WebSocketEnd says.
  void SetReceiver(WebSocketReceiver* receiver);
  void Send(const WebSocketMessagePtr& message);
  void Close(uint16_t code, std::string_view reason);
  void Abort();
  void SetPaused(bool paused);
  size_t buffered_bytes() const { return buffered_; }
  void Abandon();  // Its end is destroyed.

  void Start();  // Once.
  void Flush();
  void Lost();  // Ends at once; the receiver is told.
  void CheckDeadline(Instant now);
  size_t index = 0;  // In State::connections.
  bool flush_pending = false;

 private:
  struct Piece {
    std::shared_ptr<const void> owner;
    std::string_view bytes;
  };

  // Reading.
  void Pump();
  void StartRead();
  void WatchLine();
  void OnBytes(boost::system::error_code error, std::string_view bytes);
  void TakeBytes(std::string_view in);
  bool TakeEvent(FrameReader::Event event);
  void OnCloseFrame();
  void Fail(const WebSocketProblem& problem);
  bool wants_frames() const { return abandoned_ || (receiver_ != nullptr && !paused_); }
  bool done_reading() const { return close_received_ || failed_; }  // What still comes is not looked at.

  // Writing.
  void QueueFrame(uint8_t first, std::string_view payload);
  void Queue(std::shared_ptr<const void> owner, std::string_view bytes);
  void QueueOwn(std::string bytes);
  std::shared_ptr<const Bytes> Compressed(const WebSocketMessagePtr& message);
  void TakeSent(size_t bytes);
  void AfterFlush();
  void Cut();

  // The end.
  void SetEnding(std::variant<WebSocketClose, Error> ending);
  void SetDisconnected();
  void TellEnding();
  void End();

  WebSocketGroup::State* group_;  // Null when ended.
  std::shared_ptr<WebSocketStream> stream_;
  FrameReader reader_;
  WebSocketReceiver* receiver_ = nullptr;
  UniqueFunction<void()> on_gone_;
  WebSocketGroup::Role role_;
  uint8_t send_window_bits_ = 0;  // 0: no compression.
  bool paused_ = false;
  bool abandoned_ = false;
  bool pumping_ = false;
  bool reading_ = false;
  bool watching_ = false;  // For the line's break, while nothing is read.
  bool broken_ = false;    // It has broken, and what came before may still be delivered.
  bool waiting_writable_ = false;
  bool over_high_water_ = false;
  bool overloaded_ = false;
  bool close_sent_ = false;
  bool close_received_ = false;
  bool failed_ = false;  // Ours to end: what the peer still sends does not count.
  bool lingering_ = false;
  bool told_ = false;  // OnClose or OnError was called.
  bool pinged_ = false;
  std::string held_;                                             // Read and not looked at: paused in between.
  std::unique_ptr<std::variant<WebSocketClose, Error>> ending_;  // To be told when what is held has been delivered.
  std::vector<Piece> queue_;
  size_t queue_at_ = 0;  // Pieces before it are sent.
  size_t buffered_ = 0;
  Instant deadline_ = Instant::max();
  Instant write_deadline_ = Instant::max();
  Instant heard_;
};

}  // namespace limpet::net
