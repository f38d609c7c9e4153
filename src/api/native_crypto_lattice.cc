// Natives of ML-DSA and ML-KEM (FIPS 204 and 203), whose keys are boxes like all others. OpenSSL keeps
// the seed that a private key was made of.
#include <openssl/params.h>

#include <string>
#include <utility>

#include "api/crypto_key.h"
#include "api/native_list.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

// Of OpenSSL's parameters (core_names.h of 3.5, which the host's headers leave out).
constexpr char kSeed[] = "seed";
constexpr char kPublic[] = "pub";
constexpr char kContext[] = "context-string";
constexpr size_t kPartBytesMax = 4096;  // A public key of ML-DSA-87 has 2,592.

void ReturnKey(const Info& info, KeyPtr key) {
  v8::Local<v8::Value> box;
  if (key && NewKeyBox(info.GetIsolate(), std::make_unique<Key>(std::move(key))).ToLocal(&box))
    info.GetReturnValue().Set(box);
}

void* Mutable(const BytesOf& bytes) { return const_cast<uint8_t*>(bytes.data()); }

// latticeGenerate(type): box | undefined
void Generate(const Info& info) {
  QuietErrors quiet;
  std::string type = js::ToUtf8(info.GetIsolate(), info[0]);
  ReturnKey(info, KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, type.c_str())));
}

// latticeImport(type, secret, bytes): box | undefined. `bytes`: the seed or the public key.
void Import(const Info& info) {
  QuietErrors quiet;
  std::string type = js::ToUtf8(info.GetIsolate(), info[0]);
  bool secret = info[1]->IsTrue();
  BytesOf bytes(info[2]);
  OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(secret ? kSeed : kPublic, Mutable(bytes), bytes.size()),
                         OSSL_PARAM_construct_end()};
  KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type.c_str(), nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1) {
    return;
  }
  ReturnKey(info, KeyPtr(key));
}

// latticePart(key, secret): ArrayBuffer | undefined. The seed or the public key.
void Part(const Info& info) {
  QuietErrors quiet;
  uint8_t part[kPartBytesMax];
  size_t size = 0;
  bool secret = info[1]->IsTrue();
  if (EVP_PKEY_get_octet_string_param(UnboxKey(info[0])->Made(), secret ? kSeed : kPublic, part, sizeof part, &size) !=
      1)
    return;
  v8::Local<v8::ArrayBuffer> out;
  if (ToBuffer(info.GetIsolate(), part, size).ToLocal(&out)) info.GetReturnValue().Set(out);
  OPENSSL_cleanse(part, size);
}

// latticeSign(key, context, data): ArrayBuffer | undefined
void Sign(const Info& info) {
  QuietErrors quiet;
  BytesOf context(info[1]), data(info[2]);
  OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(kContext, Mutable(context), context.size()),
                         OSSL_PARAM_construct_end()};
  HashContextPtr signer(EVP_MD_CTX_new());
  size_t size = 0;
  v8::Local<v8::ArrayBuffer> out;
  if (EVP_DigestSignInit_ex(signer.get(), nullptr, nullptr, nullptr, nullptr, UnboxKey(info[0])->Made(), params) != 1 ||
      EVP_DigestSign(signer.get(), nullptr, &size, data.data(), data.size()) != 1 ||
      !NewBuffer(info.GetIsolate(), size).ToLocal(&out) ||
      EVP_DigestSign(signer.get(), DataOf(out), &size, data.data(), data.size()) != 1) {
    return;
  }
  info.GetReturnValue().Set(out);
}

// latticeVerify(key, context, signature, data): boolean
void Verify(const Info& info) {
  QuietErrors quiet;
  BytesOf context(info[1]), signature(info[2]), data(info[3]);
  OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(kContext, Mutable(context), context.size()),
                         OSSL_PARAM_construct_end()};
  HashContextPtr verifier(EVP_MD_CTX_new());
  info.GetReturnValue().Set(
      EVP_DigestVerifyInit_ex(verifier.get(), nullptr, nullptr, nullptr, nullptr, UnboxKey(info[0])->Made(), params) ==
          1 &&
      EVP_DigestVerify(verifier.get(), signature.data(), signature.size(), data.data(), data.size()) == 1);
}

// latticeEncapsulate(key): [sharedKey, ciphertext] | undefined
void Encapsulate(const Info& info) {
  QuietErrors quiet;
  v8::Isolate* isolate = info.GetIsolate();
  KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, UnboxKey(info[0])->Made(), nullptr));
  size_t sealed = 0, shared = 0;
  v8::Local<v8::ArrayBuffer> ciphertext, key;
  if (!context || EVP_PKEY_encapsulate_init(context.get(), nullptr) != 1 ||
      EVP_PKEY_encapsulate(context.get(), nullptr, &sealed, nullptr, &shared) != 1 ||
      !NewBuffer(isolate, sealed).ToLocal(&ciphertext) || !NewBuffer(isolate, shared).ToLocal(&key) ||
      EVP_PKEY_encapsulate(context.get(), DataOf(ciphertext), &sealed, DataOf(key), &shared) != 1) {
    return;
  }
  v8::Local<v8::Value> both[] = {key, ciphertext};
  info.GetReturnValue().Set(v8::Array::New(isolate, both, 2));
}

// latticeDecapsulate(key, ciphertext): ArrayBuffer | undefined. Of a ciphertext of the right length; a wrong one gives
// a key that nobody else has, as FIPS 203 wants it.
void Decapsulate(const Info& info) {
  QuietErrors quiet;
  BytesOf ciphertext(info[1]);
  KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, UnboxKey(info[0])->Made(), nullptr));
  size_t size = 0;
  v8::Local<v8::ArrayBuffer> out;
  if (!context || EVP_PKEY_decapsulate_init(context.get(), nullptr) != 1 ||
      EVP_PKEY_decapsulate(context.get(), nullptr, &size, ciphertext.data(), ciphertext.size()) != 1 ||
      !NewBuffer(info.GetIsolate(), size).ToLocal(&out) ||
      EVP_PKEY_decapsulate(context.get(), DataOf(out), &size, ciphertext.data(), ciphertext.size()) != 1) {
    return;
  }
  info.GetReturnValue().Set(out);
}

}  // namespace

void AddCryptoLatticeNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"latticeGenerate", Generate});
  natives.push_back({"latticeImport", Import});
  natives.push_back({"latticePart", Part});
  natives.push_back({"latticeSign", Sign});
  natives.push_back({"latticeVerify", Verify});
  natives.push_back({"latticeEncapsulate", Encapsulate});
  natives.push_back({"latticeDecapsulate", Decapsulate});
}

}  // namespace limpet::api
