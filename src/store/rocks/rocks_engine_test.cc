// What RocksDB alone can show: restarts, damage, locks, failing disks, group commit.
#include "store/rocks/rocks_engine.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "loop/asio_loop.h"
#include "store/history.h"
#include "store/rocks/expiry.h"
#include "store/rocks/folder.h"
#include "store/rocks/keys.h"
#include "store/rocks/rocks_testing.h"

namespace limpet::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

ObjectId Object(uint32_t number) {
  ObjectId id{.ns = {7}};
  id.base.fill(static_cast<uint8_t>(number * 31));
  std::memcpy(id.base.data(), &number, sizeof number);
  return id;
}
Write Put(Bytes key, Bytes value) { return {Write::Kind::kPut, Space::kKv, std::move(key), std::move(value)}; }

class RocksTest : public testing::Test {
 protected:
  RocksTest() {
    char folder[] = "/tmp/limpet-rocks-XXXXXX";
    root_ = mkdtemp(folder);
    dir_ = root_ + "/data";
  }
  ~RocksTest() override {
    Close();
    fs::remove_all(root_);
  }

  Result<std::unique_ptr<Engine>> TryOpen() {
    return OpenRocksEngine({.dir = dir_,
                            .logger = &logger_,
                            .counters = &counters_,
                            .clock = &clock_,
                            .pool_threads = 1,
                            .reopen_backoff = 1ms,
                            .env = env_.get()});
  }
  void Open() {
    auto opened = TryOpen();
    ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
    engine_ = std::move(opened).value();
    claim_ = engine_->Acquire(0).value();
    session_ = engine_->Attach(loop_);
  }
  void Close() {
    session_.reset();
    engine_.reset();
  }
  Result<uint64_t> Commit(ObjectId object, std::vector<Write> writes) {
    std::optional<Result<uint64_t>> answer;
    loop_.Post([&] {
      session_->Commit(claim_, {object, writes}, [&](Result<uint64_t> number) {
        answer.emplace(std::move(number));
        loop_.Stop();
      });
    });
    loop_.Run();
    return *std::move(answer);
  }
  // Until the store has reopened; gives it as many tries as it takes.
  Result<uint64_t> CommitUntilItWorks(ObjectId object, std::vector<Write> writes) {
    for (;;) {
      Result<uint64_t> answer = Commit(object, writes);
      if (answer.has_value() || answer.error().code() != ErrorCode::kUnavailable) return answer;
      std::this_thread::yield();
    }
  }
  std::string Read(ObjectId object, Bytes key) {
    Bytes page;
    std::string text;
    std::optional<Bytes> value;
    loop_.Post([&] {
      session_->Get(object, Space::kKv, key, [&](Result<std::optional<Bytes>> read) {
        text = !read.has_value() ? read.error().ToString() : read.value() ? *read.value() : "absent";
        loop_.Stop();
      });
    });
    loop_.Run();
    return text;
  }
  // Of each life the steps that are stored are the first ones.
  void ExpectNoGaps(ObjectId object) {
    std::map<std::string, std::set<uint64_t>> lives;
    loop_.Post([&] {
      session_->Scan(object, {}, [&](Result<ScanPage> page) {
        EXPECT_TRUE(page.value().complete);
        for (const auto& [key, value] : page.value().pairs) {
          size_t slash = key.find('/');
          lives[key.substr(0, slash)].insert(std::stoull(key.substr(slash + 1)));
        }
        loop_.Stop();
      });
    });
    loop_.Run();
    EXPECT_FALSE(lives.empty());
    for (const auto& [life, steps] : lives)
      EXPECT_EQ(steps.size(), *steps.rbegin()) << "a batch passed one that was lost";
  }
  std::vector<std::string> Logs() {
    std::vector<std::string> logs;
    for (const auto& entry : fs::directory_iterator(dir_ + "/db")) {
      if (entry.path().extension() == ".log" && entry.file_size() > 0) logs.push_back(entry.path());
    }
    return logs;
  }
  static void Flip(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    char byte = static_cast<char>(file.get() ^ 0x40);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }
  void BreakableDisk() {
    files_ = std::make_shared<TestFiles>(disk_);
    env_ = rocksdb::NewCompositeEnv(files_);
  }

