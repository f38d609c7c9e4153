#include <algorithm>

#include "object/gate_node.h"
#include "object/mutations.h"

namespace limpet::object {

InputLock::InputLock(InputLock&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}

InputLock& InputLock::operator=(InputLock&& other) noexcept {
  if (this != &other) {
    if (GateRef old = std::exchange(gate_, std::exchange(other.gate_, nullptr))) old->ReleaseLock();
  }
  return *this;
}

InputLock::~InputLock() {
  if (GateRef old = std::exchange(gate_, nullptr)) old->ReleaseLock();
}

InputLock InputLock::AddRef() const {
  if (gate_ == nullptr) return {};
  gate_->AddLock();
  return InputLock(gate_);
}

GateRef GateNode::MakeRoot(GateHost& host) { return std::make_shared<GateNode>(&host); }

GateNode::GateNode(GateRef parent)
    : deadline(this), root_(parent->root_), parent_(std::move(parent)), depth_(parent_->Target()->depth_ + 1) {
  root_->sections_.push_back(this);
}

GateNode::~GateNode() {
  if (parent_ == nullptr) return;
  std::erase(root_->sections_, this);
  if (state_ == State::kRunning && root_->host_ != nullptr && !broken()) {
    root_->host_->SectionDropped(
        Error(ErrorCode::kScript,
              "A critical section within this Durable Object awaited a Promise that apparently will never complete. "
              "This could happen in particular if a critical section awaits a task that was initiated outside of the "
              "critical section. Since a critical section blocks all other tasks from completing, this leads to "
              "deadlock."));
  }
}

Result<GateRef> GateNode::BeginSection() {
  if (broken()) return *root_->error_;
  GateNode* target = Target();
  if (target->depth_ >= kCriticalDepthMax) {
    return Error(ErrorCode::kOverloaded, "blockConcurrencyWhile() calls are nested too deeply.");
  }
  return std::make_shared<GateNode>(target->shared_from_this());
}

GateNode* GateNode::Target() {
  GateNode* node = this;
  while (node->state_ == State::kReparented) node = node->parent_.get();
  return node;
}

InputLock GateNode::Lock() {
  AddLock();
  return InputLock(shared_from_this());
}

void GateNode::ReleaseLock() {
  GateNode* target = Target();
  LIMPET_CHECK(target->locks_ > 0);
  if (--target->locks_ > 0) return;
  target->Schedule();
  if (target->parent_ == nullptr && target->host_ != nullptr && !target->has_waiters()) target->host_->GateFree();
}

void GateNode::Wait(OnLock ready) {
  GateNode* target = Target();
  if (!broken() && target->state_ == State::kRunning && target->locks_ == 0 && !target->has_waiters()) {
    InputLock lock = target->Lock();
    root_->host_->RunUnderLock(ready, std::move(lock));
    return;
  }
  target->Queue(std::move(ready));
}

void GateNode::Queue(OnLock ready) {
  GateNode* target = Target();
  if (target != this) return target->Queue(std::move(ready));
  if (broken()) {
    if (root_->host_ != nullptr) root_->host_->RunUnderLock(ready, *root_->error_);
    return;
  }
  waiters_.push_back(std::move(ready));
  if (state_ == State::kNotStarted) {
    state_ = State::kWaiting;
    GateNode* parent = parent_->Target();
    parent->children_.push_back(shared_from_this());
    parent->Schedule();
    return;
  }
  Schedule();
}

void GateNode::Schedule() {
  bool blocked = locks_ > 0 && !(LIMPET_MUTANT(two_waiters_at_once) && !is_section());
  if (scheduled_ || blocked || !has_waiters() || state_ != State::kRunning || broken()) return;
  if (root_->host_ == nullptr) return;
  scheduled_ = true;
  root_->host_->GateRunnable(shared_from_this());
}

void GateNode::RunNext() {
  scheduled_ = false;
  bool blocked = locks_ > 0 && !(LIMPET_MUTANT(two_waiters_at_once) && !is_section());
  if (blocked || broken() || root_->host_ == nullptr || state_ != State::kRunning) return;
  GateRef next = shared_from_this();
  GateRef self = next;
  if (!children_.empty()) {
    next = std::move(children_.front());
    children_.pop_front();
    if (!LIMPET_MUTANT(gate_open_during_critical)) next->parent_lock_ = Lock();
    next->state_ = State::kRunning;
    root_->host_->SectionStarted(*next);
  }
  if (next->waiters_.empty()) return Schedule();
  OnLock ready = std::move(next->waiters_.front());
  next->waiters_.pop_front();
  root_->host_->RunUnderLock(ready, next->Lock());
  self->Target()->Schedule();
}

void GateNode::TimedOut() {
  if (root_->host_ != nullptr) root_->host_->SectionTimedOut();
}

InputLock GateNode::EndSection(InputLock lock) {
  if (broken() || state_ != State::kRunning || parent_ == nullptr) return {};
  deadline.Unlink();
  GateNode* parent = parent_->Target();
  parent->children_.splice(parent->children_.end(), children_);
  parent->waiters_.splice(parent->waiters_.end(), waiters_);
  parent->locks_ += std::exchange(locks_, 0);
  state_ = State::kReparented;
  InputLock result = std::move(parent_lock_);
  return result ? std::move(result) : parent->Lock();
}

void GateNode::MarkBroken(const Error& error) {
  LIMPET_CHECK(parent_ == nullptr);
  if (!error_) error_ = std::make_unique<Error>(error);
}

void GateNode::RejectAll() {
  std::vector<GateRef> nodes{shared_from_this()};
  for (GateNode* section : sections_) nodes.push_back(section->shared_from_this());
  for (GateRef& node : nodes) {
    std::list<GateRef> children = std::exchange(node->children_, {});
    std::list<OnLock> waiters = std::exchange(node->waiters_, {});
    for (OnLock& ready : waiters) {
      if (host_ != nullptr) host_->RunUnderLock(ready, *error_);
    }
  }
}

void GateNode::Detach() {
  host_ = nullptr;
  for (GateNode* section : sections_) section->deadline.Unlink();
}

}  // namespace limpet::object
