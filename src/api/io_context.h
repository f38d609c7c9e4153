// Whose turn runs: the context of one stateless event, or of one Durable Object instance. Everything that a script
// has under way outside of the JavaScript heap (timers, fetches, bodies, promises to settle) is owned here and found
// by number, so that a late call is a JavaScript error and the end of the context ends all of it.
//
// One thread: the shard's. A turn enters through RunTurn only; while it runs, js::Isolate::current is the context.
#pragma once

#include <v8.h>

#include <array>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/numbered.h"
#include "base/bundle.h"
#include "base/function.h"
#include "base/http.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "base/trace.h"
#include "js/isolate.h"
#include "loop/asio_loop.h"
#include "loop/pool.h"
#include "net/content_coding.h"
#include "net/http_client.h"
#include "object/code.h"
#include "object/ids.h"
#include "object/placement.h"
#include "sql/cursor.h"

namespace limpet::net {
class ClientSocket;
}

namespace limpet::kv {
class Namespace;
class Outlet;
}  // namespace limpet::kv

namespace limpet::api {

class IoContext;
class ScriptSockets;

// How many Workers may call each other in a row, and how many objects (whatever Workers are in between).
inline constexpr uint8_t kCallDepthMax = 32;
inline constexpr uint8_t kObjectDepthMax = 15;

// What a caller keeps of an event that it began on its own shard: going without the answer, it cancels the event, as a
// client does that disconnects.
class Callee {
 public:
  Callee() = default;
  ~Callee() {
    if (leave) leave();
  }
  Callee(const Callee&) = delete;
  Callee& operator=(const Callee&) = delete;
  UniqueFunction<void()> leave;  // Set by whoever runs the event. May be called inside a turn.
};

// A call of an entrypoint: which one, and as what.
struct EntrypointCall {
  std::string script;                        // Empty: the caller's own version.
  std::string entrypoint;                    // The name of an export; "default", too.
  Bytes props;                               // What its `ctx.props` is, serialised; empty: {}.
  CallDepth depth = {};                      // Of the callee.
  std::shared_ptr<Callee> callee = nullptr;  // Null: it goes on without its caller.
};

// What a script's contexts on one shard share. Outlives them (they hold it).
class IoHost {
 public:
  struct Namespace {
    object::IdCodec codec;
    std::string key;  // What the codec was made of.
  };
  // The index of a namespace, added if need be.
  uint64_t NamespaceIndex(NamespaceId ns, std::string_view key);
  virtual ~IoHost() = default;

  std::unique_ptr<js::Isolate> isolate;
  loop::AsioLoop* loop = nullptr;
  object::Directory* directory = nullptr;
  net::HttpClient* client = nullptr;
  Random* random = nullptr;
  loop::Pool* compute = nullptr;      // May be null: long computations then block the shard.
  size_t computing = 0;               // How many of them are under way.
  std::vector<Namespace> namespaces;  // By the index that makeEnv gave.
  kv::Outlet* kv = nullptr;
  // Of bindings to KV, by the index that makeEnv gave. Null: it has been deleted.
  std::vector<std::shared_ptr<kv::Namespace>> kv_namespaces;
  // What a script last sent through a WebSocket in this turn: sending it to many encodes it once.
  struct LastSent {
    v8::Global<v8::String> text;
    WebSocketMessagePtr message;
  };
  LastSent last_sent;
  uint64_t next_number = 1;  // Of bodies, timers, …: unique in the isolate.
  Duration cpu_max{};
  Duration wait_until_max{};

  // Runs in a context of its own. `reply` once, from the loop.
  virtual void CallEntrypoint(EntrypointCall call, HttpRequest request, object::OnReply reply);
  virtual void OnConsole(std::string_view level, std::string_view text) = 0;
  virtual void OnException(std::string_view text) = 0;
  // OnException with what an uncaught error prints: its stack, or its name and message.
  void ReportUncaught(const Error& error, std::string_view where = {}) {
    std::string text = "Uncaught ";
    text.append(where).append(error.stack().empty() ? error.ToString() : error.stack());
    OnException(text);
  }
};

// How many timers a context may have; spec/api.md section 12.
inline constexpr size_t kTimersMax = 10'000;
// What `bodyReadAll` gathers at most; more is an error of the read.
inline constexpr size_t kBodyInMemoryMax = 128 * 1024 * 1024;

class IoContext final : public std::enable_shared_from_this<IoContext> {
 public:
  using Turn = UniqueFunction<void(js::Scope&)>;
  // `instance` is null for a stateless event. `on_end(place)` runs once, when the context has ended.
  using OnEnd = UniqueFunction<void(size_t place)>;
  IoContext(std::shared_ptr<IoHost> host, object::Instance* instance, bool sqlite, OnEnd on_end);
  ~IoContext();

