// One call to an object, from its arrival to its reply. One thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/http.h"
#include "object/code.h"

namespace limpet::object {

class LiveInstance;

struct Event {
  ObjectId object;
  HttpRequest request;                // Moved out when it is delivered.
  std::optional<SocketEvent> socket;  // Of an event that is not a fetch.
  std::optional<std::string> name;
  OnReply reply;
  size_t bytes = 0;                                // Of the request, as counted while it waits.
  uint64_t order = 0;                              // Of arrival at its object.
  Instant due = Instant::max();                    // While its handler runs: when it must have ended.
  LiveInstance* running_in = nullptr;              // While its reply is owed by that instance.
  std::list<std::shared_ptr<Event>>::iterator at;  // In the instance's list of running events.
  std::optional<Result<HttpResponse>> result;      // Waits for the output gate, then for the loop.
};
using EventRef = std::shared_ptr<Event>;

}  // namespace limpet::object