  std::string root_, dir_;
  NullLogger logger_;
  Counters counters_;
  MovedClock clock_;
  Disk disk_;
  std::shared_ptr<rocksdb::FileSystem> files_;
  std::unique_ptr<rocksdb::Env> env_;
  loop::AsioLoop loop_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  Claim claim_;
};

TEST_F(RocksTest, KeepsDataCommitNumbersAndEpochsAcrossRestarts) {
  Open();
  uint64_t epoch = claim_.epoch;
  EXPECT_EQ(Commit(Object(1), {Put("a", "1")}).value(), 1u);
  EXPECT_EQ(Commit(Object(1), {Put("a", "2")}).value(), 2u);
  Close();
  Open();
  EXPECT_GT(claim_.epoch, epoch);
  EXPECT_EQ(Read(Object(1), "a"), "2");
  EXPECT_EQ(Commit(Object(1), {Put("a", "3")}).value(), 3u);
}

TEST_F(RocksTest, RefusesToOpenALogThatIsDamagedInTheMiddleAndNamesIt) {
  Open();
  for (uint32_t i = 0; i < 200; ++i) ASSERT_TRUE(Commit(Object(i), {Put("a", "1")}).has_value());
  Close();
  ASSERT_EQ(Logs().size(), 1u);
  std::string log = Logs()[0];
  uint64_t size = fs::file_size(log);
  std::string sound = rocks::ReadFile(log).value();
  for (uint64_t offset : {uint64_t{0}, uint64_t{4}, uint64_t{5}, uint64_t{6}, uint64_t{20}, size / 2, size / 2 + 1,
                          size * 9 / 10, size - 200}) {
    Flip(log, offset);
    auto opened = TryOpen();
    ASSERT_FALSE(opened.has_value()) << "flipped at " << offset;
    EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt);
    EXPECT_NE(opened.error().message().find(log), std::string::npos) << opened.error().message();
    EXPECT_NE(opened.error().message().find("offset "), std::string::npos) << opened.error().message();
    Flip(log, offset);
    EXPECT_EQ(rocks::ReadFile(log).value(), sound) << "a refusal changed the log";
  }
  Open();
  for (uint32_t i = 0; i < 200; ++i) EXPECT_EQ(Read(Object(i), "a"), "1");
}

