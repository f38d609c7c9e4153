// The identity of a Durable Object.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

namespace limpet {

// A namespace is one class of one script, from its creation by a migration to its deletion. Never used again.
// Namespace 0 is the server's own catalog.
struct NamespaceId {
  uint64_t value = 0;
  auto operator<=>(const NamespaceId&) const = default;
};

// `base` is the first half of the 32-byte ID that scripts see; the second half follows from it and the namespace's
// key (spec/api.md section 2, object::IdCodec).
struct ObjectId {
  NamespaceId ns;
  std::array<uint8_t, 16> base{};
  auto operator<=>(const ObjectId&) const = default;
};

}  // namespace limpet

template <>
struct std::hash<limpet::ObjectId> {
  size_t operator()(const limpet::ObjectId& id) const noexcept {
    // `base` is the output of a keyed hash or random: any 8 bytes of it are as good as a hash.
    uint64_t word = 0;
    std::memcpy(&word, id.base.data(), sizeof word);
    return word ^ (id.ns.value * 0x9E3779B97F4A7C15u);
  }
};
