// Natives that make, read and write keys of public-key cryptography. A key is a box with an EVP_PKEY; one box serves
// both halves of a pair. What a key may be used for is the built-ins' business, and so are the texts of errors.
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "api/crypto_support.h"
#include "api/native_list.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;

void ReturnKey(const Info& info, KeyPtr key) {
  v8::Local<v8::Value> box;
  if (key && NewKeyBox(info.GetIsolate(), std::move(key)).ToLocal(&box)) info.GetReturnValue().Set(box);
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

// As WebCrypto names it; empty if it is none of the three.
struct Curve {
  std::string_view name;
  int nid;
  size_t bytes;  // Of a coordinate.
};
constexpr std::array<Curve, 3> kCurves = {
    {{"P-256", NID_X9_62_prime256v1, 32}, {"P-384", NID_secp384r1, 48}, {"P-521", NID_secp521r1, 66}}};

const Curve* FindCurve(std::string_view name) {
  for (const Curve& curve : kCurves) {
    if (curve.name == name) return &curve;
  }
  return nullptr;
}

const Curve* CurveOf(const EVP_PKEY* key) {
  char group[64];
  if (EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) != 1) return nullptr;
  int nid = OBJ_txt2nid(group);
  for (const Curve& curve : kCurves) {
    if (curve.nid == nid) return &curve;
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

// How the keys of a curve look in DER, as everybody writes them: fixed bytes around fixed places.
struct Layout {
  const char* curve;
  BytesView public_head;                // Of a SubjectPublicKeyInfo; the point is the rest.
  BytesView private_head, private_mid;  // Of PKCS #8, before the scalar and before the point.
  size_t bytes;                         // Of a coordinate.
};
using std::string_view_literals::operator""sv;
constexpr std::array<Layout, 2> kLayouts = {{
    {"P-256",
     "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"sv,
     "\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04"
     "\x6d"
     "\x30\x6b\x02\x01\x01\x04\x20"sv,
     "\xa1\x44\x03\x42\x00\x04"sv, 32},
    {"P-384", "\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04"sv,
     "\x30\x81\xb6\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x04\x81\x9e"
     "\x30\x81\x9b\x02\x01\x01\x04\x30"sv,
     "\xa1\x64\x03\x62\x00\x04"sv, 48},
}};

// An EC key of one of kLayouts, quicker than OpenSSL's decoders find out what they have. Null: none, or a wrong one;
// the decoders say which.
KeyPtr FromLayout(bool secret, BytesView der) {
  for (const Layout& layout : kLayouts) {
    size_t point = 1 + 2 * layout.bytes;
    BytesView head = secret ? layout.private_head : layout.public_head;
    size_t size = secret ? head.size() + layout.bytes + layout.private_mid.size() + point - 1 : head.size() + point - 1;
    if (der.size() != size || !der.starts_with(head)) continue;
    if (secret && der.substr(head.size() + layout.bytes, layout.private_mid.size()) != layout.private_mid) continue;
    auto* name = const_cast<char*>(layout.curve);
    auto* encoded = const_cast<char*>(der.data() + size - point);
    uint8_t scalar[48];  // OSSL_PARAM has numbers in the order of the machine, smallest first.
    if (secret) std::reverse_copy(der.begin() + head.size(), der.begin() + head.size() + layout.bytes, scalar);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded, point),
        secret ? OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, scalar, layout.bytes) : OSSL_PARAM_construct_end(),
        OSSL_PARAM_construct_end()};
    KeyPtr key = KeyFromParams("EC", secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
    OPENSSL_cleanse(scalar, sizeof scalar);
    return key;
  }
  return nullptr;
}

// Whether a secret key of a curve is in its range and has the public key that comes with it, which the decoders take as
// it is. True for other keys.
bool IsSoundPair(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "EC") != 1) return true;
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
  KeyPtr key = FromLayout(secret, der.view());
  if (key) {
    at = end;
  } else {
    key.reset(secret ? d2i_AutoPrivateKey(nullptr, &at, size) : d2i_PUBKEY(nullptr, &at, size));
  }
  if (!key || (secret && !IsSoundPair(key.get()))) return;
  if (at != end) return ReturnNumber(info, end - at);
  ReturnKey(info, std::move(key));
}

enum PointProblem : int { kBadEncoding, kNotOnCurve, kBadCompressed, kInfinity, kBadPrivate, kBadPair };

// Parameters of an EC key; `scalar` may be null.
KeyPtr MakeEcKey(const Curve& curve, const EC_GROUP* group, const EC_POINT* point, const BIGNUM* scalar) {
  uint8_t encoded[1 + 2 * 66];
  size_t size = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, encoded, sizeof encoded, nullptr);
  BuilderPtr builder(OSSL_PARAM_BLD_new());
  std::string name(curve.name);
  if (size == 0 || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, name.c_str(), 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, encoded, size) != 1 ||
      (scalar != nullptr && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar) != 1)) {
    return nullptr;
  }
  ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  return KeyFromParams("EC", scalar != nullptr ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params.get());
}

