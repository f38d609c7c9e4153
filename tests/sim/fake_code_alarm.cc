// Alarms of the simulated objects.
#include "sim/fake_code.h"

namespace limpet::sim {

using object::InputLock;

void FakeCode::Alarm(InputLock lock, object::AlarmInfo info, object::OnReply done) {
  CheckDelivery("an alarm");
  Model& model = *place_->model;
  if (running_alarm_) model.Violate("two alarms of an object ran at once");
  model.alarms.Begins(instance_.id(), info.scheduled_ms, info.retry_count, NowMs());
  std::optional<int64_t> seen = AlarmOf(shadow_);
  if (seen != info.scheduled_ms && !(!seen && model.alarms.Failed(info.scheduled_ms))) {
    model.Violate("an alarm ran that is not the one that was set");
  }
  shadow_.erase(kAlarmKey);
  auto run = std::make_shared<Run>();
  run->script = place_->socket_script();
  if (place_->loop->random().Below(3) == 0) run->script.push_back({Op::kThrow});
  run->reply = std::move(done);
  run->alarm = running_alarm_ = info.scheduled_ms;
  if (!Busy()) return TurnUnder(std::move(lock), [this, run](Lock& lock) { Go(run, lock); });
  auto held = std::make_shared<Lock>(std::move(lock));
  WhenFree([this, held, run] { TurnUnder(std::move(*held), [this, run](Lock& lock) { Go(run, lock); }); });
}

bool FakeCode::DoAlarm(const RunRef& run, Step step, Lock& lock) {
  object::Storage& storage = instance_.storage();
  Alarms& alarms = place_->model->alarms;
  if (step.op == Op::kGetAlarm) {
    std::optional<int64_t> want = AlarmOf(shadow_);
    auto check = [this, want, running = running_alarm_](const std::optional<int64_t>& got) {
      // Between a try that failed and the next it is there, from some moment on.
      bool retried = got && !want && got != running && place_->model->alarms.Failed(*got);
      if (got != want && !retried) place_->model->Violate("getAlarm() answered something else than was set");
    };
    return Settle(storage.GetAlarm(lock, {}, Then<std::optional<int64_t>>(run, true, check)), run, true, lock, check);
  }
  auto done = [](Result<Done>, Lock) {};
  NumberWrite(lock, true);
  if (step.op == Op::kDeleteAlarm) {
    alarms.Overridden(instance_.id());
    shadow_.erase(kAlarmKey);
    auto now = storage.DeleteAlarm(lock, {}, done);
    return true;
  }
  int64_t soon = step.number % 4 == 0 ? step.number / 4 % 20'000 : step.number / 4 % 40;
  int64_t time = alarms.Set(instance_.id(), NowMs() + 1 + soon);
  shadow_[kAlarmKey] = std::to_string(time);
  auto now = storage.SetAlarm(lock, time, {}, done);
  return true;
}

// What it writes counts as all else: an instance that was not disturbed leaves nothing behind that is not on disk.
void FakeCode::PreShutdown(InputLock lock, object::ShutdownReason, object::OnReply done) {
  CheckDelivery("preShutdown");
  shutting_down_ = true;
  auto run = std::make_shared<Run>();
  run->script = {{Op::kPut, 1}, {place_->loop->random().Below(2) == 0 ? Op::kSleep : Op::kGet, 2000}, {Op::kPut, 2}};
  run->reply = std::move(done);
  TurnUnder(std::move(lock), [this, run](Lock& lock) { Go(run, lock); });
}

}  // namespace limpet::sim
