// The inside of the input gate (gate.h): the root gate of an instance and its critical sections.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "base/function.h"
#include "base/result.h"
#include "object/deadlines.h"
#include "object/gate.h"

namespace limpet::object {

inline constexpr uint32_t kCriticalDepthMax = 64;

// What a gate asks of its instance.
class GateHost {
 public:
  virtual ~GateHost() = default;
  // Call node->RunNext() from the loop.
  virtual void GateRunnable(GateRef node) = 0;
  // Runs `ready` as a turn of the instance's code.
  virtual void RunUnderLock(OnLock& ready, Result<InputLock> lock) = 0;
  // The last lock of the root gate was released, and nobody waits. Called often, from anywhere.
  virtual void GateFree() {}
  virtual void SectionStarted(GateNode& section) = 0;
  virtual void SectionTimedOut() = 0;
  // A running section was dropped: it can never end.
  virtual void SectionDropped(Error error) = 0;
};

class GateNode : public std::enable_shared_from_this<GateNode> {
 public:
  static GateRef MakeRoot(GateHost& host);
  explicit GateNode(GateHost* host) : deadline(this), host_(host), root_(this), state_(State::kRunning) {}
  explicit GateNode(GateRef parent);
  ~GateNode();
  GateNode(const GateNode&) = delete;
  GateNode& operator=(const GateNode&) = delete;

  Result<GateRef> BeginSection();
  // For the turn under way, or an event that has its turn in the gate. A section's first lock comes through Wait.
  InputLock Lock();
  // `ready` at once if the gate is free and nobody waits, else in its turn.
  void Wait(OnLock ready);
  // The same, but never at once.
  void Queue(OnLock ready);
  InputLock EndSection(InputLock lock);
  void RunNext();
  void TimedOut();  // This section's deadline has passed.
  // Root only. After MarkBroken nobody is let in; RejectAll tells those who wait (from the loop); Detach ends the
  // relation to the host, which is about to go.
  void MarkBroken(const Error& error);
  void RejectAll();
  void Detach();

  bool broken() const { return root_->error_ != nullptr; }
  bool is_section() const { return parent_ != nullptr; }
  bool locked() { return Target()->locks_ > 0; }
  bool has_waiters() const { return !waiters_.empty() || !children_.empty(); }

  Deadlines<GateNode>::Node deadline;  // Of a section: set by the host when it starts.

 private:
  friend class InputLock;
  enum class State : uint8_t { kNotStarted, kWaiting, kRunning, kReparented };
  GateNode* Target();  // This, or the first ancestor that has not ended.
  void AddLock() { ++Target()->locks_; }
  void ReleaseLock();
  void Schedule();

  GateHost* host_ = nullptr;         // Root only.
  GateNode* root_;                   // Kept alive by the chain of parents.
  GateRef parent_;                   // Null: the root.
  InputLock parent_lock_;            // Held while this section runs.
  std::unique_ptr<Error> error_;     // Root only: why it is broken.
  std::vector<GateNode*> sections_;  // Root only: all that live.
  std::list<GateRef> children_;      // Sections that wait to start.
  std::list<OnLock> waiters_;
  uint32_t locks_ = 0;
  uint32_t depth_ = 0;
  State state_ = State::kNotStarted;
  bool scheduled_ = false;
};

}  // namespace limpet::object
