// One call to an object, from its arrival to its reply. One thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/http.h"
#include "object/code.h"
#include "object/deadlines.h"

namespace limpet::object {

class LiveInstance;

// An alarm on its way through its object.
struct AlarmRun {
  std::optional<Bytes> record;    // What it is tried for, as stored. Before that: it is not tried yet.
  std::optional<int64_t> due_ms;  // It was not due: this is when it is.
  bool ended = false;             // The handler has come to its end, and the alarm was dealt with.
  bool counted = false;           // By a write that did away with it, or put it off.
  bool settled = false;           // That write is durable.
};

struct Event {
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  ObjectId object;
  HttpRequest request;                // Moved out when it is delivered.
  std::optional<SocketEvent> socket;  // Of an event that is not a fetch.
  std::optional<AlarmRun> alarm;      // The same.
  std::optional<std::string> name;
  OnReply reply;
  size_t bytes = 0;                                // Of the request, as counted while it waits.
  uint64_t order = 0;                              // Of arrival at its object.
  Instant due = Instant::max();                    // While its handler runs: when it must have ended.
  Deadlines<Event>::Node waits{this};              // How long it may wait to be delivered.
  bool refused = false;                            // It waited too long, and its reply has said so.
  LiveInstance* running_in = nullptr;              // While its reply is owed by that instance.
  std::list<std::shared_ptr<Event>>::iterator at;  // In the instance's list of running events.
  std::optional<Result<HttpResponse>> result;      // Waits for the output gate, then for the loop.
};
using EventRef = std::shared_ptr<Event>;

}  // namespace limpet::object
