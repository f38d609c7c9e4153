#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "object/gate_node.h"

namespace limpet::object {
namespace {

class GateTest : public testing::Test, public GateHost {
 protected:
  ~GateTest() override { root_->Detach(); }
  void GateRunnable(GateRef node) override { runnable_.push_back(std::move(node)); }
  void RunUnderLock(OnLock& ready, Result<InputLock> lock) override { ready(std::move(lock)); }
  void SectionStarted(GateNode&) override { log_ += "[start]"; }
  void SectionTimedOut() override { log_ += "[timeout]"; }
  void SectionDropped(Error error) override { log_ += "[dropped]"; }
  void Run() {
    while (!runnable_.empty()) {
      GateRef node = std::move(runnable_.front());
      runnable_.pop_front();
      node->RunNext();
    }
  }
  // A waiter that logs its name and keeps its lock if told where.
  OnLock Log(const std::string& name, InputLock* keep = nullptr) {
    return [this, name, keep](Result<InputLock> lock) {
      log_ += lock.has_value() ? name : "!" + name;
      if (keep != nullptr && lock.has_value()) *keep = std::move(lock).value();
    };
  }
  GateRef root_ = GateNode::MakeRoot(*this);
  std::deque<GateRef> runnable_;
  std::string log_;
};

TEST_F(GateTest, LetsWaitersInOneAtATimeInOrder) {
  InputLock lock = root_->Lock();
  InputLock a;
  root_->Wait(Log("a", &a));
  root_->Wait(Log("b"));
  InputLock second = lock.AddRef();
  lock = {};
  Run();
  EXPECT_EQ(log_, "");
  second = {};
  EXPECT_EQ(log_, "") << "not from inside the release";
  Run();
  EXPECT_EQ(log_, "a");
  a = {};
  Run();
  EXPECT_EQ(log_, "ab");
}

TEST_F(GateTest, LetsACriticalSectionGoBeforeOrdinaryWaitersAndKeepsThemOutWhileItRuns) {
  InputLock lock = root_->Lock();
  root_->Wait(Log("event"));
  GateRef section = root_->BeginSection().value();
  InputLock inside;
  section->Wait(Log("inside", &inside));
  lock = {};
  Run();
  EXPECT_EQ(log_, "[start]inside");
  section->Wait(Log("straggler"));
  InputLock after = section->EndSection(std::move(inside));
  section->Wait(Log("later"));
  Run();
  EXPECT_EQ(log_, "[start]inside") << "the turn after the section goes on first";
  after = {};
  Run();
  EXPECT_EQ(log_, "[start]insideeventstragglerlater");
}

TEST_F(GateTest, NestsSectionsUpToTheLimit) {
  std::vector<GateRef> sections{root_};
  for (uint32_t depth = 0; depth < kCriticalDepthMax; ++depth) {
    Result<GateRef> section = sections.back()->BeginSection();
    ASSERT_TRUE(section.has_value());
    sections.push_back(section.value());
    sections.back()->Wait(Log("."));
    Run();
    ASSERT_EQ(log_.size(), (depth + 1) * std::string("[start].").size());
  }
  EXPECT_EQ(sections.back()->BeginSection().error().code(), ErrorCode::kOverloaded);
  root_->MarkBroken(Error(ErrorCode::kCanceled, "end of the test"));
}

TEST_F(GateTest, TellsWhenARunningSectionIsDropped) {
  GateRef section = root_->BeginSection().value();
  section->Wait(Log("inside"));
  Run();
  section.reset();
  EXPECT_EQ(log_, "[start]inside[dropped]");
}

TEST_F(GateTest, RejectsEveryWaiterOnceBroken) {
  InputLock lock = root_->Lock();
  root_->Wait(Log("a"));
  GateRef section = root_->BeginSection().value();
  section->Wait(Log("b"));
  root_->MarkBroken(Error(ErrorCode::kCanceled, "broken"));
  lock = {};
  Run();
  EXPECT_EQ(log_, "");
  root_->RejectAll();
  EXPECT_EQ(log_, "!a!b");
  root_->Wait(Log("c"));
  EXPECT_EQ(log_, "!a!b!c");
}

}  // namespace
}  // namespace limpet::object
