#include "worker/isolate_stock.h"

#include <utility>

namespace limpet::worker {
namespace {

constexpr std::chrono::milliseconds kRefillDelay{5};  // What the last one was taken for goes on first.

}  // namespace

IsolateStock::IsolateStock(js::Runtime& js, loop::AsioLoop& loop, js::IsolateOptions options)
    : js_(js), loop_(loop), options_(std::move(options)) {
  RefillAfter(Duration::zero());
}

IsolateStock::~IsolateStock() {
  if (timer_ != 0) loop_.Cancel(timer_);
}

Result<std::unique_ptr<js::Isolate>> IsolateStock::Take(UniqueFunction<void(Error)> on_dead) {
  if (spare_ == nullptr || spare_->dead()) return js::Isolate::Make(js_, loop_, options_, std::move(on_dead));
  spare_->set_on_dead(std::move(on_dead));
  return std::move(spare_);
}

void IsolateStock::Refill() { RefillAfter(kRefillDelay); }

void IsolateStock::RefillAfter(Duration delay) {
  if (timer_ != 0) return;
  timer_ = loop_.After(delay, [this] {
    timer_ = 0;
    if (spare_ != nullptr && !spare_->dead()) return;
    Result<std::unique_ptr<js::Isolate>> made = js::Isolate::Make(js_, loop_, options_, nullptr);
    if (made.has_value()) spare_ = std::move(made).value();  // Else whoever needs one hears of it.
  });
}

}  // namespace limpet::worker
