#include "object/ids.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

namespace limpet::object {

IdCodec::IdCodec(NamespaceId ns, std::string_view unique_key) : ns_(ns) {
  SHA256(reinterpret_cast<const uint8_t*>(unique_key.data()), unique_key.size(), key_.data());
}

std::array<uint8_t, 32> IdCodec::Mac(BytesView data) const {
  std::array<uint8_t, 32> out;
  unsigned size = 0;
  const uint8_t* made = HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                             reinterpret_cast<const uint8_t*>(data.data()), data.size(), out.data(), &size);
  LIMPET_CHECK(made != nullptr && size == out.size());
  return out;
}

ObjectId IdCodec::FromName(std::string_view name) const {
  ObjectId id{.ns = ns_};
  std::array<uint8_t, 32> mac = Mac(name);
  std::copy_n(mac.begin(), id.base.size(), id.base.begin());
  return id;
}

ObjectId IdCodec::NewUnique(Random& random) const {
  ObjectId id{.ns = ns_};
  random.Fill(id.base);
  return id;
}

Result<ObjectId> IdCodec::FromString(std::string_view hex) const {
  std::optional<Bytes> bytes = hex.size() == 64 ? FromHex(hex) : std::nullopt;
  if (!bytes) return Error::Script("TypeError", "Invalid Durable Object ID: must be 64 hex digits");
  ObjectId id{.ns = ns_};
  std::memcpy(id.base.data(), bytes->data(), id.base.size());
  std::array<uint8_t, 32> mac = Mac(BytesView(*bytes).substr(0, 16));
  // The MAC is no secret (whoever holds the ID holds it), so the time of this comparison tells nothing.
  if (std::memcmp(mac.data(), bytes->data() + 16, 16) != 0) {
    return Error::Script("TypeError", "Durable Object ID is not valid for this namespace.");
  }
  return id;
}

std::string IdCodec::ToString(const ObjectId& id) const {
  BytesView base(reinterpret_cast<const char*>(id.base.data()), id.base.size());
  std::array<uint8_t, 32> mac = Mac(base);
  return ToHex(base) + ToHex(BytesView(reinterpret_cast<const char*>(mac.data()), 16));
}

}  // namespace limpet::object
