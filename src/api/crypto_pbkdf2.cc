// PBKDF2, https://www.rfc-editor.org/rfc/rfc8018#section-5.2: its hundred thousands of HMACs are two compressions each,
// where OpenSSL's own loop copies contexts and looks functions up around each. The compression is OpenSSL's.
#define OPENSSL_SUPPRESS_DEPRECATED  // Only the low-level calls give a compression.
#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <bit>
#include <climits>
#include <cstring>

#include "api/crypto_support.h"

namespace limpet::api {
namespace {

static_assert(std::endian::native == std::endian::little);
SHA_LONG BigEndian(SHA_LONG word) { return __builtin_bswap32(word); }
SHA_LONG64 BigEndian(SHA_LONG64 word) { return __builtin_bswap64(word); }

// What the loop asks of a hash: words of state, how many of them are the digest, and how OpenSSL steps.
struct Sha1 {
  using Word = SHA_LONG;
  using State = SHA_CTX;
  static constexpr size_t kBlockBytes = SHA_CBLOCK, kDigestWords = 5;
  static void Start(State* state) { SHA1_Init(state); }
  static void Step(State* state, const uint8_t* block) { SHA1_Transform(state, block); }
  static std::array<Word, 5> Words(const State& state) { return {state.h0, state.h1, state.h2, state.h3, state.h4}; }
};
struct Sha256 {
  using Word = SHA_LONG;
  using State = SHA256_CTX;
  static constexpr size_t kBlockBytes = SHA256_CBLOCK, kDigestWords = 8;
  static void Start(State* state) { SHA256_Init(state); }
  static void Step(State* state, const uint8_t* block) { SHA256_Transform(state, block); }
  static std::array<Word, 8> Words(const State& state) { return std::to_array(state.h); }
};
struct Sha512 {
  using Word = SHA_LONG64;
  using State = SHA512_CTX;
  static constexpr size_t kBlockBytes = SHA512_CBLOCK, kDigestWords = 8;
  static void Start(State* state) { SHA512_Init(state); }
  static void Step(State* state, const uint8_t* block) { SHA512_Transform(state, block); }
  static std::array<Word, 8> Words(const State& state) { return std::to_array(state.h); }
};
struct Sha384 : Sha512 {
  static constexpr size_t kDigestWords = 6;
  static void Start(State* state) { SHA384_Init(state); }
};

// `password` is one block, zeros behind it.
template <typename Hash>
bool Derive(const EVP_MD* hash, const uint8_t* password, BytesView salt, uint32_t iterations, uint8_t* out,
            size_t out_bytes) {
  using Word = Hash::Word;
  constexpr size_t kDigestBytes = Hash::kDigestWords * sizeof(Word);
  typename Hash::State inner, outer, state;
  uint8_t inner_pad[Hash::kBlockBytes], outer_pad[Hash::kBlockBytes];
  for (size_t i = 0; i < Hash::kBlockBytes; ++i) {
    inner_pad[i] = password[i] ^ 0x36;
    outer_pad[i] = password[i] ^ 0x5C;
  }
  Hash::Start(&inner);
  Hash::Step(&inner, inner_pad);
  Hash::Start(&outer);
  Hash::Step(&outer, outer_pad);

  // A digest as all that follows the first block of a message: the padding behind it is always the same.
  Word block[Hash::kBlockBytes / sizeof(Word)] = {};
  auto* bytes = reinterpret_cast<uint8_t*>(block);
  bytes[kDigestBytes] = 0x80;
  block[std::size(block) - 1] = BigEndian(static_cast<Word>(Hash::kBlockBytes + kDigestBytes) * CHAR_BIT);
  auto take = [&] {  // The state is the next message.
    std::array words = Hash::Words(state);
    for (size_t i = 0; i < Hash::kDigestWords; ++i) block[i] = BigEndian(words[i]);
  };

  HashContextPtr first(EVP_MD_CTX_new());
  bool done = true;
  for (uint32_t index = 1; done && out_bytes > 0; ++index) {
    uint32_t number = BigEndian(index);
    done = EVP_DigestInit_ex2(first.get(), hash, nullptr) == 1 &&
           EVP_DigestUpdate(first.get(), inner_pad, sizeof inner_pad) == 1 &&
           EVP_DigestUpdate(first.get(), salt.data(), salt.size()) == 1 &&
           EVP_DigestUpdate(first.get(), &number, sizeof number) == 1 &&
           EVP_DigestFinal_ex(first.get(), bytes, nullptr) == 1;
    Word sum[Hash::kDigestWords] = {};
    for (uint32_t round = 1; done; ++round) {
      state = outer;
      Hash::Step(&state, bytes);
      take();
      for (size_t i = 0; i < Hash::kDigestWords; ++i) sum[i] ^= block[i];
      if (round == iterations) break;
      state = inner;
      Hash::Step(&state, bytes);
      take();
    }
    size_t taken = std::min(out_bytes, kDigestBytes);
    std::memcpy(out, sum, taken);
    out += taken;
    out_bytes -= taken;
    OPENSSL_cleanse(sum, sizeof sum);
  }
  OPENSSL_cleanse(&inner, sizeof inner);
  OPENSSL_cleanse(&outer, sizeof outer);
  OPENSSL_cleanse(&state, sizeof state);
  OPENSSL_cleanse(inner_pad, sizeof inner_pad);
  OPENSSL_cleanse(outer_pad, sizeof outer_pad);
  OPENSSL_cleanse(block, sizeof block);
  return done;
}

}  // namespace

bool DerivePbkdf2(const EVP_MD* hash, BytesView password, BytesView salt, uint32_t iterations, uint8_t* out,
                  size_t out_bytes) {
  QuietErrors quiet;
  if (out_bytes == 0) return true;
  if (iterations == 0 || iterations > INT_MAX || out_bytes > INT_MAX) return false;
  decltype(&Derive<Sha256>) derive = nullptr;
  switch (EVP_MD_get_type(hash)) {
    case NID_sha1: derive = Derive<Sha1>; break;
    case NID_sha256: derive = Derive<Sha256>; break;
    case NID_sha384: derive = Derive<Sha384>; break;
    case NID_sha512: derive = Derive<Sha512>; break;
    default:  // MD5, for which nobody hurries.
      return password.size() <= INT_MAX && salt.size() <= INT_MAX &&
             PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                               reinterpret_cast<const uint8_t*>(salt.data()), static_cast<int>(salt.size()),
                               static_cast<int>(iterations), hash, static_cast<int>(out_bytes), out) == 1;
  }
  uint8_t key[SHA512_CBLOCK] = {};  // No hash here has longer blocks.
  bool done = true;
  if (password.size() > static_cast<size_t>(EVP_MD_get_block_size(hash))) {
    done = EVP_Digest(password.data(), password.size(), key, nullptr, hash, nullptr) == 1;
  } else if (!password.empty()) {
    std::memcpy(key, password.data(), password.size());
  }
  done = done && derive(hash, key, salt, iterations, out, out_bytes);
  OPENSSL_cleanse(key, sizeof key);
  return done;
}

}  // namespace limpet::api