TEST_F(RocksTest, OpensALogWithATornEndWithoutItsLastWrite) {
  Open();
  ASSERT_TRUE(Commit(Object(1), {Put("a", "1")}).has_value());
  ASSERT_TRUE(Commit(Object(2), {Put("a", Bytes(100'000, 'v'))}).has_value());
  Close();
  ASSERT_EQ(Logs().size(), 1u);
  std::string log = Logs()[0];
  fs::resize_file(log, fs::file_size(log) - 50'000);
  std::ofstream(log, std::ios::app | std::ios::binary) << std::string(20'000, '\0');
  Open();
  EXPECT_EQ(Read(Object(1), "a"), "1");
  EXPECT_EQ(Read(Object(2), "a"), "absent");
  EXPECT_EQ(Commit(Object(2), {Put("a", "2")}).value(), 1u);
  Close();
  Open();
  EXPECT_EQ(Read(Object(2), "a"), "2");
}

TEST_F(RocksTest, RefusesAFolderThatAnotherUses) {
  Open();
  auto second = TryOpen();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
  EXPECT_NE(second.error().message().find(dir_ + ": another limpet uses it"), std::string::npos)
      << second.error().message();
}

TEST_F(RocksTest, RefusesAFormatThatIsNewerAndDataWithoutAFormat) {
  Open();
  Close();
  std::ofstream(dir_ + "/FORMAT", std::ios::trunc) << "limpet store rocks 4\n";
  auto newer = TryOpen();
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(newer.error().message().find("newer limpet"), std::string::npos);
  std::ofstream(dir_ + "/FORMAT", std::ios::trunc) << "something else";
  EXPECT_EQ(TryOpen().error().code(), ErrorCode::kCorrupt);
  fs::remove(dir_ + "/FORMAT");
  EXPECT_EQ(TryOpen().error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(RocksTest, TakesOverTheFormatBeforeHistory) {
  Open();
  Close();
  std::ofstream(dir_ + "/FORMAT", std::ios::trunc) << "limpet store rocks 1\n";
  Open();
  EXPECT_TRUE(Commit(Object(1), {Put("a", "1")}).has_value());
  EXPECT_EQ(rocks::ReadFile(dir_ + "/FORMAT").value(), "limpet store rocks 3\n");
}

constexpr int64_t kDayMs = 24ll * 3600 * 1000;

TEST_F(RocksTest, HistoryGoesBackThirtyDaysAndNotBeforeTheFirstStart) {
  Open();
  ASSERT_TRUE(Commit(Object(1), {Put("a", "1")}).has_value());
  auto mark = [&] {
    std::optional<HistoryMark> seen;
    loop_.Post([&] {
      session_->Mark(Object(1), [&](Result<HistoryMark> answer) {
        seen = answer.value();
        loop_.Stop();
      });
    });
    loop_.Run();
    return *seen;
  };
  const HistoryMark first = mark();
  EXPECT_LE(first.oldest, first.now);
  EXPECT_GE(first.oldest + 60'000, first.now) << "there was none before this start";
  clock_.ahead_ms = 29 * kDayMs;
  EXPECT_EQ(mark().oldest, first.oldest);
  clock_.ahead_ms = 45 * kDayMs;
  HistoryMark later = mark();
  EXPECT_EQ(later.now - later.oldest, static_cast<uint64_t>(30 * kDayMs));
  Close();
  Open();
  later = mark();
  EXPECT_EQ(later.now - later.oldest, static_cast<uint64_t>(30 * kDayMs)) << "a restart forgets nothing";
}

TEST_F(RocksTest, DropsRecordsOfHistoryAnHourAfterTheWindow) {
  const uint64_t now = WallMs(clock_);
  auto factory = rocks::MakeExpiry(clock_, std::chrono::hours(30 * 24));
  auto dropped = [&](const Bytes& key) {
    std::string value;
    bool changed = false;
    return factory->CreateCompactionFilter({})->Filter(0, {key.data(), key.size()}, "", &value, &changed);
  };
  Bytes record = rocks::PairKey(Object(1), Space::kHistory, HistoryKey(now, Space::kKv, "a"));
  Bytes birth = rocks::PairKey(Object(1), Space::kHistory, BirthKey(now));
  EXPECT_FALSE(dropped(record));
  clock_.ahead_ms = 30 * kDayMs + 3'500'000;
  EXPECT_FALSE(dropped(record)) << "a restore that has begun finds it";
  clock_.ahead_ms = 30 * kDayMs + 3'700'000;
  EXPECT_TRUE(dropped(record));
  EXPECT_TRUE(dropped(birth));
  clock_.ahead_ms = 300 * kDayMs;
  EXPECT_FALSE(dropped(rocks::PairKey(Object(1), Space::kKv, Bytes(8, '\0') + "kx")));
  EXPECT_FALSE(dropped(rocks::CommitNumberKey(Object(1))));
  EXPECT_FALSE(dropped(rocks::UsedKey({7})));
}

TEST_F(RocksTest, CountsWhatAnOlderLimpetWrote) {
  Open();
  ASSERT_TRUE(Commit(Object(1), {Put("a", "12345")}).has_value());
  ASSERT_TRUE(Commit(Object(2), {Put("b", "123")}).has_value());
  Close();
  {
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, dir_ + "/db", &raw).ok());
    std::unique_ptr<rocksdb::DB> db(raw);
    Bytes number = rocks::EncodeObject({.number = 1, .last = 5});
    ASSERT_TRUE(db->Put({}, rocks::CommitNumberKey(Object(1)), number).ok());
    ASSERT_TRUE(db->Delete({}, rocks::UsedKey({7})).ok());
  }
  Open();
  EXPECT_EQ(session_->TotalsNow(Object(1))->object, (StoredBytes{6, 0}));
  EXPECT_EQ(session_->TotalsNow(Object(1))->in_namespace, 0u) << "until it is written";
  EXPECT_EQ(Commit(Object(1), {Put("c", "1")}).value(), 2u);
  EXPECT_EQ(session_->TotalsNow(Object(1))->object, (StoredBytes{8, 0}));
  EXPECT_EQ(session_->TotalsNow(Object(1))->in_namespace, 8u);
  Close();
  Open();
  EXPECT_EQ(session_->TotalsNow(Object(1))->in_namespace, 8u);
  EXPECT_EQ(session_->TotalsNow(Object(2))->in_all, 8u);
}

TEST_F(RocksTest, OtherObjectsDoNotWaitForAClearOfMuch) {
  Open();
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(Commit(Object(1), {Put(std::to_string(i), Bytes(2 * 1024 * 1024, 'x'))}).has_value());
  }
  clock_.ahead_ms = 60'000;  // It is not of this slot of the history.
  std::string order;
  auto done = [&](const char* what) {
    return [&order, what, this](const Result<uint64_t>& result) {
      order += result.has_value() ? what : "failed ";
      if (order.size() == 3) loop_.Stop();
    };
  };
  loop_.Post([&] {
    session_->Commit(claim_, {Object(1), {{Write::Kind::kClear, Space::kKv, {}, {}}}}, done("c"));
    session_->Commit(claim_, {Object(1), {Put("after", "1")}}, done("b"));
    session_->Commit(claim_, {Object(2), {Put("other", "1")}}, done("o"));
  });
  loop_.Run();
  EXPECT_EQ(order, "ocb");
  EXPECT_EQ(Read(Object(1), "0"), "absent");
  EXPECT_EQ(session_->TotalsNow(Object(1))->object, (StoredBytes{6, 0}));
}

TEST_F(RocksTest, AClearOfMuchOnADiskThatFailsComesWholeOrNot) {
  BreakableDisk();
  Open();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(Commit(Object(1), {Put(std::to_string(i), Bytes(3 * 1024 * 1024, 'x'))}).has_value());
  }
  clock_.ahead_ms = 60'000;
  disk_.fail_appends = true;
  EXPECT_EQ(Commit(Object(1), {{Write::Kind::kClear, Space::kKv, {}, {}}}).error().code(), ErrorCode::kUnavailable);
  disk_.fail_appends = false;
  ASSERT_TRUE(CommitUntilItWorks(Object(1), {Put("after", "1")}).has_value());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Read(Object(1), std::to_string(i)).size(), 3u * 1024 * 1024);
}

TEST_F(RocksTest, RefusesADatabaseWhoseFilesAreGone) {
  Open();
  ASSERT_TRUE(Commit(Object(1), {Put("a", "1")}).has_value());
  Close();
  fs::remove_all(dir_ + "/db");
  EXPECT_FALSE(TryOpen().has_value());
}

TEST_F(RocksTest, NamesAFolderThatCannotBeWritten) {
  std::ofstream(dir_) << "a file";
  auto opened = TryOpen();
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message().find(dir_), std::string::npos);
}

TEST_F(RocksTest, WritesManyWaitingBatchesWithOneSync) {
  BreakableDisk();
  Open();
  disk_.log_syncs = 0;
  constexpr int kBatches = 500;
  int answered = 0;
  loop_.Post([&] {
    for (uint32_t i = 0; i < kBatches; ++i) {
      session_->Commit(claim_, {Object(i), {Put("a", "1")}}, [&](Result<uint64_t> number) {
        EXPECT_EQ(number.value(), 1u);
        if (++answered == kBatches) loop_.Stop();
      });
    }
  });
  loop_.Run();
  EXPECT_EQ(disk_.log_syncs.load(), 1);
}

TEST_F(RocksTest, WritesManyBatchesOfOneObjectWithOneSyncIfNothingOfThemIsKept) {
  BreakableDisk();
  Open();
  disk_.log_syncs = 0;
  constexpr uint64_t kBatches = 500;
  loop_.Post([&] {
    for (uint64_t i = 1; i <= kBatches; ++i) {
      Write write = Put("a", std::to_string(i));
      write.space = Space::kMeta;
      session_->Commit(claim_, {Object(1), {write}}, [&, i](Result<uint64_t> number) {
        EXPECT_EQ(number.value(), i);
        if (i == kBatches) loop_.Stop();
      });
    }
  });
  loop_.Run();
  EXPECT_EQ(disk_.log_syncs.load(), 1);
}

TEST_F(RocksTest, FailsEveryWaitingBatchOfAFullDiskAndWorksAgainWhenThereIsRoom) {
  BreakableDisk();
  Open();
  ASSERT_TRUE(Commit(Object(1), {Put("a", "1")}).has_value());
  disk_.fail_appends = true;
  int failed = 0;
  loop_.Post([&] {
    for (uint32_t i = 0; i < 10; ++i) {
      session_->Commit(claim_, {Object(i), {Put("a", "2")}}, [&](Result<uint64_t> number) {
        EXPECT_EQ(number.error().code(), ErrorCode::kUnavailable);
        if (++failed == 10) loop_.Stop();
      });
    }
  });
  loop_.Run();
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(Commit(Object(1), {Put("a", "3")}).has_value());
  disk_.fail_appends = false;
  EXPECT_EQ(CommitUntilItWorks(Object(1), {Put("b", "4")}).value(), 2u);
  EXPECT_EQ(Read(Object(1), "a"), "1");
  EXPECT_EQ(Read(Object(2), "a"), "absent");
  Close();
  Open();
  EXPECT_EQ(Read(Object(1), "b"), "4");
}

TEST_F(RocksTest, LetsAReplayDecideAboutAWriteWhoseSyncFailed) {
  BreakableDisk();
  Open();
  ASSERT_TRUE(Commit(Object(1), {Put("a", "1")}).has_value());
  disk_.fail_syncs = true;
  EXPECT_EQ(Commit(Object(1), {Put("a", "2")}).error().code(), ErrorCode::kUnavailable);
  disk_.fail_syncs = false;
  uint64_t number = CommitUntilItWorks(Object(1), {Put("b", "1")}).value();
  // All of it had reached the file, so the replay finds it; its number shows it.
  EXPECT_EQ(Read(Object(1), "a"), number == 3 ? "2" : "1");
}

// One loop's objects, each of which always has two batches on the way and starts anew after a failure, as object/ does.
class Writer {
 public:
  static constexpr uint32_t kObjects = 8;
  static constexpr int kCommits = 2000;
  Writer(Engine& engine, Claim claim, uint32_t first) : engine_(engine), claim_(claim), first_(first) {}

  void Run() {
    session_ = engine_.Attach(loop_);
    loop_.Post([this] {
      for (uint32_t i = 0; i < kObjects; ++i) Fill(i);
    });
    loop_.Run();
    session_.reset();
  }
  uint64_t acknowledged(uint32_t object) const { return objects_[object].acknowledged; }
  int failures() const { return failures_; }

 private:
  struct State {
    uint64_t life = 0;
    uint64_t step = 0;  // Of this life; each batch stores one.
    uint64_t next = 0;  // The number that the next batch must get; 0: not known before the first answer.
    uint64_t acknowledged = 0;
    int waiting = 0;
  };
  // One batch now, the second some turns of the loop later, when the first is likely being written.
  void Fill(uint32_t i) {
    State& state = objects_[i];
    if (state.waiting == 2) return;
    ++state.waiting;
    Bytes key = std::to_string(state.life) + "/" + std::to_string(++state.step);
    session_->Commit(claim_, {Object(first_ + i), {Put(std::move(key), "x")}},
                     [this, i, life = state.life](Result<uint64_t> answer) { Answer(i, life, std::move(answer)); });
    if (state.waiting < 2) FillAfter(i, 1 + i);
  }
  void FillAfter(uint32_t i, uint32_t turns) {
    if (turns == 0) return Fill(i);
    loop_.AtTurnEnd([this, i, turns] { FillAfter(i, turns - 1); });
  }
  void Answer(uint32_t i, uint64_t life, Result<uint64_t> answer) {
    State& state = objects_[i];
    --state.waiting;
    if (answer.has_value()) {
      // No batch passes one of the same life that failed, and none gets lost between two.
      EXPECT_EQ(life, state.life) << "a batch was applied behind one that failed";
      if (state.next != 0) EXPECT_EQ(answer.value(), state.next);
      EXPECT_GT(answer.value(), state.acknowledged);
      state.acknowledged = answer.value();
      state.next = answer.value() + 1;
    } else if (life == state.life) {
      ++failures_;
      ++state.life;
      state.step = state.next = 0;
    }
    if (answer.has_value() && ++answers_ >= kCommits) return loop_.Stop();
    if (state.waiting == 0 || answer.has_value()) Fill(i);
  }

  Engine& engine_;
  Claim claim_;
  uint32_t first_;
  loop::AsioLoop loop_;
  std::unique_ptr<Session> session_;
  State objects_[kObjects];
  int answers_ = 0;
  int failures_ = 0;
};

TEST_F(RocksTest, KeepsTheOrderOfEachObjectOnTwoLoopsWhileTheDiskFails) {
  BreakableDisk();
  Open();
  session_.reset();
  Writer one(*engine_, claim_, 0), two(*engine_, claim_, 100);
  std::atomic<int> running = 2;
  std::thread first([&] { one.Run(), --running; });
  std::thread second([&] { two.Run(), --running; });
  for (int round = 0; running > 0; ++round) {
    int syncs = disk_.log_syncs;
    while (running > 0 && disk_.log_syncs < syncs + 10) std::this_thread::yield();
    (round % 2 == 0 ? disk_.fail_syncs : disk_.fail_appends) = true;
    while (running > 0 && engine_->Statistics().empty() == false) std::this_thread::yield();  // Until it is closed.
    disk_.fail_syncs = disk_.fail_appends = false;
  }
  first.join();
  second.join();
  EXPECT_GT(one.failures() + two.failures(), 10);
  Close();
  Open();
  for (uint32_t i = 0; i < Writer::kObjects; ++i) {
    ExpectNoGaps(Object(i));
    ExpectNoGaps(Object(100 + i));
    EXPECT_GE(Commit(Object(i), {Put("b", "x")}).value(), one.acknowledged(i) + 1);
    EXPECT_GE(Commit(Object(100 + i), {Put("b", "x")}).value(), two.acknowledged(i) + 1);
  }
}

TEST_F(RocksTest, SurvivesAFullFileSystem) {
  fs::create_directory(dir_);
  if (geteuid() != 0 || mount("tmpfs", dir_.c_str(), "tmpfs", 0, "size=4m") != 0)
    GTEST_SKIP() << "needs to mount a tmpfs";
  Open();
  ASSERT_TRUE(Commit(Object(0), {Put("a", "1")}).has_value());
  uint32_t stored = 0;
  for (uint32_t i = 1; i < 100; ++i) {
    if (!Commit(Object(i), {Put("a", Bytes(200'000, static_cast<char>(i)))}).has_value()) break;
    stored = i;
  }
  EXPECT_LT(stored, 99u);
  EXPECT_EQ(mount("tmpfs", dir_.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  EXPECT_TRUE(CommitUntilItWorks(Object(0), {Put("b", "2")}).has_value());
  for (uint32_t i = 1; i <= stored; ++i) EXPECT_EQ(Read(Object(i), "a"), Bytes(200'000, static_cast<char>(i)));
  Close();
  EXPECT_EQ(umount(dir_.c_str()), 0);
}

}  // namespace
}  // namespace limpet::store