  static IoContext* Current(v8::Isolate* isolate) {
    return static_cast<IoContext*>(js::Isolate::From(isolate).current);
  }

  // -- turns
  // Runs `turn` under `lock` (empty for a stateless event), then seals the burst. Dropped after the end.
  void RunTurn(object::InputLock lock, Turn turn);
  // The same as an event of `where`: waits for the input gate first.
  void Continue(const object::GateRef& where, Turn turn);
  const object::InputLock& lock() const { return lock_; }
  object::GateRef where() const { return lock_.gate(); }
  void set_lock(object::InputLock lock) { lock_ = std::move(lock); }
  object::InputLock take_lock() { return std::move(lock_); }
  void RefillCpu() { budget_.cpu_left = host_->cpu_max; }

  // -- gates
  void WhenDurable(UniqueFunction<void(Result<Done>)> then);
  // IoHost::ReportUncaught, through the output gate: its text may tell of writes. Unsaid if they fail.
  void ReportUncaught(const Error& error, std::string_view where = {});
  // IoHost::OnConsole, the same way.
  void Log(std::string level, std::string text);
  // What its newest event is traced into. Null: nobody listens. The owner's to set.
  std::shared_ptr<TraceEvent> trace;
  object::Instance* instance() const { return instance_; }
  // What native.currentObject gives: unique in the isolate, 0 for a stateless event.
  uint64_t object_number() const { return object_number_; }
  // The same for a stateless event too: it is made when it is asked for.
  uint64_t number() { return number_ != 0 ? number_ : number_ = NextNumber(); }
  bool sqlite() const { return sqlite_; }
  IoHost& host() { return *host_; }
  const std::shared_ptr<IoHost>& shared_host() const { return host_; }

  // Ends a stateless context that has nothing left to do.
  void MaybeFinish();
  // -- the end. Cancels everything; events that nobody answered get `why`. No JavaScript runs afterwards.
  void End(Error why);
  bool ended() const { return ended_; }
  // The client of a stateless event has gone: what waitUntil holds goes on for a while, the rest ends.
  void ClientGone();
  // The same while the response is on its way: its stream ends by itself, the script's listeners alone are told.
  void TellClientGone();
  // `tell` is called when that happens, before anything is cancelled. A stateless event's.
  void OnClientGone(js::Scope& scope, v8::Local<v8::Function> tell) { on_client_gone_.Reset(scope.isolate(), tell); }

  // -- promises to settle later. A number that is not taken any more is harmless.
  uint64_t NextNumber() { return host_->next_number++; }
  void HoldResolver(uint64_t number, v8::Local<v8::Promise::Resolver> resolver);
  // In a turn of its own, as an event of `where`; `make` gives the value (or throws: rejected with that).
  using Make = UniqueFunction<v8::MaybeLocal<v8::Value>(js::Scope&)>;
  void Settle(uint64_t number, const object::GateRef& where, Make make);
  void SettleUnder(uint64_t number, object::InputLock lock, Make make);
  void SettleNow(js::Scope& scope, uint64_t number, Make& make);

  // -- events
  uint64_t AddEvent(object::OnReply reply);
  // What dispatchFetch and its kin take after `event` (native.d.ts), from `request`. Nothing: the event has been
  // answered with an error.
  using RequestArguments = std::array<v8::Local<v8::Value>, 5>;
  std::optional<RequestArguments> ImportRequest(js::Scope& scope, uint64_t event, HttpRequest request);
  void Answer(uint64_t event, Result<HttpResponse> response);
  // Null, a string or a Uint8Array, or the number under which the body is kept.
  // A coded one is kept as it is until it is read.
  v8::Local<v8::Value> ImportBody(js::Scope& scope, Body body,
                                  net::ContentCoding coding = net::ContentCoding::kIdentity);
  // From a value as `OutBody` in native.d.ts says. A throw is pending if it is nothing.
  // Its bytes are in `coding`: a body that came so and was not touched passes as it is.
  std::optional<Body> ExportBody(js::Scope& scope, v8::Local<v8::Value> value, v8::Local<v8::Value> length,
                                 net::ContentCoding coding = net::ContentCoding::kIdentity);

  // -- bodies
  struct InBody {
    Body body;
    net::ContentCoding coding = net::ContentCoding::kIdentity;
    bool reading = false;
  };
  InBody* FindBody(uint64_t number);
  void DropBody(uint64_t number) { bodies_.Erase(number); }

  // -- timers
  uint64_t StartTimer(js::Scope& scope, v8::Local<v8::Function> callback, Duration delay, bool repeat);
  void StopTimer(uint64_t number);
  size_t timers() const { return timers_.Size(); }

