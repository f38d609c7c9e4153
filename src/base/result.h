// Expected failures are values: Result<T> holds a T or an Error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace limpet {

enum class ErrorCode : uint8_t {
  kInvalidArgument,  // The caller's input is wrong; the same call will fail again.
  kNotFound,
  kConflict,     // The state does not allow it (exists already, precondition failed).
  kWouldBlock,   // Memory has no answer; ask again in the way that may block.
  kUnavailable,  // Disk, network or peer; the outcome of a write is unknown.
  kCorrupt,      // A checksum does not match; never retried.
  kFenced,       // The claim is lost: nothing was written.
  kCanceled,     // Whoever asked has gone, or shutdown.
  kOverloaded,   // A named limit is reached.
  kScript,       // A script threw; name and message are its own.
  kInternal,
};
std::string_view ErrorCodeName(ErrorCode code);

// What went wrong, and how a script would see it: class name `name`, text `message`, and the flags of spec/api.md
// section 11 (`.remote`, `.retryable`, `.overloaded`, `.durableObjectReset`).
class [[nodiscard]] Error {
 public:
  enum Flag : uint8_t { kRemote = 1, kRetryable = 2, kOverloaded = 4, kObjectReset = 8 };

  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  static Error Script(std::string name, std::string message) {
    Error error(ErrorCode::kScript, std::move(message));
    error.name_ = std::move(name);
    return error;
  }

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& name() const { return name_; }    // "Error", "TypeError", "RangeError", …
  const std::string& stack() const { return stack_; }  // Of a script's error, for logs; may be empty.
  bool Has(Flag flag) const { return (flags_ & flag) != 0; }

  // By value: `error = std::move(error).With(...)` must not move an Error onto itself.
  Error With(Flag flag) && { return flags_ |= flag, std::move(*this); }
  Error Named(std::string name) && { return name_ = std::move(name), std::move(*this); }
  Error WithStack(std::string stack) && { return stack_ = std::move(stack), std::move(*this); }
  // Prefixes what was being attempted: "open store: no space left".
  Error While(std::string_view attempt) &&;

  // For logs and people: "unavailable: open store: no space left".
  std::string ToString() const;

 private:
  ErrorCode code_;
  uint8_t flags_ = 0;
  std::string name_ = "Error";
  std::string message_;
  std::string stack_;
};

// The value of a success that has nothing to say.
struct Done {};

template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design.
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design.

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & { return LIMPET_CHECK(has_value()), *std::get_if<0>(&state_); }
  const T& value() const& { return LIMPET_CHECK(has_value()), *std::get_if<0>(&state_); }
  T&& value() && { return LIMPET_CHECK(has_value()), std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  T* operator->() { return &value(); }
  Error& error() & { return LIMPET_CHECK(!has_value()), *std::get_if<1>(&state_); }
  const Error& error() const& { return LIMPET_CHECK(!has_value()), *std::get_if<1>(&state_); }
  Error&& error() && { return LIMPET_CHECK(!has_value()), std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace limpet

#define LIMPET_CONCAT_(a, b) a##b
#define LIMPET_CONCAT(a, b) LIMPET_CONCAT_(a, b)

// LIMPET_TRY(declaration, expression): returns the Error of `expression`, or declares its value.
#define LIMPET_TRY_(temporary, declaration, leave, ...)           \
  auto temporary = (__VA_ARGS__);                                 \
  if (!temporary.has_value()) leave std::move(temporary).error(); \
  declaration = std::move(temporary).value()
#define LIMPET_TRY(declaration, ...) LIMPET_TRY_(LIMPET_CONCAT(try_, __LINE__), declaration, return, __VA_ARGS__)
#define LIMPET_CO_TRY(declaration, ...) LIMPET_TRY_(LIMPET_CONCAT(try_, __LINE__), declaration, co_return, __VA_ARGS__)