// keyFromPoint(curve, bytes): box | PointProblem
void FromPoint(const Info& info) {
  QuietErrors quiet;
  const Curve* curve = FindCurve(js::ToUtf8(info.GetIsolate(), info[0]));
  if (curve == nullptr) return;
  BytesOf bytes(info[1]);
  GroupPtr group(EC_GROUP_new_by_curve_name(curve->nid));
  PointPtr point(EC_POINT_new(group.get()));
  if (EC_POINT_oct2point(group.get(), point.get(), bytes.data(), bytes.size(), nullptr) != 1) {
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    return ReturnNumber(info, reason == EC_R_POINT_IS_NOT_ON_CURVE      ? kNotOnCurve
                              : reason == EC_R_INVALID_COMPRESSED_POINT ? kBadCompressed
                                                                        : kBadEncoding);
  }
  if (EC_POINT_is_at_infinity(group.get(), point.get()) == 1) return ReturnNumber(info, kInfinity);
  ReturnKey(info, MakeEcKey(*curve, group.get(), point.get(), nullptr));
}

// keyFromEc(curve, x, y, d | undefined): box | PointProblem
void FromEc(const Info& info) {
  QuietErrors quiet;
  const Curve* curve = FindCurve(js::ToUtf8(info.GetIsolate(), info[0]));
  if (curve == nullptr) return;
  BytesOf x_bytes(info[1]), y_bytes(info[2]), d_bytes(info[3]);
  GroupPtr group(EC_GROUP_new_by_curve_name(curve->nid));
  PointPtr point(EC_POINT_new(group.get()));
  NumberPtr x = ToNumber(x_bytes), y = ToNumber(y_bytes);
  if (EC_POINT_set_affine_coordinates(group.get(), point.get(), x.get(), y.get(), nullptr) != 1) {
    return ReturnNumber(info, kNotOnCurve);
  }
  NumberPtr d;
  if (!info[3]->IsUndefined()) {
    d = ToNumber(d_bytes);
    if (BN_is_zero(d.get()) || BN_cmp(d.get(), EC_GROUP_get0_order(group.get())) >= 0) {
      return ReturnNumber(info, kBadPrivate);
    }
    PointPtr own(EC_POINT_new(group.get()));
    if (EC_POINT_mul(group.get(), own.get(), d.get(), nullptr, nullptr, nullptr) != 1 ||
        EC_POINT_cmp(group.get(), own.get(), point.get(), nullptr) != 0) {
      return ReturnNumber(info, kBadPair);
    }
  }
  ReturnKey(info, MakeEcKey(*curve, group.get(), point.get(), d.get()));
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

// keyType(box): "RSA", a curve, "Ed25519", "X25519", "EC" (another curve) or "" (another type).
void Type(const Info& info) {
  QuietErrors quiet;
  EVP_PKEY* key = UnboxKey(info[0]);
  std::string_view type;
  if (key == nullptr) return;
  if (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1) {
    type = "RSA";
  } else if (EVP_PKEY_is_a(key, "EC") == 1) {
    const Curve* curve = CurveOf(key);
    type = curve != nullptr ? curve->name : "EC";
  } else if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    type = "Ed25519";
  } else if (EVP_PKEY_is_a(key, "X25519") == 1) {
    type = "X25519";
  }
  info.GetReturnValue().Set(js::FromLatin1(info.GetIsolate(), type));
}

// keyParts(box, private): for RSA [n, e] or [n, e, d, p, q, dp, dq, qi], for a curve [x, y] or [x, y, d], else [x] or
// [x, d]; what the key does not have is undefined.
void Parts(const Info& info) {
  QuietErrors quiet;
  v8::Isolate* isolate = info.GetIsolate();
  EVP_PKEY* key = UnboxKey(info[0]);
  bool secret = info[1]->IsTrue();
  if (key == nullptr) return;
  std::vector<v8::Local<v8::Value>> parts;
  auto add = [&](const NumberPtr& number, std::optional<size_t> size) {
    v8::Local<v8::ArrayBuffer> buffer;
    if (!number) {
      parts.push_back(v8::Undefined(isolate));
    } else if (ToBuffer(isolate, number.get(), size.value_or(static_cast<size_t>(BN_num_bytes(number.get()))))
                   .ToLocal(&buffer)) {
      parts.push_back(buffer);
    }
  };
  if (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1) {
    for (size_t i = 0; i < (secret ? kRsaParts.size() : 2); ++i) add(NumberParam(key, kRsaParts[i]), std::nullopt);
  } else if (const Curve* curve = CurveOf(key)) {
    add(NumberParam(key, OSSL_PKEY_PARAM_EC_PUB_X), curve->bytes);
    add(NumberParam(key, OSSL_PKEY_PARAM_EC_PUB_Y), curve->bytes);
    if (secret) add(NumberParam(key, OSSL_PKEY_PARAM_PRIV_KEY), curve->bytes);
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
  EVP_PKEY* key = UnboxKey(info[0]);
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
                       {"keyParts", Parts},
                       {"keyToDer", ToDer}});
}

}  // namespace limpet::api
