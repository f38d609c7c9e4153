#include "object/output_gate.h"

#include <utility>

#include "object/mutations.h"

namespace limpet::object {

void OutputGate::DurableUpTo(uint64_t write) {
  durable_ = write;
  // A callback may issue more outputs, and may run the loop in a nested way: the front is looked at anew each time.
  while (!waiters_.empty() && waiters_.front().write <= durable_ && !error_) {
    if (!host_.ClaimHolds()) return;
    Then then = std::move(waiters_.front().then);
    waiters_.pop_front();
    host_.RunOutput(then, Done{});
  }
}

void OutputGate::WhenDurable(Then then) {
  if (error_) return host_.RunOutput(then, *error_);
  bool free = locked_ <= durable_ && waiters_.empty();
  if (LIMPET_MUTANT(output_gate_open)) free = true;
  if (LIMPET_MUTANT(output_order_lost) && locked_ > durable_ && !waiters_.empty()) {
    waiters_.push_front({locked_, std::move(then)});
    return;
  }
  if (free && !host_.ClaimHolds()) return host_.RunOutput(then, *error_);
  if (free) return host_.RunOutput(then, Done{});
  waiters_.push_back({locked_, std::move(then)});
}

void OutputGate::MarkBroken(const Error& error) {
  if (!error_) error_ = std::make_unique<Error>(error);
}

void OutputGate::RejectAll() {
  while (!waiters_.empty()) {
    Then then = std::move(waiters_.front().then);
    waiters_.pop_front();
    host_.RunOutput(then, *error_);
  }
}

}  // namespace limpet::object
