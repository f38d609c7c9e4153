// The ends of WebSockets that a script holds in one context: those of its pairs, of answered fetches, and those it
// accepted, whose messages are events of the context. What the script sends passes the output gate here, to them as
// well as to the hibernatable sockets of its object.
//
// Thread: the shard's. Owned by the context.
#pragma once

#include <v8.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "api/io_context.h"
#include "base/websocket.h"
#include "object/object_sockets.h"

namespace limpet::api {

class ScriptSockets {
 public:
  explicit ScriptSockets(IoContext& context);
  ~ScriptSockets();  // Cuts every line.
  ScriptSockets(const ScriptSockets&) = delete;
  ScriptSockets& operator=(const ScriptSockets&) = delete;

  // The number under which the script knows it: unique in the isolate.
  uint64_t Add(std::unique_ptr<WebSocketEnd> end);
  // Null: there is none, or it was accepted.
  std::unique_ptr<WebSocketEnd> Take(uint64_t number);
  // What an accepted socket keeps alive. An application's holds its context to its end (the default); one of RPC holds
  // as much as its session needs at the time.
  enum class Grip : uint8_t {
    kNone,
    kPending,  // As a fetch under way does.
    kHold,
  };
  void SetGrip(uint64_t number, Grip grip);
  // From now on what arrives goes to `object`, through the hook `socketEvent`. False: there is none. `session`: it is
  // the pipe of an RPC session, whose other side learns why this one ends.
  struct AcceptOptions {
    bool session;
  };
  bool Accept(js::Scope& scope, uint64_t number, v8::Local<v8::Object> object, AcceptOptions options);
  bool Has(uint64_t number) const { return sockets_.contains(number); }

  // A message or a Close, to one of ours or (`to` below zero) to the object's hibernatable socket of that number.
  struct Closing {
    uint16_t code;
    std::string reason;
  };
  using Outgoing = std::variant<WebSocketMessagePtr, Closing>;
  void Send(int64_t to, Outgoing what);
  // Sent, and not yet taken by the other side.
  size_t BufferedBytes(uint64_t number) const;
  // Cuts the line.
  void Drop(uint64_t number);
  void CloseAll(uint16_t code, std::string_view reason);
  // Cuts the pipes of RPC sessions: their other sides see `why`.
  void AbortSessions(const Error& why);
  // How many hold the context.
  size_t holding() const { return holding_; }
  // How many are to be waited for as for a fetch.
  size_t pending() const { return pending_; }

 private:
  struct Socket;
  struct Letter {
    int64_t to;
    Outgoing what;
  };
  using Batch = std::vector<Letter>;

  Socket* Find(uint64_t number) const;
  void Emit(Letter letter);
  void Ready(uint64_t number);
  void PostDelivery();
  void DeliverSome();
  bool HasWaiting(uint64_t number) const;
  void DeliverOne(js::Scope& scope, uint64_t number);
  bool EndQuietly(uint64_t number);
  void DropIfOver(uint64_t number);
  void EndIn(Socket& socket);
  void Grasp(Socket& socket, Grip grip);

  IoContext& context_;
  std::unordered_map<uint64_t, std::unique_ptr<Socket>> sockets_;
  size_t holding_ = 0;
  size_t pending_ = 0;
  std::list<uint64_t> ready_;  // One entry for each thing that waits for its turn, in order of arrival.
  bool posted_ = false;
  std::shared_ptr<Batch> batch_;  // Waits for the output gate, and more may join.
  uint64_t batch_mark_ = 0;
  size_t batches_ = 0;  // That wait.
};

// Runs the handler of a Durable Object for what came in at one of its hibernatable sockets.
void DispatchObjectSocket(js::Scope& scope, IoContext& context, v8::Local<v8::Value> object, uint64_t event,
                          const object::SocketEvent& happened);
// A socket was used outside of the event or object that it belongs to.
void ThrowNoSuchSocket(js::Scope& scope, const IoContext& context);

}  // namespace limpet::api
