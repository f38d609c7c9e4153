// What runs in an object, as the object layer sees it: JavaScript in worker/, a fake in the simulator.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/function.h"
#include "base/http.h"
#include "base/ids.h"
#include "base/result.h"
#include "object/gate.h"
#include "object/object_sockets.h"
#include "object/storage.h"

namespace limpet::object {

// One live incarnation of an object, as its code sees it. Outlives the code. One thread.
class Instance {
 public:
  virtual ~Instance() = default;
  virtual const ObjectId& id() const = 0;
  virtual const std::optional<std::string>& name() const = 0;  // Of idFromName, if the caller knew it.
  virtual Storage& storage() = 0;

  // Waits, as an event of `where`, for the input gate: `ready` runs a turn under the lock, or learns that the instance
  // broke. For everything that continues without a lock: a timer, a reply to a fetch. May call back at once.
  virtual void Enter(const GateRef& where, OnLock ready) = 0;
  // Starts a critical section inside the gate of `lock`. Its first Enter(section) waits for the locks that are out now
  // and goes before ordinary waiters. Nesting is limited to 64: kOverloaded.
  virtual Result<GateRef> BeginCritical(const InputLock& lock) = 0;
  // Ends it; what is still under way inside belongs to the parent from now on. `lock` is one of the section; the lock
  // that comes back is of the parent, for the turn that continues after `await blockConcurrencyWhile()`.
  virtual InputLock EndCritical(InputLock lock) = 0;
  // The callback of a blockConcurrencyWhile failed: the input gate is broken for good and the instance is reset.
  virtual void FailCritical(GateRef section, Error error) = 0;

  // The output gate: `then` runs once every confirmed write issued before this call is durable (at once if all are and
  // the claim is valid), or gets the error that broke the gate. Callbacks keep the order of the calls. Everything that
  // an outsider can observe passes here, except replies and their body chunks, which the object layer gates itself.
  virtual void WhenDurable(UniqueFunction<void(Result<Done>)> then) = 0;
  // Nothing is to wait for now: WhenDurable would call back at once, with success.
  virtual bool OutputFree() = 0;
  // The number of the last confirmed write: what is sent under the same number may share one WhenDurable.
  virtual uint64_t output_mark() const = 0;

  // The code calls this at the end of every turn, when the microtask queue is empty: seals the burst.
  virtual void TurnEnded() = 0;
  // state.abort(): drops uncommitted writes, breaks the gates, ends the instance. The code is destroyed from the loop,
  // not inside this call; it must run no more JavaScript.
  virtual void Abort(Error reason) = 0;
  // Around a turn that its isolate had put off, which is no longer inside of a call into the code: nothing that the
  // turn may have on the stack is destroyed before LeaveCode().
  virtual void EnterCode() = 0;
  virtual void LeaveCode() = 0;
  // What keeps an idle instance in memory: timers, waitUntil, outbound requests. Counted.
  virtual void Pin() = 0;
  virtual void Unpin() = 0;
  // The same for what has someone at its other end, a WebSocket that the code accepted: it is not evicted at all.
  virtual void Hold() = 0;
  virtual void Release() = 0;
  // Its hibernatable WebSockets. They outlive it.
  virtual ObjectSockets& sockets() = 0;
  // It ends, or has ended, because newer code takes over.
  virtual bool replaced() const = 0;
  virtual bool broken() const = 0;
  virtual const Error* failure() const = 0;  // Why it is broken. Null: it is not.
};

// What an alarm's handler is told.
struct AlarmInfo {
  uint32_t retry_count = 0;  // Counted ones before this try.
  int64_t scheduled_ms = 0;  // What was set, since 1970.
};

// Why an instance is about to be ended as planned.
enum class ShutdownReason : uint8_t { kInactive, kCodeUpdated };

using OnReply = UniqueFunction<void(Result<HttpResponse>)>;

// The code of one instance. Its destructor ends everything it has under way; no JavaScript runs for it afterwards.
class Code {
 public:
  virtual ~Code() = default;
  // Runs the constructor under `lock`. An error: the instance is broken and the waiting events get it (`.remote`).
  virtual void Start(InputLock lock, UniqueFunction<void(Result<Done>)> done) = 0;
  // Runs the fetch handler under `lock`; `reply` once, at once or later. The object layer holds the reply back until
  // the output gate lets it out.
  virtual void Fetch(InputLock lock, HttpRequest request, OnReply reply) = 0;
  // Runs the handler for what came in at a hibernatable socket. `done` once, when the handler has come to its end (the
  // response says nothing).
  virtual void WebSocket(InputLock lock, SocketEvent event, OnReply done) = 0;
  // Runs the alarm's handler; the same. A class without one answers at once, and has said so in the log.
  virtual void Alarm(InputLock lock, AlarmInfo info, OnReply done) = 0;
  // Whether it wants to be told before it is ended as planned. Asked once it has started.
  virtual bool wants_pre_shutdown() const { return false; }
  // Runs that handler under `lock`; no event comes in any more. `done` once, when it has come to its end; what failed
  // in it, it has said in the log.
  virtual void PreShutdown(InputLock /*lock*/, ShutdownReason /*reason*/, OnReply done) { done(HttpResponse()); }
};

// A class of one version of a script on one shard. Kept as long as an instance of it lives.
class ClassCode {
 public:
  virtual ~ClassCode() = default;
  // Several versions share the objects of a class: the code of the one that `id` belongs to. Null: this one.
  virtual std::shared_ptr<ClassCode> For(const ObjectId& id) const {
    (void)id;
    return nullptr;
  }
  virtual std::unique_ptr<Code> Instantiate(Instance& instance) = 0;
};

}  // namespace limpet::object
