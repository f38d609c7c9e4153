// The hibernatable WebSockets of a run, as their clients, their objects and an onlooker know them. Messages are
// numbered on both ways, so that what arrives says what is missing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/websocket.h"
#include "loop/sim_loop.h"
#include "object/object_sockets.h"
#include "sim/model.h"

namespace limpet::sim {

struct Line {
  uint64_t number = 0;
  uint64_t life = 0;  // Of the server.
  ObjectId object;
  std::vector<std::string> tags;  // The first names the line.
  std::string attachment;         // As last written.
  bool automatic = false;         // "ping" is answered for the object.
  bool must_end = false;          // Its object was reset.

  // To the object.
  uint64_t sent = 0, delivered = 0;
  uint64_t pings = 0, pongs = 0;
  int ends_seen = 0;  // By the object.

  // From the object.
  uint64_t issued = 0, emitted = 0, heard = 0, last_heard = 0;
  bool closed_by_object = false;

  // The client's.
  bool attached = false, closed = false, cut = false;
  int ends_heard = 0;
  bool open() const { return attached && !closed && !cut && ends_heard == 0; }
};

class Lines {
 public:
  // `may_cut`: whether something goes on that ends the sockets of this object, whoever's fault it is. All outlive this.
  Lines(loop::SimLoop& loop, Random& random, Model& model, std::function<bool(const ObjectId&)> may_cut);
  ~Lines();
  bool may_cut(const ObjectId& object) const { return may_cut_(object); }
  void SetLife(uint64_t life);  // A new server: the lines to the one before are dead.

  // The object's side.
  Line& Make(const ObjectId& object);
  // The line of a socket, after a look at what the object knows of it. Null: it knows nothing (that is a violation).
  Line* Of(object::ObjectSockets& sockets, const ObjectId& object, uint64_t socket);
  void CheckAll(object::ObjectSockets& sockets, const ObjectId& object);
  // An event begins.
  void Delivered(Line& line, const object::SocketEvent& event);
  void Send(object::ObjectSockets& sockets, uint64_t socket, Line& line, uint64_t number, uint64_t write);
  void Close(object::ObjectSockets& sockets, uint64_t socket, Line& line);

  // The client's side.
  void Attach(uint64_t number, std::unique_ptr<WebSocketEnd> end);
  void Talk();  // One of the clients does something.
  void CheckEnd();

 private:
  struct Client;
  bool excused(const Line& line) const { return line.life != life_ || may_cut_(line.object); }
  void Violate(const Line& line, const std::string& what);

  loop::SimLoop& loop_;
  Random& random_;
  Model& model_;
  std::function<bool(const ObjectId&)> may_cut_;
  uint64_t life_ = 0;
  std::vector<std::unique_ptr<Line>> lines_;  // By number, from 1.
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace limpet::sim
