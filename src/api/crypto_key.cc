#define OPENSSL_SUPPRESS_DEPRECATED  // Only the low-level calls make a key at its price.
#include "api/crypto_key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rsa.h>

#include <utility>

#include "api/crypto_ecdsa.h"

namespace limpet::api {
namespace {

using RsaPtr = std::unique_ptr<RSA, FreeWith<RSA_free>>;
using EcPtr = std::unique_ptr<EC_KEY, FreeWith<EC_KEY_free>>;

const uint8_t* Data(BytesView view) { return reinterpret_cast<const uint8_t*>(view.data()); }

NumberPtr Number(BytesView big_endian) {
  return NumberPtr(BN_bin2bn(Data(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

KeyPtr MakeRsa(BytesView modulus, BytesView exponent) {
  RsaPtr rsa(RSA_new());
  KeyPtr key(EVP_PKEY_new());
  bool made = RSA_set0_key(rsa.get(), Number(modulus).release(), Number(exponent).release(), nullptr) == 1 &&
              EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1;
  return made ? std::move(key) : nullptr;
}

KeyPtr MakeElliptic(const Curve& curve, BytesView point_bytes, BytesView scalar) {
  const EC_GROUP* group = GroupOf(curve);
  PointPtr point(EC_POINT_new(group));
  EcPtr made(EC_KEY_new());
  KeyPtr key(EVP_PKEY_new());
  if (EC_POINT_oct2point(group, point.get(), Data(point_bytes), point_bytes.size(), nullptr) != 1 ||
      EC_KEY_set_group(made.get(), group) != 1 || EC_KEY_set_public_key(made.get(), point.get()) != 1 ||
      (!scalar.empty() && EC_KEY_set_private_key(made.get(), Number(scalar).get()) != 1) ||
      EVP_PKEY_set1_EC_KEY(key.get(), made.get()) != 1) {
    return nullptr;
  }
  return key;
}

}  // namespace

const Curve* CurveOf(KeyType type) {
  for (const Curve& curve : kCurves) {
    if (curve.type == type) return &curve;
  }
  return nullptr;
}

const EC_GROUP* GroupOf(const Curve& curve) {
  static const auto kGroups = [] {
    std::array<const EC_GROUP*, kCurves.size()> groups{};
    for (size_t i = 0; i < groups.size(); ++i) groups[i] = EC_GROUP_new_by_curve_name(kCurves[i].nid);
    return groups;
  }();
  return kGroups[static_cast<size_t>(&curve - kCurves.data())];
}

Key::Key(KeyPtr made) : made_(std::move(made)) {}

Key::Key(KeyType type, BytesView first, BytesView second) : type_(type), first_(first), second_(second) {}

std::unique_ptr<Key> Key::Rsa(BytesView modulus, BytesView exponent) {
  return std::unique_ptr<Key>(new Key(KeyType::kRsa, modulus, exponent));
}

std::unique_ptr<Key> Key::Elliptic(const Curve& curve, BytesView point, BytesView scalar) {
  return std::unique_ptr<Key>(new Key(curve.type, point, scalar));
}

Key::~Key() { OPENSSL_cleanse(second_.data(), second_.size()); }

EVP_PKEY* Key::Made() {
  if (!made_ && !first_.empty()) {
    const Curve* curve = CurveOf(type_);
    made_ = curve != nullptr ? MakeElliptic(*curve, first_, second_) : MakeRsa(first_, second_);
  }
  return made_.get();
}

RSA* Key::RsaForm() {
  EVP_PKEY* key = Made();
  bool is = key != nullptr && (EVP_PKEY_get_id(key) == EVP_PKEY_RSA || EVP_PKEY_get_id(key) == EVP_PKEY_RSA_PSS);
  return is ? const_cast<RSA*>(EVP_PKEY_get0_RSA(key)) : nullptr;
}

EC_KEY* Key::EllipticForm() {
  EVP_PKEY* key = Made();
  bool is = key != nullptr && EVP_PKEY_get_id(key) == EVP_PKEY_EC;
  return is ? const_cast<EC_KEY*>(EVP_PKEY_get0_EC_KEY(key)) : nullptr;
}

const EcdsaVerifier* Key::Verifier() {
  if (verifier_) return verifier_.get();
  const Curve* curve = CurveOf(type());
  if (curve == nullptr) return nullptr;
  uint8_t bytes[1 + 2 * 66];
  BytesView point = first_;
  if (point.empty()) {
    const EC_POINT* made = EC_KEY_get0_public_key(EllipticForm());
    size_t size = made == nullptr ? 0
                                  : EC_POINT_point2oct(GroupOf(*curve), made, POINT_CONVERSION_UNCOMPRESSED, bytes,
                                                       sizeof bytes, nullptr);
    point = {reinterpret_cast<const char*>(bytes), size};
  }
  if (point.size() != 1 + 2 * curve->bytes) return nullptr;
  verifier_ = EcdsaVerifier::Make(*curve, point);
  return verifier_.get();
}

KeyType Key::type() {
  if (!first_.empty()) return type_;
  switch (made_ ? EVP_PKEY_get_id(made_.get()) : EVP_PKEY_NONE) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS: return KeyType::kRsa;
    case EVP_PKEY_ED25519: return KeyType::kEd25519;
    case EVP_PKEY_X25519: return KeyType::kX25519;
    case EVP_PKEY_EC: break;
    default: return KeyType::kOther;
  }
  const EC_KEY* form = EllipticForm();
  int nid = form == nullptr ? NID_undef : EC_GROUP_get_curve_name(EC_KEY_get0_group(form));
  for (const Curve& curve : kCurves) {
    if (curve.nid == nid) return curve.type;
  }
  return KeyType::kOtherCurve;
}

size_t Key::modulus_bytes() { return first_.empty() ? static_cast<size_t>(EVP_PKEY_get_size(Made())) : first_.size(); }

std::optional<uint32_t> Key::exponent() {
  NumberPtr number;
  if (first_.empty()) {
    BIGNUM* found = nullptr;
    if (EVP_PKEY_get_bn_param(Made(), OSSL_PKEY_PARAM_RSA_E, &found) != 1) return std::nullopt;
    number.reset(found);
  } else {
    number = Number(second_);
  }
  if (BN_num_bits(number.get()) > 32) return std::nullopt;
  return static_cast<uint32_t>(BN_get_word(number.get()));
}

v8::MaybeLocal<v8::Value> NewKeyBox(v8::Isolate* isolate, std::unique_ptr<Key> key) {
  return NewBox(isolate, key.release(), [](void* held) { delete static_cast<Key*>(held); });
}

}  // namespace limpet::api
