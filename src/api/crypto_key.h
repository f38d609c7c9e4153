// What a box of a key holds: one half or both of a pair. Thread: the shard's; destroyed on any (V8 sweeps in the
// background).
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "api/crypto_support.h"

namespace limpet::api {

class EcdsaVerifier;

// As builtins/crypto_public.ts numbers them.
enum class KeyType : uint8_t { kOther, kRsa, kP256, kP384, kP521, kOtherCurve, kEd25519, kX25519 };

// As WebCrypto names it.
struct Curve {
  KeyType type;
  std::string_view name;
  int nid;
  size_t bytes;  // Of a coordinate.
};
inline constexpr std::array<Curve, 3> kCurves = {{{KeyType::kP256, "P-256", NID_X9_62_prime256v1, 32},
                                                  {KeyType::kP384, "P-384", NID_secp384r1, 48},
                                                  {KeyType::kP521, "P-521", NID_secp521r1, 66}}};

// Null: the key is of none of them.
const Curve* CurveOf(KeyType type);

// Made once.
const EC_GROUP* GroupOf(const Curve& curve);

// A key that is imported stays its numbers, checked, until it is first used: OpenSSL's forms of it take longer to make
// than the checks (a key of a curve has a copy of the curve), and many a key is used once or never.
class Key {
 public:
  explicit Key(KeyPtr made);
  // Public; both big-endian, without zeros in front.
  static std::unique_ptr<Key> Rsa(BytesView modulus, BytesView exponent);
  // `point` is uncompressed, as long as the curve has it; `scalar` belongs to it, or is empty (a public key).
  static std::unique_ptr<Key> Elliptic(const Curve& curve, BytesView point, BytesView scalar);
  ~Key();
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  // Null: OpenSSL refused.
  EVP_PKEY* Made();
  // The low-level form; null: of another kind. OpenSSL makes it once for a key that it generated itself.
  RSA* RsaForm();
  EC_KEY* EllipticForm();

  // What checks its signatures, made once; null: not of one of kCurves.
  const EcdsaVerifier* Verifier();

  KeyType type();
  // Of RSA: the length of the modulus, and the exponent unless it is 2^32 or more.
  size_t modulus_bytes();
  std::optional<uint32_t> exponent();

 private:
  Key(KeyType type, BytesView first, BytesView second);

  KeyPtr made_;
  std::unique_ptr<const EcdsaVerifier> verifier_;
  KeyType type_ = KeyType::kOther;  // Of the numbers.
  Bytes first_, second_;            // Modulus and exponent, or point and scalar. Empty: made without them.
};

// Takes the key over, whatever happens. Empty: a RangeError is pending.
v8::MaybeLocal<v8::Value> NewKeyBox(v8::Isolate* isolate, std::unique_ptr<Key> key);
inline Key* UnboxKey(v8::Local<v8::Value> box) { return static_cast<Key*>(Unbox(box)); }

// Null: OpenSSL refused. Takes up to seconds; any thread.
KeyPtr GenerateRsa(int bits, BytesView exponent);

}  // namespace limpet::api
