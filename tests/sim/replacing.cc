// The time machine's object is replaced from outside, in slices of a source that may fail, and with power cuts.
#include <algorithm>

#include "object/content_source.h"
#include "sim/time_machine.h"

namespace limpet::sim {
namespace {

using namespace std::chrono_literals;
using object::ContentSource;
using object::Id;
using store::Space;

// Answers now or later. Without a last slice it fails.
class ScriptedSource final : public ContentSource {
 public:
  ScriptedSource(loop::Loop& loop, std::vector<Slice> slices, Duration delay)
      : loop_(loop), slices_(std::move(slices)), delay_(delay) {}
  void Next(UniqueFunction<void(Result<Slice>)> done) override {
    Result<Slice> next = Error(ErrorCode::kOverloaded, "the source fails");
    if (at_ < slices_.size()) next = slices_[at_++];
    if (delay_ == Duration::zero()) return done(std::move(next));
    loop_.After(delay_, [done = std::move(done), next = std::move(next)]() mutable { done(std::move(next)); });
  }

 private:
  loop::Loop& loop_;
  std::vector<Slice> slices_;
  const Duration delay_;
  size_t at_ = 0;
};

}  // namespace

// What it is to store: new pairs, the rows that it has, perhaps an alarm.
std::vector<ContentSource::Slice> TimeMachine::RandomContent(const State& now, State& content) {
  std::vector<ContentSource::Slice> slices(1);
  auto add = [&](store::Write write) {
    if (slices.back().writes.size() > random_.Below(4)) slices.emplace_back();
    slices.back().writes.push_back(std::move(write));
  };
  for (char key = 'a'; key <= 'h'; ++key) {
    if (random_.Below(3) == 0) continue;
    std::string value = std::to_string(++next_value_);
    content["pair " + std::string(1, key)] = value;
    add({store::Write::Kind::kPut, Space::kKv, Bytes(1, key), value});
  }
  if (random_.Below(2) == 0) {
    std::unique_ptr<store::Session> session = engine_->Attach(loop_);
    store::ScanOptions all;
    all.space = Space::kPage;
    Result<store::ScanPage> pages = session->ScanNow(Id(1), all);
    if (pages.has_value()) {
      for (auto& [key, value] : pages.value().pairs) add({store::Write::Kind::kPut, Space::kPage, key, value});
      for (const auto& [key, value] : now) {
        if (key.starts_with("row ")) content[key] = value;
      }
    }
  }
  if (random_.Below(2) == 0) {
    uint64_t ms = 4'102'444'800'000 + ++next_value_;
    content["alarm"] = std::to_string(ms);
    object::AlarmRecord alarm;
    alarm.scheduled_ms = alarm.attempt_ms = static_cast<int64_t>(ms);
    slices.back().writes.push_back({store::Write::Kind::kPut, Space::kAlarm, {}, object::EncodeAlarm(alarm)});
  }
  slices.back().last = true;
  return slices;
}

void TimeMachine::ReplaceFromOutside() {
  Look();
  if (worlds_.size() != 1) return;
  State content;
  std::vector<ContentSource::Slice> slices = RandomContent(worlds_[0].state, content);
  const bool fails = random_.Below(4) == 0;
  if (fails) slices.resize(random_.Below(slices.size()));
  const bool only_if_new = random_.Below(4) == 0;
  auto effect = [&](World& world) {
    Start(world);
    if (only_if_new && !world.state.empty()) return;
    if (!fails) world.state = content;
  };
  Duration delay = std::chrono::milliseconds(random_.Below(3));
  auto source = std::make_shared<ScriptedSource>(loop_, std::move(slices), delay);
  auto result = std::make_shared<std::optional<Result<Done>>>();
  shard_->Apply(Id(1), {std::move(source), only_if_new}, [result](Result<Done> got) { *result = std::move(got); });
  if (crashes_ && random_.Below(2) == 0) {
    loop_.Advance(std::chrono::microseconds(random_.Below(60'000)));
    Crash();
    return Failed(effect);
  }
  for (int left = 4000; left > 0 && !*result; --left) loop_.Advance(5ms);
  if (!*result) return violation_("a replacement has no end");
  if (!(*result)->has_value()) {
    bool expected = fails || only_if_new || faults_;
    if (!expected) violation_("a replacement failed: " + (*result)->error().message());
    // Its answer is the last that is heard of it: with a store that works it has changed nothing.
    return Failed(faults_ ? Effect(effect) : Effect([](World&) {}));
  }
  if (fails) return violation_("a replacement came to its end without all of its slices");
  effect(worlds_[0]);
  Look();
}

}  // namespace limpet::sim
