// Bytes are octets, not text: any value, any length, NUL included.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace limpet {

using Bytes = std::string;
using BytesView = std::string_view;

std::string ToHex(BytesView bytes);                   // Lower case.
std::optional<Bytes> FromHex(std::string_view text);  // Either case; nothing if it is not hex.
bool IsUtf8(BytesView bytes);
// Replaces each ill-formed sequence by U+FFFD (Encoding standard, "utf-8 decode without BOM").
std::string ToValidUtf8(BytesView bytes);

// Big-endian, so that the order of bytes is the order of numbers.
void AppendBigEndian64(Bytes& out, uint64_t value);
uint64_t ReadBigEndian64(BytesView bytes);  // The first 8 bytes; the caller has checked that they are there.

// ASCII only, as HTTP compares names.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string ToLowerAscii(std::string_view text);

}  // namespace limpet
