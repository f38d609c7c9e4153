// Deadlines that many owners set, renew and drop, with one timer of the loop. Nearly sorted arrival (each list has one
// duration) makes every operation O(1). One thread.
#pragma once

#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/function.h"
#include "loop/loop.h"

namespace limpet::object {

template <typename Owner>
class Deadlines {
 public:
  // Lives in its owner, which unlinks it (or is destroyed) before the list is.
  class Node {
   public:
    explicit Node(Owner* owner) : owner_(owner) {}
    ~Node() { Unlink(); }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    bool linked() const { return list_ != nullptr; }
    Instant due() const { return due_; }  // If linked.
    void Unlink() {
      if (list_ != nullptr) std::exchange(list_, nullptr)->Remove(*this);
    }

   private:
    friend class Deadlines;
    Owner* owner_;
    Deadlines* list_ = nullptr;
    Node* before_ = nullptr;
    Node* after_ = nullptr;
    Instant due_{};
  };

  // `on_due` gets each owner whose time has come, unlinked, from a closure of the loop.
  Deadlines(loop::Loop& loop, UniqueFunction<void(Owner&)> on_due) : loop_(loop), on_due_(std::move(on_due)) {}
  ~Deadlines() {
    while (first_ != nullptr) first_->Unlink();
    loop_.Cancel(timer_);
  }
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  void Set(Node& node, Instant due) {
    node.Unlink();
    Node* before = last_;
    while (before != nullptr && before->due_ > due) before = before->before_;
    node.list_ = this;
    node.due_ = due;
    node.before_ = before;
    node.after_ = before != nullptr ? before->after_ : first_;
    (node.after_ != nullptr ? node.after_->before_ : last_) = &node;
    (before != nullptr ? before->after_ : first_) = &node;
    Arm();
  }

 private:
  void Remove(Node& node) {
    (node.before_ != nullptr ? node.before_->after_ : first_) = node.after_;
    (node.after_ != nullptr ? node.after_->before_ : last_) = node.before_;
    node.before_ = node.after_ = nullptr;
  }
  // A timer that is too early stays: it finds nothing due and sets the next one.
  void Arm() {
    if (first_ == nullptr || (timer_ != 0 && armed_ <= first_->due_)) return;
    loop_.Cancel(timer_);
    armed_ = first_->due_;
    timer_ = loop_.After(armed_ - loop_.Now(), [this] { Fire(); });
  }
  void Fire() {
    timer_ = 0;
    Instant now = loop_.Now();
    while (first_ != nullptr && first_->due_ <= now) {
      Owner* owner = first_->owner_;
      first_->Unlink();
      on_due_(*owner);
    }
    Arm();
  }

  loop::Loop& loop_;
  UniqueFunction<void(Owner&)> on_due_;
  Node* first_ = nullptr;
  Node* last_ = nullptr;
  loop::TimerId timer_ = 0;
  Instant armed_{};
};

}  // namespace limpet::object
