// The code of simulated objects: runs scripts as JavaScript would (turns, microtasks at their end, work that outlives
// its event) and compares everything it is told with a shadow of its own.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loop/sim_loop.h"
#include "object/alarm_record.h"
#include "object/code.h"
#include "object/placement.h"
#include "sim/lines.h"
#include "sim/model.h"
#include "sim/script.h"
#include "sql/database.h"

namespace limpet::sim {

// Outlets that forget to pass the output gate.
struct OutletMutations {
  bool subrequest = false, call_same_shard = false, call_other_shard = false, timer_fetch = false, wait_until = false,
       log = false, socket_message = false, socket_close = false;
};

// What the scripts of one shard live in.
struct Place {
  loop::SimLoop* loop;
  Model* model;
  Lines* lines = nullptr;
  size_t shard = 0;
  size_t shards = 1;
  bool Owns(const ObjectId& id) const { return object::ShardOf(id, static_cast<uint32_t>(shards)) == shard; }
  uint64_t version = 0;           // Of the code that the shard should start now.
  std::set<NamespaceId> removed;  // The shard should start nothing of these.
  Duration roll_grace{}, shutdown_max{}, wait_max{};
  std::map<uint64_t, Instant> waiting;  // Events that the shard may deliver: since when, by their number.
  void Delivered(uint64_t arrival) {
    auto waited = waiting.extract(arrival);
    if (waited.empty()) return model->Violate("an event was served after its reply");
    if (loop->Now() > waited.mapped() + wait_max) model->Violate("an event was served that had waited too long");
  }
  uint64_t instances = 0;
  const OutletMutations* outlets;
  std::function<bool()> claim_valid;
  std::function<Script(const std::string& url)> script_of;
  std::function<bool(const ObjectId&, uint32_t page)> damaged;  // The disk can't read it.
  std::function<Script()> socket_script;                        // For what came in at a WebSocket.
  std::function<HttpRequest(uint32_t number, const ObjectId& caller, ObjectId* callee)> request_of;
  // Calls an object from this shard.
  std::function<void(const ObjectId& callee, HttpRequest request, object::OnReply reply)> call;
  std::set<ObjectId> auto_responses;  // Have set one. (Kept in quiet runs: nothing takes it away there.)
  bool interrupts = false;            // Turns are interrupted: the loop runs inside them.
  int depth = 0;                      // Of such interruptions.
};

class FakeClass final : public object::ClassCode {
 public:
  FakeClass(Place* place, uint64_t version) : place_(place), version_(version) {}
  std::unique_ptr<object::Code> Instantiate(object::Instance& instance) override;
  uint64_t version() const { return version_; }

  Instant runs_until = Instant::max();  // Newer code was set; what it lets run of this one ends then.
  uint64_t dead_up_to = 0;              // Instances up to this number lived in an isolate that is gone.

 private:
  Place* place_;
  uint64_t version_;
};

class FakeCode final : public object::Code {
 public:
  FakeCode(Place* place, FakeClass* made_by, object::Instance& instance);
  ~FakeCode() override;
  void Start(object::InputLock lock, UniqueFunction<void(Result<Done>)> done) override;
  void Fetch(object::InputLock lock, HttpRequest request, object::OnReply reply) override;
  void WebSocket(object::InputLock lock, object::SocketEvent event, object::OnReply done) override;
  void Alarm(object::InputLock lock, object::AlarmInfo info, object::OnReply done) override;
  bool wants_pre_shutdown() const override { return wants_pre_shutdown_; }
  void PreShutdown(object::InputLock lock, object::ShutdownReason reason, object::OnReply done) override;

 private:
  class Stream;
  // One event, or what it left behind, on its way through its script.
  struct Run {
    Script script;
    size_t next = 0;
    object::OnReply reply;
    std::unique_ptr<WebSocketEnd> websocket;  // Goes out with the reply.
    uint64_t line = 0;                        // Its number.
    std::optional<int64_t> alarm;             // It is the handler of this one, until it replies.
    Instant due = Instant::max();             // When the reply must have come.
    std::vector<bool> transactions;           // Of each section, whether it is one.
    std::vector<object::GateRef> sections;    // The innermost is where it belongs.
    object::GateRef Where() const { return sections.empty() ? nullptr : sections.back(); }
  };
  using RunRef = std::shared_ptr<Run>;
  using Lock = object::InputLock;

