// Natives that use keys of public-key cryptography: signatures, RSA-OAEP, agreement on a secret.
#define OPENSSL_SUPPRESS_DEPRECATED  // ECDSA without a context, and without DER around the signature.
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include <cstring>

#include "api/crypto_ecdsa.h"
#include "api/crypto_key.h"
#include "api/native_list.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;

// As builtins/crypto_names.ts has it.
enum Padding : int { kNone, kPkcs1, kPss, kRaw };

int IntOf(v8::Local<v8::Value> value) { return value->IsInt32() ? value.As<v8::Int32>()->Value() : 0; }

// The bytes of r and of s in a WebCrypto signature.
int HalfOf(const EC_KEY* key) { return (EC_GROUP_get_degree(EC_KEY_get0_group(key)) + 7) / 8; }

// What ECDSA signs; 0: OpenSSL refused.
int Hash(const EVP_MD* hash, const BytesOf& data, uint8_t (&digest)[EVP_MAX_MD_SIZE]) {
  unsigned int size = 0;
  bool done = hash != nullptr && EVP_Digest(data.data(), data.size(), digest, &size, hash, nullptr) == 1;
  return done ? static_cast<int>(size) : 0;
}

bool SetPadding(EVP_PKEY_CTX* context, int padding, int salt_bytes) {
  if (padding == kNone) return true;
  if (padding == kPkcs1) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_bytes) == 1;
}

// As r and s, one after the other. Nothing: OpenSSL refused.
void SignEcdsa(const Info& info, EC_KEY* key) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  BytesOf data(info[4]);
  int size = Hash(HashByNumber(info[1]), data, digest);
  SignaturePtr pair(size == 0 ? nullptr : ECDSA_do_sign(digest, size, key));
  int half = HalfOf(key);
  v8::Local<v8::ArrayBuffer> out;
  if (!pair || !NewBuffer(info.GetIsolate(), 2 * static_cast<size_t>(half)).ToLocal(&out)) return;
  BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), DataOf(out), half);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), DataOf(out) + half, half);
  info.GetReturnValue().Set(out);
}

bool VerifyEcdsa(const Info& info, Key& held, const EcdsaVerifier& verifier) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  BytesOf signature(info[4]), data(info[5]);
  int size = Hash(HashByNumber(info[1]), data, digest);
  if (size == 0) return false;
  std::optional<bool> found =
      verifier.Verify({reinterpret_cast<const char*>(digest), static_cast<size_t>(size)}, signature.view());
  if (found) return *found;
  EC_KEY* key = held.EllipticForm();
  if (key == nullptr) return false;
  int half = HalfOf(key);
  SignaturePtr pair(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(signature.data(), half, nullptr);
  BIGNUM* s = BN_bin2bn(signature.data() + half, half, nullptr);
  return ECDSA_SIG_set0(pair.get(), r, s) == 1 && ECDSA_do_verify(digest, size, pair.get(), key) == 1;
}

// https://www.rfc-editor.org/rfc/rfc8017#section-8.1.2 and 8.2.2, without a context: to set one up costs a quarter of
// the operation.
bool VerifyRsa(const Info& info, RSA* key) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  BytesOf signature(info[4]), data(info[5]);
  const EVP_MD* hash = HashByNumber(info[1]);
  int size = Hash(hash, data, digest);
  auto length = static_cast<size_t>(RSA_size(key));
  if (size == 0 || signature.size() != length) return false;
  if (IntOf(info[2]) == kPkcs1) {
    return RSA_verify(EVP_MD_get_type(hash), digest, static_cast<unsigned>(size), signature.data(),
                      static_cast<unsigned>(length), key) == 1;
  }
  Bytes encoded(length, '\0');
  auto* to = reinterpret_cast<uint8_t*>(encoded.data());
  return IntOf(info[2]) == kPss &&
         RSA_public_decrypt(static_cast<int>(length), signature.data(), to, key, RSA_NO_PADDING) ==
             static_cast<int>(length) &&
         RSA_verify_PKCS1_PSS_mgf1(key, digest, hash, hash, to, IntOf(info[3])) == 1;
}

// The private operation of RSA on data as long as the modulus.
void SignRaw(const Info& info, EVP_PKEY* key, const BytesOf& data) {
  KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  auto size = static_cast<size_t>(EVP_PKEY_get_size(key));
  v8::Local<v8::ArrayBuffer> out;
  if (data.size() != size || EVP_PKEY_sign_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) != 1 ||
      !NewBuffer(info.GetIsolate(), size).ToLocal(&out) ||
      EVP_PKEY_sign(context.get(), DataOf(out), &size, data.data(), data.size()) != 1) {
    return;
  }
  info.GetReturnValue().Set(out);
}

// keySign(box, hash | undefined, padding, saltBytes, data): ArrayBuffer | undefined
void Sign(const Info& info) {
  QuietErrors quiet;
  v8::Isolate* isolate = info.GetIsolate();
  Key* held = UnboxKey(info[0]);
  if (held == nullptr) return;
  if (EC_KEY* ec = held->EllipticForm()) return SignEcdsa(info, ec);
  EVP_PKEY* key = held->Made();
  if (key == nullptr) return;
  BytesOf data(info[4]);
  if (IntOf(info[2]) == kRaw) return SignRaw(info, key, data);
  HashContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  if (EVP_DigestSignInit(context.get(), &settings, HashByNumber(info[1]), nullptr, key) != 1 ||
      !SetPadding(settings, IntOf(info[2]), IntOf(info[3]))) {
    return;
  }
  auto size = static_cast<size_t>(EVP_PKEY_get_size(key));
  Bytes signature(size, '\0');
  auto* bytes = reinterpret_cast<uint8_t*>(signature.data());
  if (EVP_DigestSign(context.get(), bytes, &size, data.data(), data.size()) != 1) return;
  v8::Local<v8::ArrayBuffer> out;
  if (ToBuffer(isolate, bytes, size).ToLocal(&out)) info.GetReturnValue().Set(out);
}

// keyVerify(box, hash | undefined, padding, saltBytes, signature, data): boolean
void Verify(const Info& info) {
  QuietErrors quiet;
  info.GetReturnValue().Set(false);
  Key* held = UnboxKey(info[0]);
  if (held == nullptr) return;
  if (const EcdsaVerifier* verifier = held->Verifier()) {
    return info.GetReturnValue().Set(VerifyEcdsa(info, *held, *verifier));
  }
  if (RSA* rsa = held->RsaForm()) return info.GetReturnValue().Set(VerifyRsa(info, rsa));
  EVP_PKEY* key = held->Made();
  BytesOf signature(info[4]), data(info[5]);
  HashContextPtr context(EVP_MD_CTX_new());
  info.GetReturnValue().Set(
      key != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, HashByNumber(info[1]), nullptr, key) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), data.data(), data.size()) == 1);
}

// keyOaep(box, encrypt, hash, label | undefined, data): ArrayBuffer | undefined
void Oaep(const Info& info) {
  QuietErrors quiet;
  Key* held = UnboxKey(info[0]);
  EVP_PKEY* key = held == nullptr ? nullptr : held->Made();
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
  Key* mine = UnboxKey(info[0]);
  Key* other = UnboxKey(info[1]);
  if (mine == nullptr || other == nullptr) return;
  EVP_PKEY* key = mine->Made();
  EVP_PKEY* peer = other->Made();
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
