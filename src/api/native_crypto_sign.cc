// Natives that use keys of public-key cryptography: signatures, RSA-OAEP, agreement on a secret.
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include <cstring>

#include "api/crypto_support.h"
#include "api/native_list.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;

// As builtins/crypto_names.ts has it.
enum Padding : int { kNone, kPkcs1, kPss };

int IntOf(v8::Local<v8::Value> value) { return value->IsInt32() ? value.As<v8::Int32>()->Value() : 0; }

// The bytes of r and of s in a WebCrypto signature; 0: not an elliptic curve.
size_t HalfOf(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "EC") != 1) return 0;
  return (static_cast<size_t>(EVP_PKEY_get_bits(key)) + 7) / 8;
}

bool SetPadding(EVP_PKEY_CTX* context, int padding, int salt_bytes) {
  if (padding == kNone) return true;
  if (padding == kPkcs1) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_bytes) == 1;
}

// keySign(box, hash | undefined, padding, saltBytes, data): ArrayBuffer | undefined
void Sign(const Info& info) {
  QuietErrors quiet;
  v8::Isolate* isolate = info.GetIsolate();
  EVP_PKEY* key = UnboxKey(info[0]);
  BytesOf data(info[4]);
  HashContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  if (key == nullptr || EVP_DigestSignInit(context.get(), &settings, HashByNumber(info[1]), nullptr, key) != 1 ||
      !SetPadding(settings, IntOf(info[2]), IntOf(info[3]))) {
    return;
  }
  auto size = static_cast<size_t>(EVP_PKEY_get_size(key));
  Bytes signature(size, '\0');
  auto* bytes = reinterpret_cast<uint8_t*>(signature.data());
  if (EVP_DigestSign(context.get(), bytes, &size, data.data(), data.size()) != 1) return;
  v8::Local<v8::ArrayBuffer> out;
  size_t half = HalfOf(key);
  if (half == 0) {
    if (ToBuffer(isolate, bytes, size).ToLocal(&out)) info.GetReturnValue().Set(out);
    return;
  }
  const uint8_t* at = bytes;
  SignaturePtr pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  if (!pair || !NewBuffer(isolate, 2 * half).ToLocal(&out)) return;
  BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), DataOf(out), static_cast<int>(half));
  BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), DataOf(out) + half, static_cast<int>(half));
  info.GetReturnValue().Set(out);
}

// In DER; empty if it can't be one of this curve.
Bytes EncodeEcdsa(const BytesOf& signature, size_t half) {
  if (signature.size() != 2 * half) return {};
  SignaturePtr pair(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(signature.data(), static_cast<int>(half), nullptr);
  BIGNUM* s = BN_bin2bn(signature.data() + half, static_cast<int>(half), nullptr);
  if (ECDSA_SIG_set0(pair.get(), r, s) != 1) return {};
  int size = i2d_ECDSA_SIG(pair.get(), nullptr);
  if (size <= 0) return {};
  Bytes der(static_cast<size_t>(size), '\0');
  auto* at = reinterpret_cast<uint8_t*>(der.data());
  i2d_ECDSA_SIG(pair.get(), &at);
  return der;
}

// keyVerify(box, hash | undefined, padding, saltBytes, signature, data): boolean
void Verify(const Info& info) {
  QuietErrors quiet;
  info.GetReturnValue().Set(false);
  EVP_PKEY* key = UnboxKey(info[0]);
  BytesOf signature(info[4]), data(info[5]);
  HashContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  if (key == nullptr || EVP_DigestVerifyInit(context.get(), &settings, HashByNumber(info[1]), nullptr, key) != 1 ||
      !SetPadding(settings, IntOf(info[2]), IntOf(info[3]))) {
    return;
  }
  const uint8_t* bytes = signature.data();
  size_t size = signature.size();
  Bytes der;
  if (size_t half = HalfOf(key); half > 0) {
    der = EncodeEcdsa(signature, half);
    if (der.empty()) return;
    bytes = reinterpret_cast<const uint8_t*>(der.data());
    size = der.size();
  }
  info.GetReturnValue().Set(EVP_DigestVerify(context.get(), bytes, size, data.data(), data.size()) == 1);
}

// keyOaep(box, encrypt, hash, label | undefined, data): ArrayBuffer | undefined
void Oaep(const Info& info) {
  QuietErrors quiet;
  EVP_PKEY* key = UnboxKey(info[0]);
  const EVP_MD* hash = HashByNumber(info[2]);
  if (key == nullptr || hash == nullptr) return;
  bool encrypt = info[1]->IsTrue();
  BytesOf label(info[3]), data(info[4]);
  KeyContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
  if ((encrypt ? EVP_PKEY_encrypt_init(context.get()) : EVP_PKEY_decrypt_init(context.get())) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash) != 1) {
    return;
  }
  if (label.size() > 0) {
    void* copy = OPENSSL_memdup(label.data(), label.size());  // The context takes it over.
    if (EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), copy, static_cast<int>(label.size())) != 1) {
      return OPENSSL_free(copy);
    }
  }
  auto size = static_cast<size_t>(EVP_PKEY_get_size(key));
  Bytes result(size, '\0');
  auto* to = reinterpret_cast<uint8_t*>(result.data());
  int done = encrypt ? EVP_PKEY_encrypt(context.get(), to, &size, data.data(), data.size())
                     : EVP_PKEY_decrypt(context.get(), to, &size, data.data(), data.size());
  v8::Local<v8::ArrayBuffer> out;
  if (done == 1 && ToBuffer(info.GetIsolate(), to, size).ToLocal(&out)) info.GetReturnValue().Set(out);
  OPENSSL_cleanse(result.data(), result.size());
}

// keyDerive(box, peer): ArrayBuffer | undefined
void Derive(const Info& info) {
  QuietErrors quiet;
  EVP_PKEY* key = UnboxKey(info[0]);
  EVP_PKEY* peer = UnboxKey(info[1]);
  if (key == nullptr || peer == nullptr) return;
  KeyContextPtr context(EVP_PKEY_CTX_new(key, nullptr));
  uint8_t secret[66];
  size_t size = sizeof secret;
  v8::Local<v8::ArrayBuffer> out;
  if (EVP_PKEY_derive_init(context.get()) == 1 && EVP_PKEY_derive_set_peer(context.get(), peer) == 1 &&
      EVP_PKEY_derive(context.get(), secret, &size) == 1 && ToBuffer(info.GetIsolate(), secret, size).ToLocal(&out)) {
    info.GetReturnValue().Set(out);
  }
  OPENSSL_cleanse(secret, sizeof secret);
}

}  // namespace

void AddCryptoSignNatives(std::vector<js::NativeFunction>& to) {
  to.insert(to.end(), {{"keySign", Sign}, {"keyVerify", Verify}, {"keyOaep", Oaep}, {"keyDerive", Derive}});
}

}  // namespace limpet::api
