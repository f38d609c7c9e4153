// Quotas while the store has failed a write and can't say what is stored.
#include <gtest/gtest.h>

#include "loop/sim_loop.h"
#include "object/fake_code_test.h"
#include "store/faulty.h"

namespace limpet::object {
namespace {

using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

constexpr char kFull[] = "error: database or disk is full: SQLITE_FULL";

// "put BYTES" under "a". "delete, put BYTES": under "b", behind a delete that has to read.
void Put(Instance& instance, InputLock lock, HttpRequest request, OnReply reply) {
  Storage& storage = instance.storage();
  const bool deletes = request.url.starts_with("delete");
  if (deletes) (void)storage.Delete(lock, {"c"}, {}, [](Result<uint64_t>, InputLock) {});
  const Bytes value(std::stoul(request.url.substr(request.url.rfind(' ') + 1)), 'x');
  Result<Done> put = storage.PutNow(deletes ? "b" : "a", value);
  reply(put.has_value() ? Result<HttpResponse>(Text("ok")) : Result<HttpResponse>(put.error()));
}

class QuotaTest : public testing::Test {
 protected:
  void Open(Quota quota) {
    ShardOptions options;
    options.quota = quota;
    shard_ = Shard::Make(loop_, engine_.Attach(loop_), engine_.Acquire(0).value(), options, log_, counters_);
    shard_->SetClass(kSpace, class_);
  }
  void Send(uint8_t id, const std::string& what) { shard_->Fetch(Id(id), std::nullopt, Request(what), Into(replies_)); }
  // Another object's write fails; the store is not to be asked till it has settled.
  void FailAWrite() {
    engine_.FailNextCommit({.landed = false});
    Send(2, "put 1");
    while (engine_.settled()) loop_.Advance(1ms);
    loop_.Advance(1ms);
    EXPECT_FALSE(engine_.settled());
    replies_.clear();
  }
  uint64_t Stored() { return engine_.durable().Measure(Id(1)).sum(); }

  loop::SimLoop loop_{1};
  store::FaultyEngine engine_{&loop_, {.commit_delay = 5ms}};
  NullLogger log_;
  Counters counters_;
  std::shared_ptr<FakeClass> class_ = std::make_shared<FakeClass>(Put);
  std::unique_ptr<Shard> shard_;
  Strings replies_;
};

TEST_F(QuotaTest, WhatWasPutWhileTheStoreCouldNotBeAskedIsCheckedBeforeItIsSent) {
  Open({.object = 10'000});
  Send(1, "put 7899");
  loop_.Advance(10ms);
  EXPECT_EQ(replies_, Strings{"ok"});
  FailAWrite();
  Send(1, "delete, put 6000");
  loop_.Advance(1ms);
  EXPECT_FALSE(engine_.settled()) << "it was put while the store could not say what fits";
  loop_.Advance(1s);
  EXPECT_EQ(replies_, Strings{kFull});
  EXPECT_EQ(Stored(), 7900u);
  Send(1, "delete, put 1999");
  loop_.Advance(1s);
  EXPECT_EQ(replies_, (Strings{kFull, "ok"})) << "the next instance goes on with what is durable";
  EXPECT_EQ(Stored(), 9900u);
}

TEST_F(QuotaTest, WhatTurnsOutToFitIsWritten) {
  for (Quota quota : {Quota{.object = 16'000}, Quota{.in_all = 16'000}}) {
    Open(quota);
    Send(1, "put 7899");
    loop_.Advance(10ms);
    Send(1, "put 7899");
    loop_.Advance(10ms);
    FailAWrite();
    Send(1, "delete, put 6000");
    loop_.Advance(1ms);
    EXPECT_FALSE(engine_.settled());
    loop_.Advance(1s);
    EXPECT_EQ(replies_, Strings{"ok"});
    EXPECT_EQ(Stored(), 13'901u);
    shard_->Delete(Id(1), [](const Result<Done>&) {});
    loop_.Advance(1s);
    EXPECT_EQ(Stored(), 0u);
    replies_.clear();
  }
}

}  // namespace
}  // namespace limpet::object
