// Figures, not promises: run by hand, in a folder on the disk that is meant.
//   limpet_store_test --gtest_also_run_disabled_tests --gtest_filter='RocksSpeed.*'
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>

#include "base/random.h"
#include "loop/asio_loop.h"
#include "store/rocks/rocks_engine.h"

namespace limpet::store {
namespace {

ObjectId Object(uint64_t number) {
  ObjectId id{.ns = {7}};
  SeededRandom random(number);
  random.Fill(id.base);
  return id;
}

class RocksSpeed : public testing::Test {
 protected:
  RocksSpeed() {
    char folder[] = "/var/tmp/limpet-speed-XXXXXX";
    dir_ = mkdtemp(folder);
    Open();
  }
  ~RocksSpeed() override {
    Close();
    std::filesystem::remove_all(dir_);
  }
  void Open() {
    engine_ = OpenRocksEngine({.dir = dir_, .logger = &logger_, .counters = &counters_, .clock = &clock_}).value();
    claim_ = engine_->Acquire(0).value();
    session_ = engine_->Attach(loop_);
  }
  void Close() {
    session_.reset();
    engine_.reset();
  }

  // Commits one put to each of `objects` objects in turn, `outstanding` at a time; returns commits per second.
  double Run(uint64_t commits, uint64_t objects, uint64_t outstanding) {
    uint64_t sent = 0, answered = 0;
    UniqueFunction<void()> next = [&] {
      uint64_t number = sent++;
      ObjectBatch batch{Object(number % objects), {{Write::Kind::kPut, Space::kKv, "value", "\x01\x49\x02"}}};
      session_->Commit(claim_, std::move(batch), [&](Result<uint64_t> committed) {
        LIMPET_CHECK(committed.has_value());
        if (++answered == commits) return loop_.Stop();
        if (sent < commits) next();
      });
    };
    Instant start = clock_.Now();
    loop_.Post([&] {
      for (uint64_t i = 0; i < outstanding; ++i) next();
    });
    loop_.Run();
    return static_cast<double>(commits) / std::chrono::duration<double>(clock_.Now() - start).count();
  }
  // What the folder takes on the disk, in blocks, as `du` counts.
  double DiskBytes() {
    FILE* du = popen(("du -s -B1 " + dir_).c_str(), "r");
    double bytes = 0;
    LIMPET_CHECK(fscanf(du, "%lf", &bytes) == 1);
    pclose(du);
    return bytes;
  }

  std::string dir_;
  NullLogger logger_;
  Counters counters_;
  RealClock clock_;
  loop::AsioLoop loop_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  Claim claim_;
};

TEST_F(RocksSpeed, DISABLED_DurableCommitsOf32Objects) {
  printf("%.0f durable commits/s, one put each, 32 objects outstanding\n", Run(30'000, 32, 32));
  printf("%.0f durable commits/s, one put each, 1 object outstanding\n", Run(3'000, 1, 1));
  printf("%.0f durable commits/s, one put each, 1000 objects outstanding\n", Run(200'000, 1000, 1000));
}

TEST_F(RocksSpeed, DISABLED_BytesOnDiskPerCounterObject) {
  constexpr uint64_t kObjects = 100'000;
  printf("%.0f first commits/s, 1000 outstanding\n", Run(kObjects, kObjects, 1000));
  printf("%.0f bytes on disk per counter object, as written\n", DiskBytes() / kObjects);
  printf("%.0f more commits/s, 1000 outstanding\n", Run(kObjects, kObjects, 1000));
  printf("%.0f bytes after a second increment of each\n", DiskBytes() / kObjects);
  Close();
  Open();
  printf("%.0f bytes after a restart\n", DiskBytes() / kObjects);
}

TEST_F(RocksSpeed, DISABLED_StartWithAMillionObjects) {
  (void)Run(1'000'000, 1'000'000, 4000);
  Close();
  Instant start = clock_.Now();
  Open();
  printf("%.0f MiB on disk\n", DiskBytes() / 1048576);
  printf("%.2f s to open with a million objects and the log that was left\n",
         std::chrono::duration<double>(clock_.Now() - start).count());
}

}  // namespace
}  // namespace limpet::store
