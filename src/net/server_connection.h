// One connection of an HttpServer. Internal to net.
//
// At any time it reads a head, or is in one exchange (a request that was handed to the handler and whose response is
// not wholly sent), or lingers before it closes. All on the server's loop. It is held by its server while it is open,
// and by what Asio is doing for it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/asio_address.h"
#include "net/chunked.h"
#include "net/client_address.h"
#include "net/http_server.h"
#include "net/in_buffer.h"
#include "net/pipe.h"
#include "net/response_head.h"
#include "net/websocket_handshake.h"

namespace limpet::net {

inline constexpr size_t kHeadReadBytes = 4 * 1024;        // What an idle connection holds for its next request.
inline constexpr size_t kInlineBodyBytesMax = 64 * 1024;  // Larger bodies are always streams.
inline constexpr size_t kReadAheadBytes = 16 * 1024;      // Read while nobody asks, to notice a client that goes.
inline constexpr size_t kDiscardBytesMax = 256 * 1024;    // Of an unread body, to keep the connection.
inline constexpr size_t kLingerBytesMax = 1024 * 1024;    // Read before closing, so that the client sees the answer.
inline constexpr size_t kCopyBytesMax = 16 * 1024;        // Larger bodies are sent from where they are.
inline constexpr size_t kChunksPerTurnMax = 32;           // Of a response stream that always has more.
inline constexpr std::chrono::seconds kLingerTimeout{2};
inline constexpr std::chrono::milliseconds kWatchDelay{10};

struct HttpServer::State {
  State(loop::AsioLoop& loop, ServerOptions options, Handler handler)
      : loop(loop),
        options(std::move(options)),
        handler(std::move(handler)),
        websockets(loop, this->options.websocket) {}

  loop::AsioLoop& loop;
  ServerOptions options;
  Handler handler;
  std::vector<std::shared_ptr<Connection>> connections;  // Each knows its index.
  std::atomic<size_t>* count = nullptr;
  Instant now;  // Of the last tick.
  loop::TimerId tick = 0;
  bool draining = false;         // No response keeps its connection open any more.
  bool closing_idle = false;     // The grace of idle connections is over.
  loop::TimerId grace_over = 0;  // The timer.
  UniqueFunction<void()> drained;
  // Connections whose request is being answered: they are read on, to hear that the client has gone, only if it takes
  // kWatchDelay or more. Most answers are faster, and a read that finds nothing is a system call.
  std::vector<std::weak_ptr<Connection>> unwatched;
  loop::TimerId watch = 0;
  WebSocketGroup websockets;
  PipePool pipes;
  std::shared_ptr<int> alive = std::make_shared<int>(0);

  void Adopt(int socket_fd, IpAddress peer, ConnectionGate::Ticket ticket);
  void WatchLater(Connection& connection);
  void Remove(Connection& connection);
  void ShowCount() { count->store(connections.size() + websockets.size(), std::memory_order_relaxed); }
  void Tick();
  void CheckDeadlines(Instant at);
  void CheckDrained();
  void CloseIdle();
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(HttpServer::State& server, boost::asio::ip::tcp::socket socket, IpAddress peer, bool peer_is_trusted,
             ConnectionGate::Ticket ticket);

  void Start() { Pump(); }
  void Close();
  void Abort();
  void Drain();        // Closes after the response that is under way, if there is one.
  void CloseIfIdle();  // Not if a request has begun to arrive.
  void CheckDeadline(Instant now);
  void Leave() { server_ = nullptr; }  // The server is going.
  size_t index = 0;                    // In HttpServer::State::connections.
  bool unwatched = false;              // In HttpServer::State::unwatched.
  void Watch() { StartRead(); }

  // For Responder and the request body; ignored if `exchange` is over.
  void Send(uint64_t exchange, HttpResponse response);
  void DropResponder(uint64_t exchange);
  void OnDisconnect(uint64_t exchange, UniqueFunction<void()> closure);
  void ReadBody(uint64_t exchange, BodyStream::OnChunk on_chunk);
  bool CanPipeBody(uint64_t exchange) const;
  void PipeBody(uint64_t exchange, int pipe, size_t bytes_max, BodyStream::OnPiped on_piped);
  void DropBody(uint64_t exchange);

 private:
  enum class State : uint8_t { kHead, kExchange, kUpgrade, kLinger, kClosed };

