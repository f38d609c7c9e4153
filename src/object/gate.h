// The input gate of an object (spec/api.md section 4): a count of locks. While it is above zero no new event of any
// kind is delivered; only what continues under a lock of that count may run. Critical sections
// (blockConcurrencyWhile, transaction) are gates inside a gate: they hold one lock of their parent while they run.
//
// One thread. Nothing here knows V8 or the store.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "base/function.h"
#include "base/result.h"

namespace limpet::object {

class GateNode;                             // The root gate of an instance, or a critical section.
using GateRef = std::shared_ptr<GateNode>;  // Where an event belongs: captured when work starts, used to continue it.

// Holds the gate shut for everybody else. Move-only; releasing the last one lets the next waiter in, from the loop of
// the gate's owner, never from inside the release. A lock of a gate that broke or was dropped is empty and harmless.
class InputLock {
 public:
  InputLock() = default;
  InputLock(InputLock&&) noexcept;
  InputLock& operator=(InputLock&&) noexcept;
  InputLock(const InputLock&) = delete;
  ~InputLock();
  InputLock AddRef() const;  // One more lock of the same count.
  const GateRef& gate() const { return gate_; }
  explicit operator bool() const { return gate_ != nullptr; }

 private:
  friend class GateNode;
  explicit InputLock(GateRef gate) : gate_(std::move(gate)) {}
  GateRef gate_;
};

using OnLock = UniqueFunction<void(Result<InputLock>)>;

}  // namespace limpet::object
