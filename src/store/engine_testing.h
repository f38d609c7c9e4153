// An engine under test, on the loop that suits it: for what every engine promises. An engine is added by a name here.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <thread>

#include "base/counters.h"
#include "base/log.h"
#include "base/random.h"
#include "loop/asio_loop.h"
#include "loop/sim_loop.h"
#include "store/faulty.h"
#include "store/history.h"
#include "store/limits.h"
#include "store/memory.h"
#include "store/names.h"
#include "store/rocks/rocks_engine.h"

namespace limpet::store {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers)

inline ObjectId Object(uint8_t number, uint64_t ns = 7) {
  ObjectId id{.ns = {ns}};
  id.base.fill(number);
  return id;
}
inline Write Put(Bytes key, Bytes value, Space space = Space::kKv) {
  return {Write::Kind::kPut, space, std::move(key), std::move(value)};
}
inline Write Delete(Bytes key, Space space = Space::kKv) { return {Write::Kind::kDelete, space, std::move(key), {}}; }
inline Write Clear(Space space = Space::kKv) { return {Write::Kind::kClear, space, {}, {}}; }

// One engine with a session, on the loop that suits it.
class EngineUnderTest {
 public:
  explicit EngineUnderTest(std::string_view name) {
    if (name == "memory") engine_ = MakeMemoryEngine();
    if (name == "memory_cold") engine_ = MakeMemoryEngine({.cold_reads_percent = 100});
    if (name == "faulty") {
      engine_ = std::make_unique<FaultyEngine>(&sim_, FaultyOptions{.seed = 3,
                                                                    .commit_delay = 1ms,
                                                                    .commit_jitter = 3ms,
                                                                    .answer_jitter = 1ms,
                                                                    .read_jitter = 1ms,
                                                                    .cold_reads_percent = 30});
    }
    if (name == "rocks") {
      real_ = true;
      char folder[] = "/tmp/limpet-contract-XXXXXX";
      dir_ = mkdtemp(folder);
      Result<std::unique_ptr<Engine>> opened =
          OpenRocksEngine({.dir = dir_, .logger = &logger_, .counters = &counters_, .clock = &clock_});
      EXPECT_TRUE(opened.has_value()) << (opened.has_value() ? "" : opened.error().ToString());
      engine_ = std::move(opened).value();
    }
    claim_ = engine_->Acquire(0).value();
    session_ = engine_->Attach(loop());
  }
  ~EngineUnderTest() {
    session_.reset();
    engine_.reset();
    if (!dir_.empty()) std::filesystem::remove_all(dir_);
  }

  loop::Loop& loop() { return real_ ? static_cast<loop::Loop&>(asio_) : sim_; }
  Engine& engine() { return *engine_; }
  std::unique_ptr<Session>& session() { return session_; }
  const Claim& claim() const { return claim_; }

  // Runs the loop until `start`'s callback has been called, and returns what it was called with.
  template <typename T, typename Start>
  T Await(Start start) {
    std::optional<T> answer;
    auto done = [&](T value) {
      answer.emplace(std::move(value));
      if (real_) asio_.Stop();
    };
    if (real_) {
      asio_.Post([&] {
        start(done);
        EXPECT_FALSE(answer.has_value()) << "called from inside the call";
      });
      asio_.Run();
    } else {
      start(done);
      EXPECT_FALSE(answer.has_value()) << "called from inside the call";
      sim_.RunUntilIdle(1h);
    }
    LIMPET_CHECK(answer.has_value());
    return *std::move(answer);
  }
  Result<uint64_t> Commit(ObjectId object, std::vector<Write> writes, std::optional<Claim> claim = {}) {
    return Await<Result<uint64_t>>(
        [&](auto done) { session_->Commit(claim.value_or(claim_), {object, writes}, done); });
  }
  Result<std::optional<Bytes>> Get(ObjectId object, Bytes key, Space space = Space::kKv) {
    return Await<Result<std::optional<Bytes>>>([&](auto done) { session_->Get(object, space, key, done); });
  }
  ScanPage Scan(ObjectId object, ScanOptions options) {
    ScanPage page = Await<Result<ScanPage>>([&](auto done) { session_->Scan(object, options, done); }).value();
    Result<ScanPage> tried = session_->TryScan(object, options);
    if (tried.has_value()) {
      EXPECT_EQ(tried.value().pairs, page.pairs);
    } else {
      EXPECT_EQ(tried.error().code(), ErrorCode::kWouldBlock);
    }
    return page;
  }
  AlarmPage Alarms(std::optional<AlarmEntry> after = {}, size_t limit = 100) {
    return Await<Result<AlarmPage>>([&](auto done) { session_->ScanAlarms(after, limit, done); }).value();
  }
  HistoryMark Mark(ObjectId object) {
    return Await<Result<HistoryMark>>([&](auto done) { session_->Mark(object, done); }).value();
  }
  // What is there now, by space and key.
  std::map<Bytes, Bytes> State(ObjectId object) {
    std::map<Bytes, Bytes> state;
    for (Space space : {Space::kKv, Space::kPage, Space::kAlarm}) {
      ScanOptions options;
      options.space = space;
      options.bytes_max = SIZE_MAX;
      for (auto& [key, value] : Scan(object, options).pairs) state[static_cast<char>(space) + key] = value;
    }
    return state;
  }
  // What was there at a moment.
  std::map<Bytes, Bytes> StateAt(ObjectId object, uint64_t moment) {
    std::map<Bytes, Bytes> state = State(object);
    Undo undo;
    std::vector<Undo::Change> changes;
    ScanOptions options;
    options.space = Space::kHistory;
    options.bytes_max = SIZE_MAX;
    options.start = Undo::Start(moment);
    EXPECT_TRUE(undo.Add(Scan(object, options), changes).has_value());
    if (undo.nothing()) return {};
    for (Undo::Change& change : changes) {
      Bytes key = static_cast<char>(change.space) + change.key;
      state.erase(key);
      if (change.before) state[key] = *change.before;
    }
    return state;
  }
  // All that was committed is answered: one commit of each object comes after it.
  void Settle() {
    for (uint8_t i = 1; i <= 3; ++i) (void)Commit(Object(i), {});
  }
  std::string Keys(ObjectId object, const ScanOptions& options) {
    std::string keys;
    for (const auto& [key, value] : Scan(object, options).pairs) keys += key + " ";
    return keys;
  }

 private:
  bool real_ = false;
  std::string dir_;
  NullLogger logger_;
  Counters counters_;
  RealClock clock_;
  loop::SimLoop sim_;
  loop::AsioLoop asio_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  Claim claim_;
};

inline constexpr const char* kEngines[] = {"memory", "memory_cold", "faulty", "rocks"};

}  // namespace limpet::store
