// Checks UTF-8 that comes in pieces (Encoding standard, "UTF-8 decoder"): a character may be cut anywhere. Pure.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace limpet::net {

class Utf8Checker {
 public:
  // False as soon as no continuation could make it valid; then of no further use.
  bool Add(std::string_view bytes) {
    const char* at = bytes.data();
    const char* end = at + bytes.size();
    while (at < end) {
      if (needed_ == 0) {
        for (uint64_t word; end - at >= 8; at += 8) {  // Mostly ASCII, as text on the web is.
          std::memcpy(&word, at, sizeof word);
          if ((word & 0x8080808080808080) != 0) break;
        }
        if (at == end) break;
      }
      if (!AddByte(static_cast<uint8_t>(*at++))) return false;
    }
    return true;
  }
  bool complete() const { return needed_ == 0; }  // Not inside a character.

 private:
  bool AddByte(uint8_t byte) {
    if (needed_ > 0) {
      if (byte < lower_ || byte > upper_) return false;
      lower_ = 0x80, upper_ = 0xbf;
      --needed_;
      return true;
    }
    if (byte < 0x80) return true;
    if (byte < 0xc2 || byte > 0xf4) return false;
    needed_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (byte == 0xe0) lower_ = 0xa0;  // Shorter forms exist.
    if (byte == 0xf0) lower_ = 0x90;
    if (byte == 0xed) upper_ = 0x9f;  // Surrogates.
    if (byte == 0xf4) upper_ = 0x8f;  // Beyond U+10FFFF.
    return true;
  }

  uint8_t needed_ = 0, lower_ = 0x80, upper_ = 0xbf;
};

}  // namespace limpet::net
