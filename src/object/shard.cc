// Events: in, to an instance, out.
#include "object/shard.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "object/mutations.h"
#include "object/shard_impl.h"

namespace limpet::object {
namespace {

size_t RequestBytes(const HttpRequest& request) {
  return request.url.size() + request.headers.bytes() + request.body.bytes.size();
}

}  // namespace

Error CodeUpdatedError() {
  return Error(ErrorCode::kUnavailable, "Durable Object reset because its code was updated.")
      .With(Error::kRetryable)
      .With(Error::kObjectReset);
}

std::unique_ptr<Shard> Shard::Make(loop::Loop& loop, std::unique_ptr<store::Session> session, store::Claim claim,
                                   ShardOptions options, Logger& logger, Counters& counters) {
  return std::make_unique<ShardImpl>(loop, std::move(session), claim, std::move(options), logger, counters);
}

ShardImpl::ShardImpl(loop::Loop& loop, std::unique_ptr<store::Session> session, store::Claim claim,
                     ShardOptions options, Logger& logger, Counters& counters)
    : loop_(loop),
      claim_(claim),
      options_(std::move(options)),
      logger_(logger),
      count_live_(counters.Make(Counters::Kind::kGauge, "limpet_objects_live", "Instances in memory.",
                                options_.counter_labels)),
      count_events_(counters.Make(Counters::Kind::kCounter, "limpet_object_events_total", "Events sent to objects.",
                                  options_.counter_labels)),
      count_started_(counters.Make(Counters::Kind::kCounter, "limpet_object_starts_total", "Instances started.",
                                   options_.counter_labels)),
      count_evicted_(counters.Make(Counters::Kind::kCounter, "limpet_object_evictions_total", "Idle instances evicted.",
                                   options_.counter_labels)),
      count_resets_(counters.Make(Counters::Kind::kCounter, "limpet_object_resets_total",
                                  "Instances ended by an error.", options_.counter_labels)),
      count_overloads_(counters.Make(Counters::Kind::kCounter, "limpet_object_overloads_total",
                                     "Events refused: queue full.", options_.counter_labels)),
      jitter_(options_.jitter_seed),
      self_(std::make_shared<ShardImpl*>(this)),
      deferred_(loop),
      idle_(loop, [this](LiveInstance& instance) { TryEvict(instance); }),
      flushing_(loop, [](LiveInstance& instance) { instance.FlushTimedOut(); }),
      rolling_(loop, [](LiveInstance& instance) { MakeRoom(instance); }),
      events_(loop, [this](LiveInstance& instance) { EventsDue(instance); }),
      shutdowns_(loop, [this](LiveInstance& instance) { ShutdownDue(instance); }),
      sections_(loop, [](GateNode& section) { section.TimedOut(); }),
      kept_(loop, [this](Slot& slot) { Forget(slot); }),
      waiting_(loop, [this](Event& event) { WaitedTooLong(event); }),
      session_(std::move(session)) {}

ShardImpl::~ShardImpl() {
  *self_ = nullptr;
  for (auto& [ns, space] : namespaces_) loop_.Cancel(space.update_timer);
  // All end before the first is destroyed: what one's code holds may answer an event of another.
  for (auto& [id, slot] : slots_) {
    if (slot->instance != nullptr) slot->instance->Break(Error(ErrorCode::kCanceled, "The server is shutting down."));
  }
  session_.reset();
  runnable_.clear();
  std::vector<std::unique_ptr<LiveInstance>> ended;
  for (auto& [id, slot] : slots_) {
    if (slot->instance != nullptr) ended.push_back(std::move(slot->instance));
  }
  ended.clear();
  slots_.clear();
}

ShardImpl::Slot* ShardImpl::Find(const ObjectId& id) {
  auto found = slots_.find(id);
  return found == slots_.end() ? nullptr : found->second.get();
}

ShardImpl::Slot& ShardImpl::FindOrMake(const ObjectId& id) {
  std::unique_ptr<Slot>& slot = slots_[id];
  if (slot == nullptr) {
    slot = std::make_unique<Slot>(id);
    ++namespaces_[id.ns.value].slots;
  }
  return *slot;
}

void ShardImpl::ReplyLater(EventRef event, Error error) {
  event->result = std::move(error);
  deferred_.Later([event = std::move(event)] { event->reply(*std::exchange(event->result, std::nullopt)); });
}

const char* ShardImpl::Overloaded(Slot& slot, size_t bytes) {
  if (options_.window_events_max > 0) {
    Instant now = loop_.Now();
    if (slot.window_events == 0 || now >= slot.window_began + kRateWindow) {
      slot.window_began = now;
      slot.window_events = 0;
    }
    if (slot.window_events >= options_.window_events_max)
      return "Durable Object is overloaded. Too many requests for the same object within a 10 second window.";
  }
  if (slot.events - slot.socket_events >= options_.inbox_events_max)
    return "Durable Object is overloaded. Too many requests queued.";
  if (slot.events > 0 && slot.bytes + bytes > options_.inbox_bytes_max)
    return "Durable Object is overloaded. Too much data queued.";
  ++slot.window_events;
  return nullptr;
}

// Where it waits, in the inbox or in the gate of the instance, it is passed over.
void ShardImpl::WaitedTooLong(Event& event) {
  if (LIMPET_MUTANT(waits_for_ever)) return;
  Slot* slot = Find(event.object);
  LIMPET_CHECK(slot != nullptr && slot->events > 0 && slot->bytes >= event.bytes);
  count_overloads_.Add();
  --slot->events;
  slot->bytes -= event.bytes;
  event.refused = !LIMPET_MUTANT(refused_event_runs);
  deferred_.Later([reply = std::move(event.reply), request = std::move(event.request)]() mutable {
    reply(Error(ErrorCode::kOverloaded, "Durable Object is overloaded. Requests queued for too long.")
              .With(Error::kOverloaded));
  });
  // The one that has waited longest is the first.
  auto at = std::ranges::find(slot->inbox, &event, [](const EventRef& waiting) { return waiting.get(); });
  if (at != slot->inbox.end()) slot->inbox.erase(at);
  LiveInstance* live = slot->instance.get();
  if (live == nullptr) return CheckLater(*slot);
  if (live->started()) ActivityChanged(*live);
}

void ShardImpl::Fetch(const ObjectId& id, std::optional<std::string> name, HttpRequest request, OnReply reply) {
  count_events_.Add();
  auto event = std::make_shared<Event>();
  event->object = id;
  event->bytes = RequestBytes(request);
  event->request = std::move(request);
  event->name = std::move(name);
  event->reply = std::move(reply);
  if (draining_ && !LIMPET_MUTANT(drain_takes_events)) {
    return ReplyLater(std::move(event),
                      Error(ErrorCode::kUnavailable, "The server is shutting down.").With(Error::kRetryable));
  }
  Slot& slot = FindOrMake(id);
  if (const char* why = Overloaded(slot, event->bytes)) {
    count_overloads_.Add();
    return ReplyLater(std::move(event), Error(ErrorCode::kOverloaded, why).With(Error::kOverloaded));
  }
  waiting_.Set(event->waits, loop_.Now() + options_.inbox_wait_max);
  Enqueue(slot, std::move(event));
}

void ShardImpl::Enqueue(Slot& slot, EventRef event) {
  event->order = slot.next_order++;
  ++slot.events;
  slot.bytes += event->bytes;
  LiveInstance* live = slot.instance.get();
  if (live != nullptr && live->started() && !live->broken() && !live->takes_no_more()) {
    live->idle_deadline.Unlink();
    return live->Accept(std::move(event));
  }
  bool before = LIMPET_MUTANT(socket_event_overtakes) && event->socket.has_value();
  slot.inbox.insert(before ? slot.inbox.begin() : slot.inbox.end(), std::move(event));
  if (live == nullptr) CheckLater(slot);
}

ObjectSockets& ShardImpl::SocketsOf(const ObjectId& id) {
  Slot* slot = Find(id);
  LIMPET_CHECK(slot != nullptr && slot->instance != nullptr);
  if (slot->sockets == nullptr) {
    slot->name = slot->instance->name();
    slot->sockets = std::make_unique<ObjectSockets>(
        loop_, [this, id](SocketEvent&& happened) { OnSocketEvent(id, std::move(happened)); });
  }
  return *slot->sockets;
}

// What came in at a socket is an event like a fetch, with nobody who waits for its reply. It is not refused when the
// object is behind: its socket slows the peer down instead.
void ShardImpl::OnSocketEvent(const ObjectId& id, SocketEvent happened) {
  if (*self_ == nullptr || draining_) return;  // At the end of the shard one socket's end is news to another.
  Slot* slot = Find(id);
  if (slot == nullptr) return;
  count_events_.Add();
  auto event = std::make_shared<Event>();
  event->object = id;
  event->name = slot->name;
  event->socket = std::move(happened);
  event->reply = [this, self = self_, raw = event.get()](Result<HttpResponse>) {
    if (*self == nullptr) return;
    Slot* of = Find(raw->object);
    if (of == nullptr || of->sockets == nullptr) return;
    of->sockets->Handled(*raw->socket);
    if (of->instance == nullptr) CheckLater(*of);
  };
  if (LIMPET_MUTANT(socket_event_lost) && slot->instance != nullptr && slot->instance->rolling) return;
  ++slot->socket_events;
  Enqueue(*slot, std::move(event));
}

void ShardImpl::Return(EventRef event) {
  LIMPET_CHECK(event->order > 0);
  // By its order of arrival: events that came later may be here already.
  Slot* slot = Find(event->object);
  LIMPET_CHECK(slot != nullptr);
  if (LIMPET_MUTANT(roll_loses_event)) return;
  auto before = slot->inbox.begin();
  while (before != slot->inbox.end() && (*before)->order < event->order) ++before;
  if (LIMPET_MUTANT(roll_loses_order)) before = slot->inbox.end();
  slot->inbox.insert(before, std::move(event));
}

void ShardImpl::Delivered(Event& event) {
  Slot* slot = Find(event.object);
  LIMPET_CHECK(slot != nullptr && slot->events > 0 && slot->bytes >= event.bytes);
  event.waits.Unlink();
  --slot->events;
  slot->bytes -= event.bytes;
  if (!event.socket) return;
  --slot->socket_events;
  if (slot->sockets == nullptr) return;
  slot->sockets->Delivered(*event.socket);
  if (std::optional<uint32_t> ms = slot->sockets->event_timeout_ms) {
    event.due = loop_.Now() + std::chrono::milliseconds(*ms);
  }
}

void ShardImpl::FailInbox(Slot& slot, const Error& error) {
  for (EventRef& event : std::exchange(slot.inbox, {})) {
    event->waits.Unlink();
    --slot.events;
    slot.bytes -= event->bytes;
    if (event->socket) --slot.socket_events;
    ReplyLater(std::move(event), error);
  }
}

// --- Gates and flushes, batched

void ShardImpl::GateRunnable(GateRef node) {
  runnable_.push_back(std::move(node));
  if (std::exchange(gates_posted_, true)) return;
  deferred_.Later([this] { RunGates(); });
}

void ShardImpl::RunGates() {
  gates_posted_ = false;
  // One waiter of each gate a round. A turn may run the loop in a nested way: the rest is left to whoever is first.
  for (size_t left = runnable_.size(); left > 0 && !runnable_.empty(); --left) {
    GateRef node = std::move(runnable_.front());
    runnable_.pop_front();
    if (!runnable_.empty() && !std::exchange(gates_posted_, true)) deferred_.Later([this] { RunGates(); });
    node->RunNext();
  }
}

void ShardImpl::WantFlush(LiveInstance& instance) {
  if (std::exchange(instance.flush_wanted, true)) return;
  flush_.push_back(&instance);
  if (std::exchange(flush_posted_, true)) return;
  loop_.AtTurnEnd([self = self_] {
    if (*self != nullptr) (*self)->FlushAll();
  });
}

void ShardImpl::FlushAll() {
  flush_posted_ = false;
  for (LiveInstance* instance : std::exchange(flush_, {})) {
    instance->flush_wanted = false;
    instance->object_storage().Flush();
    if (instance->gone()) Settled(*instance);
  }
}

void ShardImpl::WatchEvents(LiveInstance& instance, Instant due) {
  if (instance.event_deadline.linked() && instance.event_deadline.due() <= due) return;
  events_.Set(instance.event_deadline, due);
}

void ShardImpl::EventsDue(LiveInstance& instance) {
  instance.EventsDue();
  if (!instance.broken()) return;
  logger_.Write(LogLevel::kWarn, "object",
                "a handler of an alarm or of a WebSocket's event ran over its time, object reset; id = " +
                    ToHex(BytesView(reinterpret_cast<const char*>(instance.id().base.data()), 8)));
}

void ShardImpl::SectionStarted(GateNode& section) {
  sections_.Set(section.deadline, loop_.Now() + options_.critical_max);
}

void ShardImpl::CommitProgress(LiveInstance& instance) {
  instance.flush_deadline.Unlink();
  bool waits = instance.object_storage().commits_in_flight() > 0 && !instance.broken();
  if (waits) flushing_.Set(instance.flush_deadline, loop_.Now() + options_.flush_max);
}

Error ShardImpl::WriteFailed(const ObjectId& id, const Error& why) {
  if (why.code() == ErrorCode::kFenced) {
    return Error(ErrorCode::kFenced, "Durable Object storage is no longer accessible.")
        .With(Error::kRetryable)
        .With(Error::kObjectReset);
  }
  // The reference is what finds the reason in the log: the object and a number.
  std::string reference =
      ToHex(BytesView(reinterpret_cast<const char*>(id.base.data()), 8)) + std::to_string(next_incarnation_++);
  logger_.Write(LogLevel::kError, "object",
                "storage write failed, object reset; reference = " + reference + ": " + why.ToString());
  return Error(ErrorCode::kUnavailable,
               "Internal error in Durable Object storage write caused object to be reset; reference = " + reference)
      .With(Error::kObjectReset);
}

}  // namespace limpet::object