  // Runs `body` as one turn; after the turn under way if there is one (an isolate runs one at a time).
  void Turn(std::function<void()> body);
  void TurnUnder(Lock lock, std::function<void(Lock&)> body);
  // The isolate serves another turn, so that what it is asked to run now runs later.
  bool Busy();
  void WhenFree(std::function<void()> then);
  // Something of this instance runs: it must be one that still may.
  void CheckMayRun();
  // Of the objects that have set an automatic response, in a run where nothing takes it away.
  std::set<ObjectId>& auto_responses() { return place_->auto_responses; }
  // An event comes in that does not belong to a critical section: nothing may hold the gate.
  void CheckEntry(const char* what);
  // The same of an event from outside, which must find an instance that is to stay.
  void CheckDelivery(const char* what);
  // Steps until the script waits for something; `lock` is what its turn runs under.
  void Go(const RunRef& run, Lock& lock);
  // False: the step will go on by itself.
  bool Do(const RunRef& run, Step step, Lock& lock);
  bool DoRead(const RunRef& run, Step step, Lock& lock);
  bool DoWrite(const RunRef& run, Step step, Lock& lock);
  bool DoDelete(const RunRef& run, Step step, Lock& lock);
  bool DoList(const RunRef& run, Step step, Lock& lock);
  bool DoAlarm(const RunRef& run, Step step, Lock& lock);
  // SQL, in fake_code_sql.cc.
  using Rows = std::vector<std::vector<std::string>>;
  bool DoSql(const RunRef& run, Step step, Lock& lock);
  Result<Done> SqlStep(const RunRef& run, Step step, Lock& lock);
  Result<Rows> Sql(const std::string& text, std::vector<sql::Binding> bindings = {});
  // Puts a row, or deletes it if there is no value, beside one with the number of the write.
  Result<Done> SqlWrite(const std::string& key, std::optional<std::string> value);
  Result<Done> SqlNumber();
  Result<Done> SqlMany(uint32_t number);
  Result<Done> SqlRefused();
  Result<Done> SqlRead(uint32_t number);
  Result<Done> SqlLong();
  Result<Done> SqlSync(uint32_t number, Lock& lock);
  void CheckSqlError(const Error& error);
  // The burst under way can't be committed: its end is the end of the instance.
  bool Doomed() const { return before_.empty() && (lost_sql_ || shadow_.contains(RowKey(kBadRow))); }
  void WillReset();
  void EndBurst();  // A transaction begins, perhaps after a row of the burst before it.
  int64_t NowMs() const { return object::ToMs(place_->loop->WallNow()); }
  void Accept(const RunRef& run);
  void DoSocket(Step step);
  bool DoOutside(const RunRef& run, Step step, Lock& lock);
  bool BeginSection(const RunRef& run, bool transaction, Lock& lock);
  void EndTransaction(bool commit);
  void EndSection(const RunRef& run, Lock& lock);
  void Fail(const RunRef& run, Lock& lock);  // A read failed: the script ends with an error.
  void Reply(const RunRef& run, bool thrown);
  void ReplyStream(const RunRef& run);
  void Call(const RunRef& run, uint32_t number);
  void After(Duration delay, std::function<void()> then);
  // Goes on as an event of where the run belongs.
  void Reenter(const RunRef& run);
  void Background(Duration delay, bool gated, const char* what);
  void Emit(bool gated, const char* what, std::function<void()> then);

  // Puts, or deletes if there is no value, as one half of a pair with the number of the write.
  void Write(const Lock& lock, const std::string& key, std::string value, bool confirmed = true);
  void NumberWrite(const Lock& lock, bool confirmed);
  void Completed();  // The state now is one that may be found on disk.
  // The answer to a storage operation: at once, or later in a turn of its own, after which the run goes on.
  template <typename T, typename Check>
  object::Storage::OnAnswer<T> Then(const RunRef& run, bool holds, Check check);
  template <typename T, typename Check>
  bool Settle(object::Storage::Now<T> now, const RunRef& run, bool holds, Lock& lock, Check check);

  Place* place_;
  FakeClass* made_by_;
  object::Instance& instance_;
  const uint64_t number_;      // On its shard.
  uint64_t last_arrival_ = 0;  // Of the events that came in.
  std::shared_ptr<int> life_ = std::make_shared<int>(0);
  Pairs shadow_;
  std::vector<Pairs> before_;           // Of each open transaction.
  uint64_t confirmed_ = 0;              // The last confirmed write that is complete or in the burst under way.
  uint64_t transaction_confirmed_ = 0;  // The same, inside the open transaction.
  std::optional<int64_t> running_alarm_;
  const bool wants_pre_shutdown_;
  bool shutting_down_ = false;  // That handler was called: no event comes in any more.
  bool in_turn_ = false;
  bool lost_sql_ = false;  // SQLite has taken back what the burst or transaction under way had changed.
  bool dirty_ = false;     // The burst under way has written.
  int holding_ = 0;        // Storage operations that hold the gate.
  int critical_ = 0;       // Running critical sections.
  int owed_outputs_ = 0;   // In the output gate.
  uint64_t issued_ = 0, emitted_ = 0;
  std::deque<std::function<void()>> waiting_turns_;
};

template <typename T, typename Check>
object::Storage::OnAnswer<T> FakeCode::Then(const RunRef& run, bool holds, Check check) {
  return [this, run, holds, check](Result<T> result, Lock lock) {
    if (holds) --holding_;
    auto answer = std::make_shared<Result<T>>(std::move(result));
    TurnUnder(std::move(lock), [this, run, check, answer](Lock& lock) {
      if (instance_.broken()) return;
      if (!answer->has_value()) return Fail(run, lock);
      check(answer->value());
      Go(run, lock);
    });
  };
}

template <typename T, typename Check>
bool FakeCode::Settle(object::Storage::Now<T> now, const RunRef& run, bool holds, Lock& lock, Check check) {
  if (!now) {
    if (holds) ++holding_;
    return false;
  }
  if (!now->has_value()) {
    Fail(run, lock);
    return false;
  }
  check(now->value());
  return true;
}

}  // namespace limpet::sim
