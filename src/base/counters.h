// Counters and gauges for /metrics. Made at start-up by their owners, read by the control plane.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace limpet {

// Any thread. Relaxed: a reading is a little old, never torn.
class Counter {
 public:
  void Add(int64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

class Counters {
 public:
  enum class Kind : uint8_t { kCounter, kGauge };
  // `name` as Prometheus wants it, e.g. "limpet_requests_total"; `labels` like `shard="0"` or empty. The reference
  // lives as long as this registry. Any thread, but not on a hot path: it locks.
  Counter& Make(Kind kind, std::string name, std::string help, std::string labels = {});
  // Prometheus text format 0.0.4.
  std::string ToPrometheus() const;

 private:
  struct Entry {
    Kind kind;
    std::string name, help, labels;
    Counter counter;
  };
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
};

}  // namespace limpet
