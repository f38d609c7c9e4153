// The output gate of an object: what an outsider can observe waits here until the writes before it are durable.
#pragma once

#include <list>
#include <memory>

#include "base/function.h"
#include "base/result.h"

namespace limpet::object {

class OutputHost {
 public:
  virtual ~OutputHost() = default;
  // False from the moment the claim's time is over: the host breaks the object in this call.
  virtual bool ClaimHolds() = 0;
  virtual void RunOutput(UniqueFunction<void(Result<Done>)>& then, Result<Done> result) = 0;
};

// Writes are numbered by the write cache; durable ones come in order. One thread.
class OutputGate {
 public:
  using Then = UniqueFunction<void(Result<Done>)>;
  explicit OutputGate(OutputHost& host) : host_(host) {}

  // A confirmed write with this number was issued.
  void LockUpTo(uint64_t write) { locked_ = write; }
  // All writes up to this one are durable.
  void DurableUpTo(uint64_t write);
  // Waits for the locks taken before this call. At once if there are none; callbacks keep the order of the calls.
  void WhenDurable(Then then);
  // WhenDurable would call back at once, with success.
  bool IsFree() { return !error_ && locked_ <= durable_ && waiters_.empty() && host_.ClaimHolds(); }
  uint64_t mark() const { return locked_; }
  void MarkBroken(const Error& error);
  void RejectAll();  // From the loop, after MarkBroken.

 private:
  struct Waiter {
    uint64_t write;
    Then then;
  };
  OutputHost& host_;
  std::unique_ptr<Error> error_;  // Why it is broken.
  std::list<Waiter> waiters_;
  uint64_t locked_ = 0;
  uint64_t durable_ = 0;
};

}  // namespace limpet::object
