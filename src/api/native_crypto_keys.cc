// Natives that make, read and write keys of public-key cryptography. A key is a box with an EVP_PKEY; one box serves
// both halves of a pair. What a key may be used for is the built-ins' business, and so are the texts of errors.
#define OPENSSL_SUPPRESS_DEPRECATED  // The parts of a key at hand, without asking a provider for copies.
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "api/crypto_der.h"
#include "api/crypto_support.h"
#include "api/native_list.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;

void ReturnKey(const Info& info, std::unique_ptr<Key> key) {
  v8::Local<v8::Value> box;
  if (key && NewKeyBox(info.GetIsolate(), std::move(key)).ToLocal(&box)) info.GetReturnValue().Set(box);
}

void ReturnKey(const Info& info, KeyPtr key) {
  if (key) ReturnKey(info, std::make_unique<Key>(std::move(key)));
}

void ReturnNumber(const Info& info, int64_t number) {
  info.GetReturnValue().Set(v8::Number::New(info.GetIsolate(), static_cast<double>(number)));
}

NumberPtr ToNumber(const BytesOf& bytes) {
  return NumberPtr(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

NumberPtr NumberParam(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return nullptr;
  return NumberPtr(number);
}

// Null: OpenSSL refused.
KeyPtr KeyFromParams(const char* type, int selection, OSSL_PARAM* params) {
  KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 || EVP_PKEY_fromdata(context.get(), &key, selection, params) != 1) {
    return nullptr;
  }
  return KeyPtr(key);
}

const Curve* FindCurve(std::string_view name) {
  for (const Curve& curve : kCurves) {
    if (curve.name == name) return &curve;
  }
  return nullptr;
}

// keyGenerate(type, bits, exponent): box | undefined. `type`: "RSA", a curve, "Ed25519" or "X25519".
void Generate(const Info& info) {
  QuietErrors quiet;
  std::string type = js::ToUtf8(info.GetIsolate(), info[0]);
  if (type != "RSA") {
    bool curve = FindCurve(type) != nullptr;
    return ReturnKey(info, KeyPtr(curve ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", type.c_str())
                                        : EVP_PKEY_Q_keygen(nullptr, nullptr, type.c_str())));
  }
  if (!info[1]->IsInt32()) return;
  BytesOf exponent(info[2]);
  ReturnKey(info, GenerateRsa(info[1].As<v8::Int32>()->Value(), exponent.view()));
}

// Whether a secret key of a curve is in its range and has the public key that comes with it, which the decoders take as
// it is. True for other keys.
bool IsSoundPair(EVP_PKEY* key) {
  if (EVP_PKEY_get_id(key) != EVP_PKEY_EC) return true;
  KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return EVP_PKEY_private_check(context.get()) == 1 && EVP_PKEY_pairwise_check(context.get()) == 1;
}

// keyFromDer(private, der): box | the number of bytes behind its end | undefined
void FromDer(const Info& info) {
  QuietErrors quiet;
  BytesOf der(info[1]);
  bool secret = info[0]->IsTrue();
  const uint8_t* at = der.data();
  const uint8_t* end = at + der.size();
  auto size = static_cast<long>(der.size());
  if (std::unique_ptr<Key> key = KeyFromUsualDer(secret, der.view())) return ReturnKey(info, std::move(key));
  KeyPtr key(secret ? d2i_AutoPrivateKey(nullptr, &at, size) : d2i_PUBKEY(nullptr, &at, size));
  if (!key || (secret && !IsSoundPair(key.get()))) return;
  // A public key of RSA that is refused above is only right without what stands behind it: the decoders would take BER,
  // even numbers and any parameters.
  size_t used = der.size() - static_cast<size_t>(end - at);
  if (!secret && EVP_PKEY_get_id(key.get()) == EVP_PKEY_RSA && !KeyFromUsualDer(false, der.view().substr(0, used))) {
    return;
  }
  if (at != end) return ReturnNumber(info, end - at);
  ReturnKey(info, std::move(key));
}

// Of a point of the curve, and its scalar if there is one.
std::unique_ptr<Key> EllipticKey(const Curve& curve, const EC_POINT* point, BytesView scalar) {
  uint8_t bytes[1 + 2 * 66];
  size_t size = EC_POINT_point2oct(GroupOf(curve), point, POINT_CONVERSION_UNCOMPRESSED, bytes, sizeof bytes, nullptr);
  if (size == 0) return nullptr;
  return Key::Elliptic(curve, {reinterpret_cast<const char*>(bytes), size}, scalar);
}

enum PointProblem : int { kBadEncoding, kNotOnCurve, kBadCompressed, kInfinity, kBadPrivate, kBadPair };

// keyFromPoint(curve, bytes): box | PointProblem
void FromPoint(const Info& info) {
  QuietErrors quiet;
  const Curve* curve = FindCurve(js::ToUtf8(info.GetIsolate(), info[0]));
  if (curve == nullptr) return;
  BytesOf bytes(info[1]);
  const EC_GROUP* group = GroupOf(*curve);
  PointPtr point(EC_POINT_new(group));
  if (EC_POINT_oct2point(group, point.get(), bytes.data(), bytes.size(), nullptr) != 1) {
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    return ReturnNumber(info, reason == EC_R_POINT_IS_NOT_ON_CURVE      ? kNotOnCurve
                              : reason == EC_R_INVALID_COMPRESSED_POINT ? kBadCompressed
                                                                        : kBadEncoding);
  }
  if (EC_POINT_is_at_infinity(group, point.get()) == 1) return ReturnNumber(info, kInfinity);
  ReturnKey(info, EllipticKey(*curve, point.get(), {}));
}

// keyFromEc(curve, x, y, d | undefined): box | PointProblem
void FromEc(const Info& info) {
  QuietErrors quiet;
  const Curve* curve = FindCurve(js::ToUtf8(info.GetIsolate(), info[0]));
  if (curve == nullptr) return;
  BytesOf x_bytes(info[1]), y_bytes(info[2]), d_bytes(info[3]);
  const EC_GROUP* group = GroupOf(*curve);
  PointPtr point(EC_POINT_new(group));
  NumberPtr x = ToNumber(x_bytes), y = ToNumber(y_bytes);
  if (EC_POINT_set_affine_coordinates(group, point.get(), x.get(), y.get(), nullptr) != 1) {
    return ReturnNumber(info, kNotOnCurve);
  }
  NumberPtr d;
  if (!info[3]->IsUndefined()) {
    d = ToNumber(d_bytes);
    if (BN_is_zero(d.get()) || BN_cmp(d.get(), EC_GROUP_get0_order(group)) >= 0) {
      return ReturnNumber(info, kBadPrivate);
    }
    PointPtr own(EC_POINT_new(group));
    if (EC_POINT_mul(group, own.get(), d.get(), nullptr, nullptr, nullptr) != 1 ||
        EC_POINT_cmp(group, own.get(), point.get(), nullptr) != 0) {
      return ReturnNumber(info, kBadPair);
    }
  }
  ReturnKey(info, EllipticKey(*curve, point.get(), d ? d_bytes.view() : BytesView()));
}

// keyFromRaw("Ed25519" | "X25519", private, bytes): box | undefined
void FromRaw(const Info& info) {
  QuietErrors quiet;
  std::string type = js::ToUtf8(info.GetIsolate(), info[0]);
  BytesOf bytes(info[2]);
  ReturnKey(info,
            KeyPtr(info[1]->IsTrue()
                       ? EVP_PKEY_new_raw_private_key_ex(nullptr, type.c_str(), nullptr, bytes.data(), bytes.size())
                       : EVP_PKEY_new_raw_public_key_ex(nullptr, type.c_str(), nullptr, bytes.data(), bytes.size())));
}

// In the order in which parts cross the seam: n, e, d, p, q, dp, dq, qi.
constexpr std::array<const char*, 8> kRsaParts = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                                  OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                                  OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                                  OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

// keyFromRsa(n, e, …, qi): box | undefined. From d on each may be undefined.
void FromRsa(const Info& info) {
  QuietErrors quiet;
  if (info[2]->IsUndefined()) {
    BytesOf n(info[0]), e(info[1]);
    auto shortest = [](BytesView number) {
      return number.substr(std::min(number.find_first_not_of('\0'), number.size()));
    };
    BytesView modulus = shortest(n.view()), exponent = shortest(e.view());
    if (!modulus.empty() && !exponent.empty()) return ReturnKey(info, Key::Rsa(modulus, exponent));
  }
  BuilderPtr builder(OSSL_PARAM_BLD_new());
  std::array<NumberPtr, kRsaParts.size()> numbers;  // The builder refers to them.
  for (size_t i = 0; i < kRsaParts.size(); ++i) {
    v8::Local<v8::Value> part = info[static_cast<int>(i)];
    if (part->IsUndefined()) continue;
    BytesOf bytes(part);
    numbers[i] = ToNumber(bytes);
    if (OSSL_PARAM_BLD_push_BN(builder.get(), kRsaParts[i], numbers[i].get()) != 1) return;
  }
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  ReturnKey(info, KeyFromParams("RSA", numbers[2] ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params.get()));
}

// keyType(box): a KeyType
void Type(const Info& info) {
  QuietErrors quiet;
  Key* key = UnboxKey(info[0]);
  if (key != nullptr) info.GetReturnValue().Set(static_cast<int>(key->type()));
}

// keyRsa(box): [bytes of the modulus, exponent | -1 if it is 2^32 or more]. Of an RSA key.
void RsaSizes(const Info& info) {
  QuietErrors quiet;
  v8::Isolate* isolate = info.GetIsolate();
  Key* key = UnboxKey(info[0]);
  if (key == nullptr || key->type() != KeyType::kRsa) return;
  std::optional<uint32_t> exponent = key->exponent();
  v8::Local<v8::Value> sizes[] = {v8::Number::New(isolate, static_cast<double>(key->modulus_bytes())),
                                  v8::Number::New(isolate, exponent ? static_cast<double>(*exponent) : -1)};
  info.GetReturnValue().Set(v8::Array::New(isolate, sizes, std::size(sizes)));
}

// keyParts(box, private): for RSA [n, e] or [n, e, d, p, q, dp, dq, qi], for a curve [x, y] or [x, y, d], else [x] or
// [x, d]; what the key does not have is undefined.
void Parts(const Info& info) {
  QuietErrors quiet;
  v8::Isolate* isolate = info.GetIsolate();
  Key* held = UnboxKey(info[0]);
  EVP_PKEY* key = held == nullptr ? nullptr : held->Made();
  bool secret = info[1]->IsTrue();
  if (key == nullptr) return;
  std::vector<v8::Local<v8::Value>> parts;
  auto add = [&](const BIGNUM* number, std::optional<size_t> size) {
    v8::Local<v8::ArrayBuffer> buffer;
    if (number == nullptr) {
      parts.push_back(v8::Undefined(isolate));
    } else if (ToBuffer(isolate, number, size.value_or(static_cast<size_t>(BN_num_bytes(number)))).ToLocal(&buffer)) {
      parts.push_back(buffer);
    }
  };
  if (held->type() == KeyType::kRsa && EVP_PKEY_get0_provider(key) == nullptr) {  // A public one: Key made it.
    add(RSA_get0_n(held->RsaForm()), std::nullopt);
    add(RSA_get0_e(held->RsaForm()), std::nullopt);
  } else if (held->type() == KeyType::kRsa) {
    for (size_t i = 0; i < (secret ? kRsaParts.size() : 2); ++i)
      add(NumberParam(key, kRsaParts[i]).get(), std::nullopt);
  } else if (const EC_KEY* ec = held->EllipticForm()) {
    const Curve* curve = CurveOf(held->type());
    NumberPtr x(BN_new()), y(BN_new());
    if (curve == nullptr || EC_POINT_get_affine_coordinates(EC_KEY_get0_group(ec), EC_KEY_get0_public_key(ec), x.get(),
                                                            y.get(), nullptr) != 1) {
      return;
    }
    add(x.get(), curve->bytes);
    add(y.get(), curve->bytes);
    if (secret) add(EC_KEY_get0_private_key(ec), curve->bytes);
  } else {
    uint8_t raw[64];
    size_t size = sizeof raw;
    v8::Local<v8::ArrayBuffer> buffer;
    if (EVP_PKEY_get_raw_public_key(key, raw, &size) != 1 || !ToBuffer(isolate, raw, size).ToLocal(&buffer)) return;
    parts.push_back(buffer);
    size = sizeof raw;
    if (secret) {
      if (EVP_PKEY_get_raw_private_key(key, raw, &size) != 1 || !ToBuffer(isolate, raw, size).ToLocal(&buffer)) return;
      parts.push_back(buffer);
      OPENSSL_cleanse(raw, sizeof raw);
    }
  }
  info.GetReturnValue().Set(v8::Array::New(isolate, parts.data(), parts.size()));
}

// keyToDer(box, private): ArrayBuffer | undefined. PKCS #8, or SubjectPublicKeyInfo.
void ToDer(const Info& info) {
  QuietErrors quiet;
  Key* held = UnboxKey(info[0]);
  EVP_PKEY* key = held == nullptr ? nullptr : held->Made();
  if (key == nullptr) return;
  uint8_t* der = nullptr;
  int size = -1;
  if (info[1]->IsTrue()) {
    std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeWith<PKCS8_PRIV_KEY_INFO_free>> pkcs8(EVP_PKEY2PKCS8(key));
    if (pkcs8) size = i2d_PKCS8_PRIV_KEY_INFO(pkcs8.get(), &der);
  } else {
    size = i2d_PUBKEY(key, &der);
  }
  if (size < 0) return;
  v8::Local<v8::ArrayBuffer> out;
  if (ToBuffer(info.GetIsolate(), der, static_cast<size_t>(size)).ToLocal(&out)) info.GetReturnValue().Set(out);
  OPENSSL_clear_free(der, static_cast<size_t>(size));
}

}  // namespace

KeyPtr GenerateRsa(int bits, BytesView exponent) {
  QuietErrors quiet;
  NumberPtr number(
      BN_bin2bn(reinterpret_cast<const uint8_t*>(exponent.data()), static_cast<int>(exponent.size()), nullptr));
  KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  bool made = EVP_PKEY_keygen_init(context.get()) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), bits) == 1 &&
              EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context.get(), number.get()) == 1 &&
              EVP_PKEY_generate(context.get(), &key) == 1;
  return made ? KeyPtr(key) : nullptr;
}

void AddCryptoKeyNatives(std::vector<js::NativeFunction>& to) {
  to.insert(to.end(), {{"keyGenerate", Generate},
                       {"keyFromDer", FromDer},
                       {"keyFromPoint", FromPoint},
                       {"keyFromEc", FromEc},
                       {"keyFromRaw", FromRaw},
                       {"keyFromRsa", FromRsa},
                       {"keyType", Type},
                       {"keyRsa", RsaSizes},
                       {"keyParts", Parts},
                       {"keyToDer", ToDer}});
}

}  // namespace limpet::api