  struct RequestBody {
    bool done = true;
    bool chunked = false;
    bool expect_continue = false;  // The client waits for "100 Continue".
    bool dropped = false;          // Nobody will ask for it.
    uint64_t left = 0;             // If not chunked.
    uint64_t taken = 0;
    uint64_t discarded = 0;
    Instant waited_since = Instant::max();  // For bytes of it; max: does not wait.
    Duration patience{};                    // What is left of the stall timeout; bytes that come refill it.
    ChunkDecoder decoder;
    BodyRoom room;
    BodyStream::OnChunk waiting;
    // Instead of `waiting`.
    struct Piping {
      int pipe;
      size_t bytes_max;
      BodyStream::OnPiped on_piped;
    };
    std::optional<Piping> piping;
  };

  // Reading (server_connection.cc).
  void Pump();
  bool Step();
  bool StartExchange();
  void CallHandler(RequestHead head, HttpRequest request, size_t head_size);
  Body TakeBody(const RequestHead& head);
  bool EndExchange();
  void ServeBody();
  void ServePipe();
  bool DiscardBody();
  void WaitForBody();
  bool BodyCame(size_t bytes);  // False: it came too slowly.
  void OutOfTime();
  Result<Bytes> DecodeBody(size_t bytes_max);
  void FailBody(Error error);
  // StartRead when it is worth it.
  void ReadOn();
  bool WantsBody() const { return body_.waiting || body_.piping || (response_done_ && !body_.done); }
  void StartRead();
  void OnRead(boost::system::error_code error, size_t bytes);
  void OnEnd();
  void NotifyDisconnect();

  // Becoming a WebSocket (server_connection_upgrade.cc).
  struct Upgrade {
    UpgradeAnswer answer;
    std::unique_ptr<WebSocketEnd> end;
  };
  void StartUpgrade(HttpResponse response);
  void TryFinishUpgrade();

  // Writing (server_connection_write.cc).
  void Refuse(int status, std::string_view text);
  void BeginLinger();
  void PullResponse();
  void ReadResponse();
  void OnResponseChunk(Result<std::optional<Bytes>> chunk);
  void OnResponsePiped(Result<size_t> bytes);
  bool Announced(size_t bytes);
  void GoOn();
  bool FinishResponse();
  void EndResponse();
  void ParkResponseStream();
  void QueueChunk(Bytes chunk);
  void EndPipedChunk();
  bool DecideKeepAlive(bool body_may_come) const;
  void ReleaseHead(bool body_was_asked_for);
  bool TakesBytes(Instant now);
  bool out_empty() const { return out_.empty() && big_.empty() && piped_bytes_ == 0 && after_.empty(); }
  void Flush();
  ssize_t SendQueued();
  void TakeSent(size_t bytes);
  void WaitWritable();
  void AfterFlush();

  HttpServer::State* server_;
  boost::asio::ip::tcp::socket socket_;
  IpAddress peer_;
  std::string peer_text_;
  bool peer_is_trusted_;
  ConnectionGate::Ticket ticket_;
  State state_ = State::kHead;
  bool pumping_ = false;
  bool reading_ = false;
  bool read_posted_ = false;  // StartRead comes at the end of the loop's turn.
  bool peer_closed_ = false;
  InBuffer in_;
  HeadScanner scanner_;
  bool head_begun_ = false;
  Instant read_deadline_ = Instant::max();
  Instant write_deadline_ = Instant::max();
  size_t unsent_bytes_ = 0;  // In the kernel's buffer, when write_deadline_ was set.
  uint64_t linger_bytes_ = 0;

  // The exchange.
  uint64_t exchange_ = 1;
  ExchangeFacts facts_;
  std::unique_ptr<UpgradeOffer> upgrade_offer_;  // The request asks for a WebSocket.
  std::unique_ptr<Upgrade> upgrade_;             // In kUpgrade.
  RequestBody body_;
  UniqueFunction<void()> on_disconnect_;
  // The client waits for "100 Continue", and the response may be what asks for the body (one that passes through): the
  // head goes out behind the 100, or with the first bytes of the response's own, which end the waiting.
  struct HeldHead {
    std::string if_asked, if_not;
  };
  std::unique_ptr<HeldHead> held_head_;
  bool response_started_ = false;
  bool response_done_ = false;  // All of it is queued.
  std::unique_ptr<Pipe> pipe_;  // Outlives a read of the stream.
  std::unique_ptr<BodyStream> response_stream_;
  bool response_reading_ = false;  // A Read is out.
  bool response_begun_ = false;    // Read was called at least once.
  bool in_read_call_ = false;
  ResponsePlan plan_;
  uint64_t response_left_ = 0;

  // Queued for the socket, in this order.
  std::string out_;
  Bytes big_;
  size_t piped_bytes_ = 0;         // In pipe_.
  bool piped_chunk_open_ = false;  // The line's end after them is not queued yet.
  std::string_view after_;
  size_t out_at_ = 0, big_at_ = 0;
  bool writing_ = false;
};

}  // namespace limpet::net
