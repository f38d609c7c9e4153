// FunctionRef: somebody else's callable, for the length of a call. UniqueFunction: a callable that is moved, never
// copied, so that it can own what it captures. (C++23 has std::move_only_function; we build as C++20.) Captures of up
// to 48 bytes are kept inside.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace limpet {

template <typename Signature>
class UniqueFunction;

template <typename R, typename... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  UniqueFunction(std::nullptr_t) {}  // NOLINT: implicit by design.
  template <typename F, typename = std::enable_if_t<!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
                                                    std::is_invocable_r_v<R, std::decay_t<F>&, Args...>>>
  UniqueFunction(F&& function) {  // NOLINT: implicit by design.
    using Stored = std::decay_t<F>;
    if constexpr (sizeof(Stored) <= kInlineBytes && alignof(Stored) <= alignof(std::max_align_t) &&
                  std::is_nothrow_move_constructible_v<Stored>) {
      new (buffer_) Stored(std::forward<F>(function));
      operations_ = &kInline<Stored>;
    } else {
      *reinterpret_cast<Stored**>(buffer_) = new Stored(std::forward<F>(function));
      operations_ = &kHeap<Stored>;
    }
  }
  UniqueFunction(UniqueFunction&& other) noexcept { Take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      Reset();
      Take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { Reset(); }

  explicit operator bool() const { return operations_ != nullptr; }
  R operator()(Args... args) {
    LIMPET_CHECK(operations_ != nullptr);
    return operations_->call(buffer_, std::forward<Args>(args)...);
  }

 private:
  static constexpr size_t kInlineBytes = 48;
  struct Operations {
    R (*call)(void* buffer, Args&&... args);
    void (*move)(void* from, void* to) noexcept;
    void (*destroy)(void* buffer) noexcept;
  };
  template <typename F>
  static constexpr Operations kInline = {
      [](void* buffer, Args&&... args) -> R { return (*static_cast<F*>(buffer))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept {
        new (to) F(std::move(*static_cast<F*>(from)));
        static_cast<F*>(from)->~F();
      },
      [](void* buffer) noexcept { static_cast<F*>(buffer)->~F(); }};
  template <typename F>
  static constexpr Operations kHeap = {
      [](void* buffer, Args&&... args) -> R { return (**static_cast<F**>(buffer))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept { *static_cast<F**>(to) = *static_cast<F**>(from); },
      [](void* buffer) noexcept { delete *static_cast<F**>(buffer); }};

  void Take(UniqueFunction& other) noexcept {
    if (other.operations_ == nullptr) return;
    operations_ = std::exchange(other.operations_, nullptr);
    operations_->move(other.buffer_, buffer_);
  }
  void Reset() noexcept {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(buffer_);
  }

  const Operations* operations_ = nullptr;
  alignas(std::max_align_t) std::byte buffer_[kInlineBytes];
};

// Refers to a callable that outlives it: a parameter type, never stored.
template <typename Signature>
class FunctionRef;

template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F, typename = std::enable_if_t<!std::is_same_v<std::decay_t<F>, FunctionRef> &&
                                                    std::is_invocable_r_v<R, F&, Args...>>>
  FunctionRef(F&& function)  // NOLINT: implicit by design.
      : object_(const_cast<void*>(static_cast<const void*>(&function))), call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}
  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

}  // namespace limpet