  // -- fetches: calls to the outside and to objects. `state` is what the hooks `fetched` and `fetchFailed` get; of a
  // call of RPC, which has no `resolver`, they settle its promises.
  // `codings`: those of the response's body that are undone when a script reads it.
  uint64_t AddFetch(v8::Local<v8::Promise::Resolver> resolver, v8::Local<v8::Value> state, net::ContentCodings codings);
  uint64_t last_fetch() const { return last_fetch_; }
  void HoldFetch(uint64_t number, net::FetchHandle handle);
  void CancelFetch(uint64_t number);
  bool FetchWanted(uint64_t number) { return fetches_.Contains(number); }
  // Whom it calls, who ends with it.
  std::shared_ptr<Callee> MakeCallee(uint64_t number);
  // Settles its promise, as an event of `where`.
  void FetchAnswered(uint64_t number, const object::GateRef& where, Result<HttpResponse> response);

  // -- waitUntil, critical sections: functions of the script and what is known about them
  void AddWaitUntil(js::Scope& scope, v8::Local<v8::Promise> promise);
  void WaitUntilDone();
  // `tell(failed)` is called, in its turn, once none of them is under way any more.
  void WhenWaited(js::Scope& scope, v8::Local<v8::Function> tell) { when_waited_.Reset(scope.isolate(), tell); }
  struct Critical {
    object::GateRef section;
    v8::Global<v8::Promise::Resolver> resolver;
    v8::Global<v8::Function> callback;
  };
  Numbered<Critical>& criticals() { return criticals_; }
  // -- events whose callers tell when they have gone (io_callers.cc)
  // Such an event's line to its caller: a pipe that no message goes through.
  void AddCaller(uint64_t event, std::unique_ptr<WebSocketEnd> line);
  void DropCaller(uint64_t event) { callers_.Erase(event); }
  // `tell` is called when the caller goes, or has gone, as an event of where we are.
  void OnCallerGone(js::Scope& scope, uint64_t event, v8::Local<v8::Function> tell);
  void CallerGone(uint64_t event);
  // From now on the caller has gone if `response` is dropped before its end.
  void WatchAnswer(uint64_t event, HttpResponse& response);
  // The other side of it, for the fetch `number`: the end for whoever answers it.
  std::unique_ptr<WebSocketEnd> WatchFetch(uint64_t number);
  struct Caller;

  // -- pumps: streams of the script that C++ pulls
  Numbered<v8::Global<v8::Object>>& pumps() { return pumps_; }
  void PumpGone(uint64_t number);
  // The same for streams that pass through without the script, but whose end it waits for: while one is under way the
  // context goes on.
  void StreamBegins() { ++streams_; }
  void StreamEnds();
  // What a pump gives: a chunk, nothing at the end, or a body of C++ that comes next, after which it is asked again.
  struct Pumped {
    std::optional<Bytes> chunk;
    std::unique_ptr<BodyStream> rest;
  };
  using OnPumped = UniqueFunction<void(Result<Pumped>)>;
  // The reader of a pump waits for `read` (a number) to be answered.
  Numbered<OnPumped>& pump_reads() { return pump_reads_; }

  // -- cursors of SQL, by number. A box that JavaScript holds (io_sql.cc) takes one off when it goes.
  Numbered<std::unique_ptr<sql::Cursor>>& cursors() { return cursors_; }

  // -- TCP connections (io_tcp.cc), by number
  struct Connection {
    std::shared_ptr<net::ClientSocket> socket;
    Connection() = default;
    Connection(Connection&&) noexcept = default;
    Connection& operator=(Connection&& other) noexcept {
      std::swap(socket, other.socket);
      return *this;
    }
    ~Connection();  // Its writing side lets go.
  };
  Numbered<Connection>& connections() { return connections_; }
  void AddConnection(uint64_t number, std::shared_ptr<net::ClientSocket> socket);
  std::shared_ptr<net::ClientSocket> TakeConnection(uint64_t number);  // Null: there is none.

  // -- WebSockets that the script holds an end of (script_sockets.h)
  ScriptSockets& sockets();
  // Closes those that the script accepted, before the end.
  void CloseSockets(uint16_t code, std::string_view reason);

  // The turn ends here and nothing of this context runs any more (state.abort, a failed critical section).
  void StopJavaScript(js::Scope& scope);
  // Of the constructor: told if its turn is ended by force.
  UniqueFunction<void(Error)> on_forced_end;
  // In the owner's list of contexts; the owner's to set.
  size_t place = 0;
  // EntrypointCall::depth of a stateless event; the owner's to set.
  CallDepth depth;
  // Of the event whose turn it is: an object runs many, so each has its own in its async frame (call_depth.cc). One
  // that says nothing counts as called by a Worker.
  CallDepth CurrentDepth() const;

