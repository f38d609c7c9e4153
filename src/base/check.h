// LIMPET_CHECK guards our own mistakes, in every build. Outside input (scripts, requests, files) never reaches one.
#pragma once

namespace limpet {

[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace limpet

#define LIMPET_CHECK(condition) \
  (__builtin_expect(static_cast<bool>(condition), 1) ? void(0) : ::limpet::CheckFailed(#condition, __FILE__, __LINE__))
