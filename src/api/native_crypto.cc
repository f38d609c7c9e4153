// Natives of secret-key cryptography: hashes, HMAC, AES, key derivation. Arguments were checked by the built-ins
// (builtins/crypto_*.ts, which also own the texts of errors); undefined: OpenSSL refused.
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "api/crypto_support.h"
#include "api/native_list.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

uint32_t NumberOf(v8::Local<v8::Value> value) { return value->IsUint32() ? value.As<v8::Uint32>()->Value() : 0; }

// -- hashes

// cryptoDigest(hash, data): ArrayBuffer
void Digest(const Info& info) {
  QuietErrors quiet;
  const EVP_MD* hash = HashByNumber(info[0]);
  BytesOf data(info[1]);
  v8::Local<v8::ArrayBuffer> out;
  if (hash == nullptr || !NewBuffer(info.GetIsolate(), static_cast<size_t>(EVP_MD_get_size(hash))).ToLocal(&out)) {
    return;
  }
  if (EVP_Digest(data.data(), data.size(), DataOf(out), nullptr, hash, nullptr) == 1) info.GetReturnValue().Set(out);
}

// cryptoEqual(a, b): boolean, in a time that depends on the lengths alone.
void Equal(const Info& info) {
  BytesOf a(info[0]);
  BytesOf b(info[1]);
  info.GetReturnValue().Set(a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

// Bit-reversed polynomials, one table entry for each byte.
constexpr std::array<uint64_t, 256> CrcTable(uint64_t polynomial) {
  std::array<uint64_t, 256> table{};
  for (uint64_t i = 0; i < table.size(); ++i) {
    uint64_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint64_t, 256> kCrc32c = CrcTable(0x82F63B78);
constexpr std::array<uint64_t, 256> kCrc64Nvme = CrcTable(0x9A6C9329AC4BC9B5);

// A digest that is fed piece by piece; numbers from kCrc32 on are checksums.
struct Hasher {
  static constexpr uint32_t kCrc32 = 16, kCrc32C = 17, kCrc64 = 18;
  uint32_t kind = 0;
  HashContextPtr context{};
  uint64_t checksum = 0;

  void Update(const uint8_t* data, size_t size) {
    if (context) {
      EVP_DigestUpdate(context.get(), data, size);
    } else if (kind == kCrc32) {
      checksum = crc32_z(checksum, data, size);
    } else {
      const std::array<uint64_t, 256>& table = kind == kCrc32C ? kCrc32c : kCrc64Nvme;
      uint64_t value = kind == kCrc32C ? checksum ^ 0xFFFFFFFF : ~checksum;
      for (size_t i = 0; i < size; ++i) value = (value >> 8) ^ table[(value ^ data[i]) & 0xFF];
      checksum = kind == kCrc32C ? value ^ 0xFFFFFFFF : ~value;
    }
  }
};

// hasherNew(kind): box
void HasherNew(const Info& info) {
  QuietErrors quiet;
  auto hasher = std::make_unique<Hasher>();
  hasher->kind = NumberOf(info[0]);
  if (hasher->kind < Hasher::kCrc32) {
    const EVP_MD* hash = HashByNumber(info[0]);
    hasher->context.reset(EVP_MD_CTX_new());
    if (hash == nullptr || EVP_DigestInit_ex2(hasher->context.get(), hash, nullptr) != 1) return;
  }
  v8::Local<v8::Value> box;
  if (NewBox(info.GetIsolate(), hasher.release(), [](void* held) {
        delete static_cast<Hasher*>(held);
      }).ToLocal(&box)) {
    info.GetReturnValue().Set(box);
  }
}

// hasherUpdate(box, data)
void HasherUpdate(const Info& info) {
  BytesOf data(info[1]);
  if (auto* hasher = static_cast<Hasher*>(Unbox(info[0]))) hasher->Update(data.data(), data.size());
}

// hasherFinish(box): ArrayBuffer; once.
void HasherFinish(const Info& info) {
  QuietErrors quiet;
  auto* hasher = static_cast<Hasher*>(Unbox(info[0]));
  if (hasher == nullptr) return;
  uint8_t bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (hasher->context) {
    if (EVP_DigestFinal_ex(hasher->context.get(), bytes, &size) != 1) return;
  } else {
    size = hasher->kind == Hasher::kCrc64 ? 8 : 4;
    for (unsigned int i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(hasher->checksum >> (8 * (size - 1 - i)));
  }
  v8::Local<v8::ArrayBuffer> out;
  if (ToBuffer(info.GetIsolate(), bytes, size).ToLocal(&out)) info.GetReturnValue().Set(out);
}

// -- HMAC

// https://www.rfc-editor.org/rfc/rfc2104, from two hashes: setting up OpenSSL's own HMAC costs many times the work of a
// short message, and keys are often imported for one signature. 0: OpenSSL refused.
size_t Hmac(const EVP_MD* hash, const BytesOf& key, const BytesOf& data, uint8_t (&out)[EVP_MAX_MD_SIZE]) {
  auto block = static_cast<size_t>(EVP_MD_get_block_size(hash));
  uint8_t padded[128] = {};
  unsigned int size = 0;
  if (block > sizeof padded) return 0;
  HashContextPtr context(EVP_MD_CTX_new());
  if (key.size() <= block) {
    std::memcpy(padded, key.data(), key.size());
  } else if (EVP_DigestInit_ex2(context.get(), hash, nullptr) != 1 ||
             EVP_DigestUpdate(context.get(), key.data(), key.size()) != 1 ||
             EVP_DigestFinal_ex(context.get(), padded, &size) != 1) {
    return 0;
  }
  auto pass = [&](uint8_t pad, const uint8_t* message, size_t message_bytes) {
    uint8_t mixed[sizeof padded];
    for (size_t i = 0; i < block; ++i) mixed[i] = padded[i] ^ pad;
    bool done = EVP_DigestInit_ex2(context.get(), hash, nullptr) == 1 &&
                EVP_DigestUpdate(context.get(), mixed, block) == 1 &&
                EVP_DigestUpdate(context.get(), message, message_bytes) == 1 &&
                EVP_DigestFinal_ex(context.get(), out, &size) == 1;
    OPENSSL_cleanse(mixed, sizeof mixed);
    return done;
  };
  bool done = pass(0x36, data.data(), data.size()) && pass(0x5C, out, size);
  OPENSSL_cleanse(padded, sizeof padded);
  return done ? size : 0;
}

// hmacSign(hash, key, data): ArrayBuffer
void HmacSign(const Info& info) {
  QuietErrors quiet;
  const EVP_MD* hash = HashByNumber(info[0]);
  BytesOf key(info[1]), data(info[2]);
  uint8_t bytes[EVP_MAX_MD_SIZE];
  size_t size = hash == nullptr ? 0 : Hmac(hash, key, data, bytes);
  v8::Local<v8::ArrayBuffer> out;
  if (size > 0 && ToBuffer(info.GetIsolate(), bytes, size).ToLocal(&out)) info.GetReturnValue().Set(out);
}

// hmacVerify(hash, key, signature, data): boolean
void HmacVerify(const Info& info) {
  QuietErrors quiet;
  const EVP_MD* hash = HashByNumber(info[0]);
  BytesOf key(info[1]), signature(info[2]), data(info[3]);
  uint8_t bytes[EVP_MAX_MD_SIZE];
  size_t size = hash == nullptr ? 0 : Hmac(hash, key, data, bytes);
  info.GetReturnValue().Set(size > 0 && size == signature.size() && CRYPTO_memcmp(bytes, signature.data(), size) == 0);
}

// -- AES

enum AesMode : uint32_t { kCbc, kGcm, kCtr, kModes };

const EVP_CIPHER* AesCipher(uint32_t mode, size_t key_bytes) {
  static const char* const kNames[kModes][3] = {{"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"},
                                                {"AES-128-GCM", "AES-192-GCM", "AES-256-GCM"},
                                                {"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"}};
  static const auto kCiphers = [] {  // Fetched once, as the hashes are.
    std::array<std::array<EVP_CIPHER*, 3>, kModes> ciphers{};
    for (size_t i = 0; i < kModes; ++i) {
      for (size_t j = 0; j < 3; ++j) ciphers[i][j] = EVP_CIPHER_fetch(nullptr, kNames[i][j], nullptr);
    }
    return ciphers;
  }();
  if (mode >= kModes || key_bytes % 8 != 0 || key_bytes < 16 || key_bytes > 32) return nullptr;
  return kCiphers[mode][key_bytes / 8 - 2];
}

// The sizes of one call fit int (an isolate's memory is far smaller; this keeps the casts honest).
bool FitsInt(size_t size) { return size <= INT_MAX - EVP_MAX_BLOCK_LENGTH; }

// aesCbc(encrypt, key, iv, data): ArrayBuffer | undefined
void AesCbc(const Info& info) {
  QuietErrors quiet;
  v8::Isolate* isolate = info.GetIsolate();
  bool encrypt = info[0]->IsTrue();
  BytesOf key(info[1]), iv(info[2]), data(info[3]);
  const EVP_CIPHER* cipher = AesCipher(kCbc, key.size());
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  if (!FitsInt(data.size()) || iv.size() != 16 ||
      EVP_CipherInit_ex2(context.get(), cipher, key.data(), iv.data(), encrypt ? 1 : 0, nullptr) != 1) {
    return;
  }
  int size = 0, rest = 0;
  v8::Local<v8::ArrayBuffer> out;
  if (encrypt) {
    if (!NewBuffer(isolate, data.size() / 16 * 16 + 16).ToLocal(&out)) return;
    if (EVP_CipherUpdate(context.get(), DataOf(out), &size, data.data(), static_cast<int>(data.size())) == 1 &&
        EVP_CipherFinal_ex(context.get(), DataOf(out) + size, &rest) == 1) {
      info.GetReturnValue().Set(out);
    }
    return;
  }
  Bytes plain(data.size() + 16, '\0');
  auto* to = reinterpret_cast<uint8_t*>(plain.data());
  bool done = EVP_CipherUpdate(context.get(), to, &size, data.data(), static_cast<int>(data.size())) == 1 &&
              EVP_CipherFinal_ex(context.get(), to + size, &rest) == 1;
  if (done && ToBuffer(isolate, to, static_cast<size_t>(size) + static_cast<size_t>(rest)).ToLocal(&out))
    info.GetReturnValue().Set(out);
  OPENSSL_cleanse(plain.data(), plain.size());
}

// aesGcm(encrypt, key, iv, data, additional | undefined, tagBytes): ArrayBuffer | undefined
void Seal(const Info& info, const EVP_CIPHER* cipher) {
  QuietErrors quiet;
  bool encrypt = info[0]->IsTrue();
  BytesOf key(info[1]), iv(info[2]), data(info[3]), additional(info[4]);
  size_t tag_bytes = NumberOf(info[5]);
  if (tag_bytes > 16 || (!encrypt && data.size() < tag_bytes) || !FitsInt(data.size()) || !FitsInt(additional.size()) ||
      !FitsInt(iv.size())) {
    return;
  }
  size_t text_bytes = encrypt ? data.size() : data.size() - tag_bytes;
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  size_t iv_bytes = iv.size();
  OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, &iv_bytes),
                         OSSL_PARAM_construct_end()};
  int size = 0;
  if (EVP_CipherInit_ex2(context.get(), cipher, key.data(), iv.data(), encrypt ? 1 : 0, params) != 1 ||
      (additional.size() > 0 &&
       EVP_CipherUpdate(context.get(), nullptr, &size, additional.data(), static_cast<int>(additional.size())) != 1)) {
    return;
  }
  v8::Local<v8::ArrayBuffer> out;
  if (!NewBuffer(info.GetIsolate(), encrypt ? text_bytes + tag_bytes : text_bytes).ToLocal(&out)) return;
  auto tag_size = static_cast<int>(tag_bytes);
  if (!encrypt && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_size,
                                      const_cast<uint8_t*>(data.data() + text_bytes)) != 1) {
    return;
  }
  uint8_t nothing[16];
  if (text_bytes > 0 &&
      EVP_CipherUpdate(context.get(), DataOf(out), &size, data.data(), static_cast<int>(text_bytes)) != 1) {
    return;
  }
  if (EVP_CipherFinal_ex(context.get(), nothing, &size) != 1) return;
  if (encrypt && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, DataOf(out) + text_bytes) != 1) {
    return;
  }
  info.GetReturnValue().Set(out);
}

void AesGcm(const Info& info) { Seal(info, AesCipher(kGcm, BytesOf(info[1]).size())); }

// chaCha20Poly1305(encrypt, key, iv, data, additional, tagBytes): ArrayBuffer | undefined. The key has 32 bytes.
void ChaCha20Poly1305(const Info& info) {
  static const EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  if (BytesOf(info[1]).size() == 32) Seal(info, kCipher);
}

bool CtrPart(const EVP_CIPHER* cipher, const BytesOf& key, const uint8_t* counter, const uint8_t* from, size_t size,
             uint8_t* to) {
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  int written = 0;
  return size == 0 || (EVP_CipherInit_ex2(context.get(), cipher, key.data(), counter, 1, nullptr) == 1 &&
                       EVP_CipherUpdate(context.get(), to, &written, from, static_cast<int>(size)) == 1);
}

// aesCtr(key, counter, counterBits, data): ArrayBuffer | undefined. OpenSSL counts in all 128 bits: where the counter's
// own bits overflow, the rest goes on from zero. Undefined: a counter would be used twice.
void AesCtr(const Info& info) {
  QuietErrors quiet;
  BytesOf key(info[0]), counter(info[1]), data(info[3]);
  uint32_t bits = NumberOf(info[2]);
  const EVP_CIPHER* cipher = AesCipher(kCtr, key.size());
  if (cipher == nullptr || counter.size() != 16 || bits < 1 || bits > 128 || !FitsInt(data.size())) return;
  uint64_t blocks = (data.size() + 15) / 16;
  if (bits < 64 && blocks > uint64_t{1} << bits) return;
  // How many blocks are left until the counter's bits are all zero. No input reaches 2^40 blocks, so what stands above
  // the low 64 bits matters only if it is not all ones.
  uint8_t start[16];
  std::memcpy(start, counter.data(), sizeof start);
  uint8_t low_mask[16];
  for (uint32_t i = 0; i < 16; ++i) {
    uint32_t above = (15 - i) * 8;  // The position of this byte's lowest bit.
    low_mask[i] = bits >= above + 8 ? 0xFF : bits <= above ? 0 : static_cast<uint8_t>((1 << (bits - above)) - 1);
  }
  uint64_t low = 0, low_ones = 0;
  bool high_ones = true;
  for (int i = 0; i < 16; ++i) {
    uint8_t counting = start[i] & low_mask[i];
    if (i < 8) {
      high_ones = high_ones && counting == low_mask[i];
    } else {
      low = low << 8 | counting;
      low_ones = low_ones << 8 | low_mask[i];
    }
  }
  uint64_t left = low_ones - low;  // One less than the number of blocks, which may be 2^64.
  v8::Local<v8::ArrayBuffer> out;
  if (!NewBuffer(info.GetIsolate(), data.size()).ToLocal(&out)) return;
  size_t first = data.size();
  if (high_ones && blocks > 0 && left < blocks - 1) first = static_cast<size_t>(left + 1) * 16;
  if (!CtrPart(cipher, key, start, data.data(), first, DataOf(out))) return;
  for (int i = 0; i < 16; ++i) start[i] = static_cast<uint8_t>(start[i] & ~low_mask[i]);
  if (!CtrPart(cipher, key, start, data.data() + first, data.size() - first, DataOf(out) + first)) return;
  info.GetReturnValue().Set(out);
}

// aesKeyWrap(encrypt, key, data): ArrayBuffer | undefined; RFC 3394.
void AesKeyWrap(const Info& info) {
  QuietErrors quiet;
  bool encrypt = info[0]->IsTrue();
  BytesOf key(info[1]), data(info[2]);
  const char* name = key.size() == 16 ? "AES-128-WRAP" : key.size() == 24 ? "AES-192-WRAP" : "AES-256-WRAP";
  std::unique_ptr<EVP_CIPHER, FreeWith<EVP_CIPHER_free>> cipher(EVP_CIPHER_fetch(nullptr, name, nullptr));
  CipherContextPtr context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (!FitsInt(data.size()) || (!encrypt && data.size() < 24) ||
      EVP_CipherInit_ex2(context.get(), cipher.get(), key.data(), nullptr, encrypt ? 1 : 0, nullptr) != 1) {
    return;
  }
  Bytes result(data.size() + 16, '\0');
  auto* to = reinterpret_cast<uint8_t*>(result.data());
  int size = 0;
  if (EVP_CipherUpdate(context.get(), to, &size, data.data(), static_cast<int>(data.size())) != 1 || size <= 0) return;
  v8::Local<v8::ArrayBuffer> out;
  if (ToBuffer(info.GetIsolate(), to, static_cast<size_t>(size)).ToLocal(&out)) info.GetReturnValue().Set(out);
  OPENSSL_cleanse(result.data(), result.size());
}

// -- key derivation

// cryptoHkdf(hash, key, salt, info, bytes): ArrayBuffer | undefined; RFC 5869.
void Hkdf(const Info& args) {
  QuietErrors quiet;
  static EVP_KDF* const kHkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  const EVP_MD* hash = HashByNumber(args[0]);
  BytesOf key(args[1]), salt(args[2]), info(args[3]);
  std::unique_ptr<EVP_KDF_CTX, FreeWith<EVP_KDF_CTX_free>> context(EVP_KDF_CTX_new(kHkdf));
  v8::Local<v8::ArrayBuffer> out;
  if (hash == nullptr || !context || !NewBuffer(args.GetIsolate(), NumberOf(args[4])).ToLocal(&out)) return;
  auto octets = [](const char* name, const BytesOf& bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<uint8_t*>(bytes.data()), bytes.size());
  };
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(EVP_MD_get0_name(hash)), 0),
      octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt), octets(OSSL_KDF_PARAM_INFO, info),
      OSSL_PARAM_construct_end()};
  if (out->ByteLength() == 0 || EVP_KDF_derive(context.get(), DataOf(out), out->ByteLength(), params) == 1) {
    args.GetReturnValue().Set(out);
  }
}