 private:
  struct Timer {
    loop::TimerId timer = 0;
    v8::Global<v8::Function> callback;
    v8::Global<v8::Value> frame;  // js::Isolate::AsyncFrame; empty: none.
    Duration delay{};
    bool repeat = false;
    object::GateRef where;
  };
  struct Fetch {
    v8::Global<v8::Promise::Resolver> resolver;
    v8::Global<v8::Value> state;
    net::FetchHandle handle;
    net::ContentCodings codings;
    std::unique_ptr<WebSocketEnd> watch;  // Cut with the fetch, closed when it was answered.
    std::shared_ptr<Callee> callee;
  };
  void SettleFetch(js::Scope& scope, uint64_t number, Result<HttpResponse>& response);
  v8::MaybeLocal<v8::Value> ImportResponse(js::Scope& scope, v8::Local<v8::Value> state, HttpResponse response,
                                           net::ContentCodings codings);
  void Arm(uint64_t number, Timer& timer);
  void Fire(uint64_t number);
  void TurnOver(js::Ended ended);
  bool HasPendingIo() const;
  void RunInTurn(js::Scope& scope, object::InputLock& lock, Turn& turn);

  std::shared_ptr<IoHost> host_;  // First: destroyed last, since the rest holds handles of its isolate.
  object::Instance* instance_;
  const uint64_t object_number_;
  uint64_t number_ = 0;  // 0: nobody has asked.
  bool sqlite_;
  bool ended_ = false;
  bool in_turn_ = false;
  bool stopped_ = false;
  bool client_gone_ = false;
  v8::Global<v8::Function> on_client_gone_;
  size_t turns_waiting_ = 0;
  size_t wait_untils_ = 0;
  bool wait_until_failed_ = false;  // One of them was rejected.
  v8::Global<v8::Function> when_waited_;
  size_t streams_ = 0;
  loop::TimerId grace_timer_ = 0;
  object::InputLock lock_;
  js::Budget budget_;
  uint64_t last_fetch_ = 0;
  OnEnd on_end_;

  Numbered<object::OnReply> events_;
  Numbered<v8::Global<v8::Promise::Resolver>> resolvers_;
  Numbered<InBody> bodies_;
  Numbered<Timer> timers_;
  Numbered<Fetch> fetches_;
  Numbered<Critical> criticals_;
  Numbered<std::shared_ptr<Caller>> callers_;
  Numbered<v8::Global<v8::Object>> pumps_;
  Numbered<OnPumped> pump_reads_;
  Numbered<std::unique_ptr<sql::Cursor>> cursors_;
  Numbered<Connection> connections_;
  std::unique_ptr<ScriptSockets> sockets_;  // Null: it has never had any.
};

// While it lives, what JavaScript begins belongs to an event of an object that was called so.
class DepthFrame {
 public:
  DepthFrame(js::Scope& scope, CallDepth called);
  ~DepthFrame();
  DepthFrame(const DepthFrame&) = delete;
  DepthFrame& operator=(const DepthFrame&) = delete;

 private:
  v8::Isolate* isolate_ = nullptr;  // Null: there is nothing to undo.
};
// One more call of a Worker.
CallDepth DeeperWorker(CallDepth depth);
// What a call gets that is one too many.
Error TooDeep();

// A js::Error for an Error, as a script sees it.
v8::Local<v8::Value> MakeJsError(js::Scope& scope, const Error& error);
// The Error of anything thrown (code kScript, with flags and stack).
Error ToError(js::Scope& scope, v8::Local<v8::Value> thrown);
int ErrorFlags(const Error& error);  // Those of Error::Flag that it has, as a number.
// With those of Error::Flag that are set in `flags`.
Error WithFlags(Error error, uint32_t flags);
// Throws it.
void Throw(js::Scope& scope, const Error& error);
// Resolves with what `make` gives; rejects with what it throws, unless JavaScript is being ended.
void SettleWith(js::Scope& scope, v8::Local<v8::Promise::Resolver> resolver,
                FunctionRef<v8::MaybeLocal<v8::Value>(js::Scope&)> make);
// Calls a hook; empty if it threw (the exception is pending).
v8::MaybeLocal<v8::Value> CallHook(js::Scope& scope, int hook, std::initializer_list<v8::Local<v8::Value>> arguments);

// Runs the first message of an RPC session, which `request` holds (base/http.h), at `target`: what constructObject
// gave, or [class or object, env, props] of an entrypoint. The answer goes to `event`.
void DispatchRpc(js::Scope& scope, IoContext& context, v8::Local<v8::Value> target, uint64_t event,
                 HttpRequest request);

// Headers as they cross the seam (`Packed` in native.d.ts).
v8::Local<v8::Value> ToPacked(js::Scope& scope, const HeaderList& headers);
HeaderList FromPacked(js::Scope& scope, v8::Local<v8::Value> packed);

}  // namespace limpet::api
