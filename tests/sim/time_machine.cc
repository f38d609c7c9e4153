#include "sim/time_machine.h"

#include <algorithm>

#include "object/bookmark.h"
#include "sim/faults.h"
#include "sql/sql_testing.h"

namespace limpet::sim {
namespace {

using namespace std::chrono_literals;
using object::Id;
using object::InputLock;
using object::Instance;
using object::OnReply;
using object::Storage;

constexpr char kKeys[] = "abcdef";
constexpr char kAborted[] = "aborts itself";
constexpr char kTooOld[] = "The point in time is older than the history that is kept of this Durable Object.";

std::string Shown(const std::map<std::string, std::string>& state) {
  std::string text;
  for (const auto& [key, value] : state) text += key + "=" + value + " ";
  return text;
}

// Replies with what the storage answers, now or later.
Storage::OnAnswer<std::string> ReplyWith(OnReply reply) {
  return [reply = std::move(reply)](Result<std::string> text, InputLock) mutable {
    reply(text.has_value() ? Result<HttpResponse>(object::Text(text.value())) : std::move(text).error());
  };
}

}  // namespace

bool TimeMachine::World::operator==(const World& other) const {
  if (state != other.state || undone != other.undone || wish.has_value() != other.wish.has_value()) return false;
  return !wish || (wish->target == other.wish->target && wish->undo == other.wish->undo);
}

TimeMachine::TimeMachine(uint64_t seed, std::function<void(const std::string&)> violation)
    : violation_([this, violation = std::move(violation)](const std::string& what) {
        violated_ = true;
        violation(what);
      }),
      loop_(seed),
      random_(seed * 7919 + 5) {
  faults_ = random_.Below(2) == 0;
  crashes_ = random_.Below(2) == 0;
  store::FaultyOptions options = SlowStore(seed, random_);
  options.failed_reads_permille = faults_ ? 20 : 0;
  options.failed_commits_permille = faults_ ? 40 : 0;
  engine_ = std::make_unique<store::FaultyEngine>(&loop_, options);
  class_ = std::make_shared<object::FakeClass>(
      [this](Instance& instance, InputLock lock, HttpRequest request, OnReply reply) {
        int made = class_->made;
        auto with_number = [made, reply = std::move(reply)](Result<HttpResponse> result) mutable {
          if (result.has_value()) {
            result.value().body.bytes = std::to_string(made) + " " + result.value().body.bytes;
          }
          reply(std::move(result));
        };
        acts_.at(request.url)(instance, std::move(lock), std::move(with_number));
      });
  Open();
}

TimeMachine::~TimeMachine() { shard_.reset(); }

void TimeMachine::Open() {
  counters_ = std::make_unique<Counters>();
  object::ShardOptions options;
  options.restore_commit_bytes = random_.Below(2) == 0 ? 80 : object::kRestoreCommitBytes;
  claim_ = engine_->Acquire(0).value();
  shard_ = object::Shard::Make(loop_, engine_->Attach(loop_), claim_, options, log_, *counters_);
  shard_->SetClass(object::kSpace, class_, {});
}

void TimeMachine::Crash() {
  shard_.reset();
  engine_->CrashAndReopen();
  Open();
  if (random_.Below(2) == 0) SettleHalf();
}

void TimeMachine::SettleHalf() {
  auto half_done = [&] {
    std::optional<Bytes> record = engine_->durable().Get(object::Id(1), store::Space::kMeta, object::kRestoreKey);
    store::ScanOptions all;
    all.space = store::Space::kMeta;
    size_t listed = engine_->durable().Scan(store::UnsettledIndex(), all).pairs.size();
    if (listed != (record ? 1 : 0)) violation_("the index of what is half done is wrong");
    if (!record) return false;
    object::PendingRestore restore = object::DecodeRestore(*record).value();
    return restore.kind != object::PendingRestore::Kind::kRestore || restore.begun != 0;
  };
  if (!half_done()) return;
  auto result = std::make_shared<std::optional<Result<Done>>>();
  shard_->Settle(Id(1), [result](Result<Done> got) { *result = std::move(got); });
  for (int left = 4000; left > 0 && !*result; --left) loop_.Advance(5ms);
  if (!*result) return violation_("what is half done is never settled");
  if (!(*result)->has_value() && !faults_) violation_("settling failed: " + (*result)->error().message());
  if ((*result)->has_value() && half_done()) violation_("what was settled is half done");
}

void TimeMachine::Run() {
  for (int step = 0; step < 40 && !violated_; ++step) Step();
}

void TimeMachine::Step() {
  uint64_t what = random_.Below(23);
  if (what >= 21) return ReplaceFromOutside();
  if (what == 20) return Age();
  if (what < 7) return Write();
  if (what < 10) return TakeBookmark();
  if (what < 12) return RememberTime();
  if (what < 15) return MakeWish();
  if (what < 17) return RestoreFromOutside();
  if (what < 19) return Abort();
  loop_.Advance(15s);  // It leaves memory, and the slot of its history ends.
}

// --- What may be on disk

void TimeMachine::Start(World& world) {
  if (!world.wish) return;
  Wish wish = *std::exchange(world.wish, std::nullopt);
  if (!wish.undo.empty()) world.undone[wish.undo] = world.state;
  if (wish.target) world.state = *wish.target;
}

void TimeMachine::Add(std::vector<World>& worlds, World world) {
  if (std::find(worlds.begin(), worlds.end(), world) == worlds.end()) worlds.push_back(std::move(world));
}

// It happened or not, in the instance that lived or in the next.
void TimeMachine::Failed(const Effect& effect, const Effect& half) {
  std::vector<World> worlds;
  for (const World& world : worlds_) {
    World started = world;
    Start(started);
    for (const World& before : {world, started}) {
      World partly = before, after = before;
      half(partly);
      effect(after);
      Add(worlds, before);
      Add(worlds, std::move(partly));
      Add(worlds, std::move(after));
    }
  }
  worlds_ = std::move(worlds);
  uncertain_ = true;
}

void TimeMachine::Succeeded(int made, const Effect& effect) {
  std::vector<World> worlds;
  for (World& world : worlds_) {
    if (made != last_made_) {
      World started = world;
      Start(started);
      effect(started);
      Add(worlds, std::move(started));
    }
    if (made != last_made_ && !uncertain_) continue;
    effect(world);
    Add(worlds, std::move(world));
  }
  worlds_ = std::move(worlds);
  last_made_ = made;
  uncertain_ = false;
}

std::optional<TimeMachine::Reply> TimeMachine::Send(Act act, const Effect& effect, const Effect& half) {
  std::string url = std::to_string(next_act_++);
  acts_[url] = std::move(act);
  auto result = std::make_shared<std::optional<Result<HttpResponse>>>();
  shard_->Fetch(Id(1), std::nullopt, object::Request(url),
                [result](Result<HttpResponse> got) { *result = std::move(got); });
  if (crashes_ && random_.Below(6) == 0) {
    loop_.Advance(std::chrono::microseconds(random_.Below(12'000)));
    Crash();
    Failed(effect, half);
    return std::nullopt;
  }
  for (int left = 4000; left > 0 && !*result; --left) loop_.Advance(5ms);
  if (!*result) {
    violation_("an event has no reply");
    return std::nullopt;
  }
  if (!(*result)->has_value()) {
    // What an instance that ends itself was told before still holds.
    if ((*result)->error().message() == kAborted) return Reply{-1, ""};
    if (!faults_ && !crashes_) violation_("an event failed: " + (*result)->error().message());
    Failed(effect, half);
    return std::nullopt;
  }
  const std::string& body = (*result)->value().body.bytes;
  size_t space = body.find(' ');
  Reply reply{std::stoi(body.substr(0, space)), body.substr(space + 1)};
  Succeeded(reply.made, effect);
  return reply;
}

TimeMachine::State TimeMachine::Parse(const std::string& text) {
  State state;
  for (size_t at = 0; at < text.size();) {
    size_t middle = text.find('\n', at), end = text.find('\n', middle + 1);
    state[text.substr(at, middle - at)] = text.substr(middle + 1, end - middle - 1);
    at = end + 1;
  }
  return state;
}

void TimeMachine::Look() {
  Act look = [](Instance& instance, InputLock lock, OnReply reply) {
    std::string text;
    Storage& storage = instance.storage();
    Result<object::Pairs> pairs = storage.ListNow({});
    if (!pairs.has_value()) return reply(std::move(pairs).error());
    for (const auto& [key, value] : pairs.value()) text += "pair " + key + "\n" + value + "\n";
    Result<sql::Database*> database = storage.Sql();
    if (!database.has_value()) return reply(std::move(database).error());
    std::string rows = sql::Run(*database.value(), "SELECT k, v FROM t ORDER BY k");
    if (rows.find("SQLITE_IOERR") != std::string::npos) return reply(Error(ErrorCode::kUnavailable, rows));
    for (size_t at = 0; rows.starts_with('[') && at < rows.size();) {
      size_t comma = rows.find(',', at), end = rows.find(']', at);
      text += "row " + rows.substr(at + 1, comma - at - 1) + "\n" + rows.substr(comma + 1, end - comma - 1) + "\n";
      at = end + 1;
    }
    auto held = std::make_shared<OnReply>(std::move(reply));
    auto with_alarm = [held, text](Result<std::optional<int64_t>> alarm, InputLock) {
      if (!alarm.has_value()) return (*held)(std::move(alarm).error());
      (*held)(object::Text(text + (alarm.value() ? "alarm\n" + std::to_string(*alarm.value()) + "\n" : "")));
    };
    if (auto now = storage.GetAlarm(lock, {}, with_alarm)) with_alarm(*now, {});
  };
  for (int tries = 0; tries < 5000 && !violated_; ++tries) {  // A long restore meets a failed read each time.
    std::optional<Reply> reply = Send(look, [](World&) {});
    if (!reply) continue;
    State seen = Parse(reply->text);
    std::string expected = worlds_.empty() ? "" : Shown(worlds_[0].state);
    std::erase_if(worlds_, [&](const World& world) { return world.state != seen; });
    if (!worlds_.empty()) return;
    violation_("a state that never was: " + Shown(seen) + "where this was right: " + expected);
    worlds_.push_back({seen, std::nullopt, {}});
    return;
  }
  if (!violated_) violation_("an object can't be looked at");
}

// --- What is done

std::vector<TimeMachine::Op> TimeMachine::RandomOps() {
  std::vector<Op> ops;
  for (uint64_t left = 1 + random_.Below(4); left > 0; --left) {
    Op op{Op::Kind::kPut, std::string(1, kKeys[random_.Below(6)]), std::to_string(++next_value_)};
    uint64_t what = random_.Below(20);
    if (what >= 7) op.kind = Op::Kind::kDelete;
    if (what >= 9) op.kind = Op::Kind::kRow;
    if (what >= 14) op.kind = Op::Kind::kDropRow;
    if (what >= 16) op.kind = Op::Kind::kAlarm;
    if (what >= 18) op.kind = Op::Kind::kNoAlarm;
    if (what >= 19) op.kind = Op::Kind::kDeleteAll;
    if (op.kind == Op::Kind::kAlarm) op.value = std::to_string(4'102'444'800'000 + next_value_);
    ops.push_back(std::move(op));
  }
  return ops;
}

void TimeMachine::Apply(State& state, const std::vector<Op>& ops) {
  for (const Op& op : ops) {
    switch (op.kind) {
      case Op::Kind::kPut: state["pair " + op.key] = op.value; break;
      case Op::Kind::kDelete: state.erase("pair " + op.key); break;
      case Op::Kind::kRow: state["row " + op.key] = op.value; break;
      case Op::Kind::kDropRow: state.erase("row " + op.key); break;
      case Op::Kind::kAlarm: state["alarm"] = op.value; break;
      case Op::Kind::kNoAlarm: state.erase("alarm"); break;
      case Op::Kind::kDeleteAll: std::erase_if(state, [](const auto& entry) { return entry.first != "alarm"; }); break;
    }
  }
}

bool TimeMachine::Do(Instance& instance, const InputLock& lock, const std::vector<Op>& ops) {
  Storage& storage = instance.storage();
  bool unread = false;
  auto sql = [&](const std::string& text) {
    Result<sql::Database*> database = storage.Sql();
    unread |= !database.has_value() || sql::Run(*database.value(), text).find("SQLITE_IOERR") != std::string::npos;
  };
  for (const Op& op : ops) {
    switch (op.kind) {
      case Op::Kind::kPut: unread |= !storage.PutNow(op.key, op.value).has_value(); break;
      case Op::Kind::kDelete: unread |= !storage.DeleteNow(op.key).has_value(); break;
      case Op::Kind::kRow:
        sql("CREATE TABLE IF NOT EXISTS t(k PRIMARY KEY, v)");
        sql("INSERT OR REPLACE INTO t VALUES ('" + op.key + "', " + op.value + ")");
        break;
      case Op::Kind::kDropRow: sql("DELETE FROM t WHERE k = '" + op.key + "'"); break;
      case Op::Kind::kAlarm: (void)storage.SetAlarm(lock, std::stoll(op.value), {}, {}); break;
      case Op::Kind::kNoAlarm: (void)storage.DeleteAlarm(lock, {}, {}); break;
      case Op::Kind::kDeleteAll: (void)storage.DeleteAll(lock, {}, {}); break;
    }
  }
  if (unread) instance.Abort(Error(ErrorCode::kScript, "lost a page"));
  return !unread;
}

void TimeMachine::Write() {
  std::vector<Op> ops = RandomOps();
  (void)Send(
      [ops](Instance& instance, InputLock lock, OnReply reply) {
        if (!Do(instance, lock, ops)) return;
        reply(object::Text(""));
      },
      [ops](World& world) { Apply(world.state, ops); });
}

// What the same burst wrote before is in it.
void TimeMachine::TakeBookmark() {
  Look();
  std::vector<Op> ops = random_.Below(3) == 0 ? std::vector<Op>() : RandomOps();
  std::optional<Reply> reply = Send(
      [ops](Instance& instance, InputLock lock, OnReply reply) {
        if (!Do(instance, lock, ops)) return;
        (void)instance.storage().CurrentBookmark(lock, ReplyWith(std::move(reply)));
      },
      [ops](World& world) { Apply(world.state, ops); });
  if (!reply || worlds_.size() != 1) return;
  if (!marks_.empty() && reply->text <= marks_.back().first) violation_("a bookmark is less than one before it");
  marks_.emplace_back(reply->text, worlds_[0].state);
}

// A time in the middle of a long pause, and the bookmark of one such time.
void TimeMachine::RememberTime() {
  Look();
  if (worlds_.size() == 1 && !worlds_[0].wish) {
    loop_.Advance(12s);
    times_.emplace_back(loop_.WallNow().time_since_epoch().count(), worlds_[0].state);
    loop_.Advance(1s);
  }
  if (times_.empty()) return;
  auto [time, state] = times_[random_.Below(times_.size())];
  std::optional<Reply> reply = Send(
      [time = time](Instance& instance, InputLock lock, OnReply reply) {
        (void)instance.storage().BookmarkForTime(lock, time, ReplyWith(std::move(reply)));
      },
      [](World&) {});
  if (reply) marks_.insert(marks_.begin(), {reply->text, state});
}

void TimeMachine::MakeWish() {
  Look();
  if (worlds_.size() != 1 || marks_.empty()) return;
  const World& world = worlds_[0];
  Wish wish;
  std::string bookmark;
  if (!world.undone.empty() && random_.Below(3) == 0) {
    auto undone = world.undone.begin();
    std::advance(undone, static_cast<ptrdiff_t>(random_.Below(world.undone.size())));
    bookmark = undone->first;
    wish.target = undone->second;
  } else if (world.wish && !world.wish->undo.empty() && random_.Below(4) == 0) {
    bookmark = world.wish->undo;  // Of a restore that will never come.
  } else {
    const auto& mark = marks_[random_.Below(marks_.size())];
    bookmark = mark.first;
    wish.target = mark.second;
  }
  wish.from = bookmark;
  const bool refused = TooOld(bookmark);
  bool aborts = random_.Below(2) == 0;
  std::vector<Op> ops = random_.Below(2) == 0 ? RandomOps() : std::vector<Op>();
  auto effect = [wish, ops, refused](World& into) {
    Apply(into.state, ops);
    if (!refused) into.wish = wish;
  };
  std::optional<Reply> reply = Send(
      [bookmark, aborts, ops](Instance& instance, InputLock lock, OnReply reply) {
        if (!Do(instance, lock, ops)) return;
        Instance* self = &instance;
        auto held = std::make_shared<OnReply>(std::move(reply));
        (void)instance.storage().RestoreOnNextStart(
            lock, bookmark, [held, self, aborts](Result<std::string> undo, InputLock) {
              if (undo.has_value() && aborts) return self->Abort(Error(ErrorCode::kScript, kAborted));
              bool old = !undo.has_value() && undo.error().message() == kTooOld;
              (*held)(undo.has_value() ? Result<HttpResponse>(object::Text(undo.value()))
                      : old            ? Result<HttpResponse>(object::Text(kTooOld))
                                       : std::move(undo).error());
            });
      },
      effect, [ops](World& into) { Apply(into.state, ops); });
  if (!reply) return;
  if (refused != (reply->text == kTooOld)) violation_("what is too old is refused, and nothing else: " + reply->text);
  if (refused) return;
  if (reply->made < 0) {
    effect(worlds_[0]);
  } else if (worlds_.size() == 1 && worlds_[0].wish) {
    worlds_[0].wish->undo = reply->text;
  }
}

void TimeMachine::RestoreFromOutside() {
  Look();
  if (worlds_.size() != 1 || marks_.empty()) return;
  auto [text, target] = marks_[random_.Below(marks_.size())];
  const bool refused = TooOld(text);
  auto effect = [target = target](World& world) {
    world.state = target;
    world.wish.reset();
  };
  auto result = std::make_shared<std::optional<Result<uint64_t>>>();
  shard_->RestoreTo(Id(1), object::ParseBookmark(Id(1), text).value(),
                    [result](Result<uint64_t> got) { *result = std::move(got); });
  if (crashes_ && random_.Below(3) == 0) {
    loop_.Advance(std::chrono::microseconds(random_.Below(20'000)));
    Crash();
    return Failed(refused ? [](World&) {} : Effect(effect));
  }
  for (int left = 4000; left > 0 && !*result; --left) loop_.Advance(5ms);
  if (!*result) return violation_("a restore has no end");
  if (!(*result)->has_value()) {
    if (refused && (*result)->error().message() == kTooOld) return;
    if (!faults_) violation_("a restore failed: " + (*result)->error().message());
    return Failed(effect);
  }
  if (refused) return violation_("an object was led back to a state that is too old");
  marks_.emplace_back(object::FormatBookmark(Id(1), {.moment = (*result)->value()}), worlds_[0].state);
  effect(worlds_[0]);
  Look();
}

namespace {

constexpr auto kWindow = std::chrono::hours(30 * 24);
// A run between two ages takes less.
constexpr auto kEdge = std::chrono::hours(2);

WallTime MomentOf(const std::string& bookmark) {
  return WallTime(std::chrono::milliseconds(object::ParseBookmark(Id(1), bookmark).value().moment));
}

}  // namespace

bool TimeMachine::TooOld(const std::string& bookmark) const { return loop_.WallNow() > MomentOf(bookmark) + kWindow; }

bool TimeMachine::AtTheEdge(const std::string& bookmark) const {
  auto age = loop_.WallNow() - MomentOf(bookmark);
  return age > kWindow - kEdge && age < kWindow + kEdge;
}

void TimeMachine::Age() {
  Look();
  if (worlds_.size() != 1) return;
  loop_.Advance(std::chrono::hours(24 * (5 + random_.Below(20))));
  World& world = worlds_[0];
  auto edge = [&] {
    bool is_near = std::ranges::any_of(marks_, [&](const auto& mark) { return AtTheEdge(mark.first); });
    is_near |= std::ranges::any_of(world.undone, [&](const auto& undone) { return AtTheEdge(undone.first); });
    return is_near || (world.wish && AtTheEdge(world.wish->from)) || std::ranges::any_of(times_, [&](const auto& time) {
             return AtTheEdge(object::FormatBookmark(Id(1), {.moment = static_cast<uint64_t>(time.first)}));
           });
  };
  while (edge()) loop_.Advance(1h);
  engine_->ExpireHistory();
  std::erase_if(world.undone, [&](const auto& undone) { return TooOld(undone.first); });
  std::erase_if(times_, [&](const auto& time) {
    return TooOld(object::FormatBookmark(Id(1), {.moment = static_cast<uint64_t>(time.first)}));
  });
  // The next start strikes it off. But a restore that has begun must end, and one that failed or met a crash may have;
  // and what undoes a restore leads to when that began, which may have been long after its bookmark was given.
  if (!world.wish || !world.wish->target || !TooOld(world.wish->from)) return;
  World struck = world;
  struck.wish.reset();
  bool later = object::ParseBookmark(Id(1), world.wish->from).value().undo;
  if (!faults_ && !crashes_ && !later) worlds_.clear();
  Add(worlds_, std::move(struck));
}

void TimeMachine::Abort() {
  (void)Send([](Instance& instance, InputLock, OnReply) { instance.Abort(Error(ErrorCode::kScript, kAborted)); },
             [](World&) {});
}

}  // namespace limpet::sim
