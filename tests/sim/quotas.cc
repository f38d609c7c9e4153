#include "sim/quotas.h"

#include <algorithm>

#include "object/mutations.h"
#include "object/quota.h"
#include "object/restore.h"
#include "sim/faults.h"
#include "sql/sql_testing.h"

namespace limpet::sim {
namespace {

using namespace std::chrono_literals;
using object::InputLock;
using object::Instance;
using object::OnReply;

constexpr char kFull[] = "database or disk is full: SQLITE_FULL";
constexpr char kOthers[] = "Exceeded allowed storage in Durable Objects.";
// Pages of a database that were not full when pairs were weighed against them may be full later.
constexpr uint64_t kWriteBytes = sizeof(store::Write);  // What a write counts for beside its bytes, on its way.
constexpr uint64_t kPageBytes = 8 + 4096, kSlackPages = 4;

std::string Shown(uint64_t bytes) { return std::to_string(bytes); }

}  // namespace

Quotas::Quotas(uint64_t seed, std::function<void(const std::string&)> violation)
    : violation_([this, violation = std::move(violation)](const std::string& what) {
        violated_ = true;
        violation(what);
      }),
      loop_(seed),
      random_(seed * 7919 + 9),
      crowded_(random_.Below(3) == 0),
      crashes_(random_.Below(2) == 0),
      faults_(random_.Below(3) == 0),
      sql_(random_.Below(3) == 0) {
  const uint64_t scale = sql_ ? 30 : 1;
  quota_.object = random_.Below(4) == 0 ? 0 : (1500 + random_.Below(3000)) * scale;
  // Together they may go over by what is on its way.
  if (!crowded_ && random_.Below(2) == 0) quota_.in_namespace = (2000 + random_.Below(3000)) * scale;
  if (!crowded_ && random_.Below(2) == 0) quota_.in_script = (3000 + random_.Below(4000)) * scale;
  if (!crowded_ && random_.Below(3) == 0) quota_.in_all = (4000 + random_.Below(4000)) * scale;
  store::FaultyOptions options = SlowStore(seed, random_);
  options.failed_commits_permille = faults_ ? 50 : 0;
  options.miscount = static_cast<store::Miscount>(object::ActiveMutations().miscount);
  engine_ = std::make_unique<store::FaultyEngine>(&loop_, options);
  for (uint8_t number = 1; number <= 4; ++number) {
    ObjectId id = object::Id(number);
    if (number > 2) ++id.ns.value;
    if (number > 3) ++id.ns.value;  // Of another script.
    objects_.push_back(id);
  }
  class_ = std::make_shared<object::FakeClass>(
      [this](Instance& instance, InputLock lock, HttpRequest request, OnReply reply) {
        auto& [ops, report] = events_.at(request.url);
        Do(instance, lock, ops, *report);
        if (!instance.broken()) reply(object::Text(""));
      });
  groups_.Put({object::kSpace, {object::kSpace.value + 1}});
  engine_->CountTogether({object::kSpace, {object::kSpace.value + 1}});
  Open();
}

Quotas::~Quotas() { shard_.reset(); }

void Quotas::Open() {
  counters_ = std::make_unique<Counters>();
  object::ShardOptions options;
  options.quota = quota_;
  options.restore_commit_bytes = random_.Below(2) == 0 ? 400 : object::kRestoreCommitBytes;
  shard_ = object::Shard::Make(loop_, engine_->Attach(loop_), engine_->Acquire(0).value(), options, log_, *counters_);
  for (uint64_t i = 0; i < 3; ++i) shard_->SetClass({object::kSpace.value + i}, class_, {});
}

void Quotas::Crash() {
  shard_.reset();
  engine_->CrashAndReopen();
  unanswered_ = 0;
  Open();
}

void Quotas::Run() {
  for (int step = 0; step < 40 && !violated_; ++step) Step();
  if (violated_) return;
  (void)Settle();
  std::string wrong = engine_->durable().WrongCount();
  if (!wrong.empty()) violation_(wrong);
}

void Quotas::Step() {
  uint64_t what = random_.Below(20);
  if (what == 19 && crashes_) {
    Crash();
    CheckObjects();
    std::string wrong = engine_->durable().WrongCount();
    if (!wrong.empty()) violation_(wrong);
  } else if (crowded_ && what < 15) {
    Send(AnyObject(), RandomOps());
    Pass(std::chrono::microseconds(random_.Below(4000)));
  } else if (what < 13) {
    Write();
  } else if (what < 15) {
    Remember();
  } else if (what < 17) {
    Restore();
  } else if (what == 17) {
    Delete();
  } else if (what == 18) {
    Pass(15s);  // They leave memory, and the slots of their histories end.
  }
}

store::Totals Quotas::Counted(const ObjectId& object) const { return engine_->durable().Count(object, groups_); }

// --- What is done

std::vector<Quotas::Op> Quotas::RandomOps() {
  std::vector<Op> ops;
  bool open = false;
  for (uint64_t left = 1 + random_.Below(5); left > 0; --left) {
    Op op{Op::Kind::kPut, std::string(1, static_cast<char>('a' + random_.Below(5))), 1 + random_.Below(900)};
    uint64_t what = random_.Below(20);
    if (sql_) op.bytes *= 1 + random_.Below(40);
    if (what >= 11) op.kind = Op::Kind::kDelete;
    if (what >= 14) op.kind = sql_ ? Op::Kind::kRow : Op::Kind::kPut;
    if (what >= 16) op.kind = sql_ ? Op::Kind::kDropRows : Op::Kind::kPut;
    if (what >= 17)
      op.kind = open ? (random_.Below(2) == 0 ? Op::Kind::kCommit : Op::Kind::kRollback) : Op::Kind::kBegin;
    if (what >= 19) op.kind = random_.Below(4) == 0 ? Op::Kind::kAbort : Op::Kind::kClear;
    if (op.kind == Op::Kind::kClear && open) op.kind = Op::Kind::kDelete;
    if (op.kind == Op::Kind::kBegin) open = true;
    if (op.kind == Op::Kind::kCommit || op.kind == Op::Kind::kRollback) open = false;
    ops.push_back(std::move(op));
  }
  if (open) ops.push_back({Op::Kind::kCommit, ""});
  return ops;
}

void Quotas::Do(Instance& instance, const InputLock& lock, const std::vector<Op>& ops, Report& report) {
  object::Storage& storage = instance.storage();
  auto sql = [&](const std::string& text) {
    Result<sql::Database*> database = storage.Sql();
    report.sql.push_back(database.has_value() ? sql::Run(*database.value(), text) : database.error().message());
  };
  for (const Op& op : ops) {
    if (instance.broken()) return;
    switch (op.kind) {
      case Op::Kind::kPut: {
        Result<Done> put = storage.PutNow(op.key, Bytes(op.bytes, 'x'));
        report.fitted.push_back(put.has_value());
        if (!put.has_value()) report.sql.push_back(put.error().message());
        break;
      }
      case Op::Kind::kDelete: (void)storage.Delete(lock, {op.key}, {}, [](Result<uint64_t>, InputLock) {}); break;
      case Op::Kind::kClear: (void)storage.DeleteAll(lock, {}, [](Result<Done>, InputLock) {}); break;
      case Op::Kind::kBegin: (void)storage.BeginTransaction(); break;
      case Op::Kind::kCommit: (void)storage.CommitTransaction(); break;
      case Op::Kind::kRollback: storage.RollbackTransaction(); break;
      case Op::Kind::kRow:
        sql("CREATE TABLE IF NOT EXISTS t(k, v)");
        sql("INSERT INTO t VALUES ('" + op.key + "', randomblob(" + Shown(op.bytes) + "))");
        break;
      case Op::Kind::kDropRows: sql("DELETE FROM t WHERE k = '" + op.key + "'"); break;
      case Op::Kind::kAbort: return instance.Abort(Error::Script("Error", "as asked"));
    }
  }
}

void Quotas::Send(const ObjectId& object, std::vector<Op> ops) {
  std::string url = Shown(next_event_++);
  events_[url] = {std::move(ops), std::make_shared<Report>()};
  ++unanswered_;
  shard_->Fetch(object, std::nullopt, object::Request(url), [this](const Result<HttpResponse>&) { --unanswered_; });
}

void Quotas::Pass(Duration duration) {
  for (Duration left = duration; left > Duration::zero() && !violated_; left -= 500us) {
    loop_.Advance(duration > 1s ? duration : std::min<Duration>(left, 500us));
    CheckObjects();
    if (duration > 1s) return;
  }
}

bool Quotas::Settle() {
  for (int left = 2000; left > 0 && unanswered_ > 0; --left) loop_.Advance(5ms);
  if (unanswered_ > 0) violation_("an event has no reply");
  Pass(40ms);
  return !violated_;
}

// --- What must hold

void Quotas::CheckObjects() {
  if (violated_) return;
  const uint64_t slack = sql_ ? kSlackPages * kPageBytes : 0;
  for (const ObjectId& id : objects_) {
    const uint64_t stored = engine_->durable().Measure(id).sum();
    if (quota_.object == 0 || stored <= quota_.object + slack) continue;
    return violation_("an object stores " + Shown(stored) + " bytes, its quota is " + Shown(quota_.object));
  }
  if (crowded_ || half_restored_) return;
  for (const ObjectId& id : objects_) {
    uint64_t in_namespace = 0, in_script = 0, in_all = 0;
    for (const ObjectId& other : objects_) {
      const uint64_t stored = engine_->durable().Measure(other).sum();
      in_all += stored;
      if (other.ns == id.ns) in_namespace += stored;
      auto members = groups_.Of(id.ns);
      if (std::ranges::find(members, other.ns) != members.end()) in_script += stored;
    }
    auto over = [&](uint64_t sum, uint64_t limit) { return limit > 0 && sum > limit + slack * objects_.size(); };
    if (over(in_namespace, quota_.in_namespace)) return violation_("a class stores more than its quota");
    if (over(in_script, quota_.in_script)) return violation_("a script stores more than its quota");
    if (over(in_all, quota_.in_all)) return violation_("the server stores more than its quota");
  }
}

// A put fits if what is durable, what was put before it in the same event, and itself do. Whether what was rolled back
// or cleared counts till it is durable is left open.
void Quotas::Expect(const store::Totals& before, const std::vector<Op>& ops, const Report& report) {
  store::Totals totals = before;
  uint64_t most = 0, least = 0, at_begin = 0;
  size_t next = 0;
  for (const Op& op : ops) {
    if (op.kind == Op::Kind::kRow || op.kind == Op::Kind::kDropRows) return;  // Only bounds are known of pages.
    if (op.kind == Op::Kind::kBegin) at_begin = least;
    if (op.kind == Op::Kind::kRollback) least = at_begin;
    if (op.kind == Op::Kind::kClear) {
      totals.object = {};
      least = 0;
    }
    if (op.kind != Op::Kind::kPut) {
      // A clear is two writes: whether there are pages is not always known.
      most += op.kind == Op::Kind::kDelete ? 1 + kWriteBytes : op.kind == Op::Kind::kClear ? 2 * kWriteBytes : 0;
      continue;
    }
    if (next >= report.fitted.size()) return;
    const uint64_t bytes = op.key.size() + op.bytes;
    const bool fitted = report.fitted[next++];
    if (fitted && !object::CheckRoom(quota_, totals, least + bytes).has_value()) {
      return violation_("a put of " + Shown(bytes) + " bytes was let through that does not fit");
    }
    if (!fitted && object::CheckRoom(quota_, totals, most + bytes).has_value()) {
      return violation_("a put of " + Shown(bytes) + " bytes was refused that fits");
    }
    if (!fitted) continue;
    most += kWriteBytes + bytes;
    least += bytes;
  }
}

void Quotas::Write() {
  if (!Settle()) return;
  const ObjectId id = AnyObject();
  // The rest of a restore comes before the event, which then meets something else than what is there now.
  auto half_restored = [&] { return engine_->durable().Get(id, store::Space::kMeta, object::kRestoreKey).has_value(); };
  if (half_restored()) {
    Send(id, {});
    if (!Settle() || half_restored()) return;  // That failed, too.
  }
  const store::Totals before = Counted(id);
  const std::string url = Shown(next_event_);
  Send(id, RandomOps());
  if (crashes_ && random_.Below(8) == 0) {
    Pass(std::chrono::microseconds(random_.Below(4000)));
    return Crash();
  }
  if (!Settle()) return;
  const auto& [ops, report] = events_.at(url);
  for (const std::string& answer : report->sql) {
    bool known = answer.empty() || answer == kFull || answer == kOthers || answer == "no such table: t: SQLITE_ERROR" ||
                 answer.starts_with("no such table: t");
    if (!known && !faults_) return violation_("SQL answered " + answer);
  }
  Expect(before, ops, *report);
}

void Quotas::Remember() {
  if (!Settle()) return;
  const ObjectId id = AnyObject();
  auto mark = std::make_shared<std::optional<store::HistoryMark>>();
  std::unique_ptr<store::Session> session = engine_->Attach(loop_);
  session->Mark(id, [mark](Result<store::HistoryMark> got) {
    if (got.has_value()) *mark = got.value();
  });
  loop_.Advance(5ms);
  if (*mark) moments_.push_back({id, (*mark)->now, engine_->durable().Measure(id)});
}

void Quotas::Restore() {
  if (moments_.empty() || !Settle()) return;
  const Moment moment = moments_[random_.Below(moments_.size())];
  const store::Totals before = Counted(moment.object);
  const bool fits = object::CheckReplacement(quota_, before, moment.stored.sum()).has_value();
  auto done = std::make_shared<std::optional<Result<uint64_t>>>();
  shard_->RestoreTo(moment.object, {.moment = moment.at}, [done](Result<uint64_t> got) { *done = std::move(got); });
  for (int left = 1000; left > 0 && !*done; --left) loop_.Advance(5ms);
  if (!Settle()) return;
  if (!*done) return violation_("a restore never ended");
  const store::StoredBytes after = engine_->durable().Measure(moment.object);
  if ((*done)->has_value()) {
    if (!fits) violation_("a restore went over a quota");
    if (after != moment.stored) violation_("a restore led to another size");
    return;
  }
  const Error& why = (*done)->error();
  if (why.code() != ErrorCode::kScript) {
    // It failed, perhaps half way.
    if (!faults_) violation_("a restore failed: " + why.message());
    half_restored_ = true;
    return std::erase_if(moments_, [&](const Moment& one) { return one.object == moment.object; }), void();
  }
  if (fits) violation_("a restore was refused that fits: " + why.message());
  if (after != before.object) violation_("a restore that was refused changed something");
}

void Quotas::Delete() {
  if (!Settle()) return;
  const ObjectId id = AnyObject();
  shard_->Delete(id, [](const Result<Done>&) {});
  std::erase_if(moments_, [&](const Moment& one) { return one.object == id; });
  (void)Settle();
}

}  // namespace limpet::sim
