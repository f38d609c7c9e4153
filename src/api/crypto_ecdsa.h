// ECDSA signatures of one public key are checked here: OpenSSL has P-384 and P-521 without any table, multiplies in
// constant time what is no secret, and begins anew with each signature.
#pragma once

#include <memory>
#include <optional>

#include "api/crypto_key.h"

namespace limpet::api {

// A public key, with multiples of it (2 to 5 KiB). Immutable: any thread.
class EcdsaVerifier {
 public:
  // `point` is a point of `curve`, uncompressed; whoever has it has checked that. Takes about as long as OpenSSL takes
  // to check a signature.
  static std::unique_ptr<const EcdsaVerifier> Make(const Curve& curve, BytesView point);
  virtual ~EcdsaVerifier() = default;

  // Whether `signature` (r and s, big-endian, each as long as a coordinate) is one of what hashes to `digest`.
  // Nothing: not found out, which only numbers that were chosen for it bring about. OpenSSL knows.
  virtual std::optional<bool> Verify(BytesView digest, BytesView signature) const = 0;
};

}  // namespace limpet::api
