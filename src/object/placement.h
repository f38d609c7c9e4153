// Which shard owns an object, and how a call gets there from any shard. On one machine placement is arithmetic.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/http.h"
#include "base/ids.h"
#include "loop/loop.h"
#include "object/code.h"
#include "object/shard.h"

namespace limpet::object {

// 0 … shards - 1; the same for an ID as long as the number of shards is.
uint32_t ShardOf(const ObjectId& id, uint32_t shards);

// A stream that lives on `here`, for a reader on another loop `there`: made on `here`, to be used and destroyed on
// `there`. A chunk is read when the reader asks, so the reader's pace is the source's. Both loops outlive it.
std::unique_ptr<BodyStream> BridgeBody(std::unique_ptr<BodyStream> source, loop::Loop& here, loop::Loop& there);

// The same for an end of a WebSocket.
std::unique_ptr<WebSocketEnd> BridgeWebSocket(std::unique_ptr<WebSocketEnd> end, loop::Loop& here, loop::Loop& there);

// Calls from one shard to objects anywhere. One per shard, on its thread. All loops have stopped running before any
// shard or directory is destroyed.
class Directory {
 public:
  struct Peer {
    loop::Loop* loop;
    Shard* shard;  // Touched on its loop only.
  };
  // `peers` in the order of ShardOf; `self` is the index of this shard.
  Directory(std::vector<Peer> peers, size_t self);
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Calls to one object arrive in the order they were made here. `reply` comes on this loop, once; it and body streams
  // wait for the object's output gate over there. Calls from inside an object pass that object's output gate first:
  // Instance::WhenDurable, the caller's duty.
  void Fetch(const ObjectId& id, std::optional<std::string> name, HttpRequest request, OnReply reply);
  uint32_t shards() const { return static_cast<uint32_t>(peers_.size()); }

 private:
  struct Call {
    ObjectId id;
    std::optional<std::string> name;
    HttpRequest request;
    uint64_t number;
  };
  // Replies that are owed; shared with closures on other loops, which only carry it back here.
  struct Home {
    std::unordered_map<uint64_t, OnReply> owed;
    uint64_t next = 1;
  };
  void Send();
  static void Receive(Peer peer, loop::Loop* home_loop, const std::shared_ptr<Home>& home, Call call);

  std::vector<Peer> peers_;
  size_t self_;
  std::shared_ptr<Home> home_ = std::make_shared<Home>();
  std::vector<std::vector<Call>> outbox_;  // By shard; sent at the end of the turn of the loop.
  bool sending_ = false;
  std::shared_ptr<Directory*> alive_;
};

}  // namespace limpet::object
