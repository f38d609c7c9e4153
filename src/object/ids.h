// The IDs of Durable Objects as scripts see them (spec: 32 bytes, the second half authenticates the first within its
// namespace). Pure; any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"

namespace limpet::object {

// The codec of one namespace. `unique_key` never changes while the namespace lives: stored IDs depend on it.
class IdCodec {
 public:
  IdCodec(NamespaceId ns, std::string_view unique_key);
  // Deterministic and one-way; any bytes, any length.
  ObjectId FromName(std::string_view name) const;
  ObjectId NewUnique(Random& random) const;
  // 64 hex digits of either case. TypeError: "Invalid Durable Object ID: must be 64 hex digits", or "Durable Object ID
  // is not valid for this namespace."
  Result<ObjectId> FromString(std::string_view hex) const;
  std::string ToString(const ObjectId& id) const;  // Lower case.
  NamespaceId ns() const { return ns_; }

 private:
  std::array<uint8_t, 32> Mac(BytesView data) const;
  NamespaceId ns_;
  std::array<uint8_t, 32> key_;
};

}  // namespace limpet::object
