#include "base/result.h"

namespace limpet {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid argument";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kWouldBlock: return "would block";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kFenced: return "fenced";
    case ErrorCode::kCanceled: return "canceled";
    case ErrorCode::kOverloaded: return "overloaded";
    case ErrorCode::kScript: return "script";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";
}

Error Error::While(std::string_view attempt) && {
  message_.insert(0, ": ");
  message_.insert(0, attempt);
  return std::move(*this);
}

std::string Error::ToString() const {
  if (code_ == ErrorCode::kScript) return name_ + ": " + message_;
  return std::string(ErrorCodeName(code_)) + ": " + message_;
}

}  // namespace limpet