// cryptoPbkdf2(hash, password, salt, iterations, bytes): ArrayBuffer | undefined
void Pbkdf2(const Info& info) {
  const EVP_MD* hash = HashByNumber(info[0]);
  BytesOf password(info[1]), salt(info[2]);
  v8::Local<v8::ArrayBuffer> out;
  if (hash == nullptr || !NewBuffer(info.GetIsolate(), NumberOf(info[4])).ToLocal(&out)) return;
  if (DerivePbkdf2(hash, password.view(), salt.view(), NumberOf(info[3]), DataOf(out), out->ByteLength())) {
    info.GetReturnValue().Set(out);
  }
}

}  // namespace

void AddCryptoNatives(std::vector<js::NativeFunction>& to) {
  to.insert(to.end(), {{"cryptoDigest", Digest},
                       {"cryptoEqual", Equal},
                       {"hasherNew", HasherNew},
                       {"hasherUpdate", HasherUpdate},
                       {"hasherFinish", HasherFinish},
                       {"hmacSign", HmacSign},
                       {"hmacVerify", HmacVerify},
                       {"aesCbc", AesCbc},
                       {"aesGcm", AesGcm},
                       {"aesCtr", AesCtr},
                       {"chaCha20Poly1305", ChaCha20Poly1305},
                       {"aesKeyWrap", AesKeyWrap},
                       {"cryptoHkdf", Hkdf},
                       {"cryptoPbkdf2", Pbkdf2}});
}

}  // namespace limpet::api
