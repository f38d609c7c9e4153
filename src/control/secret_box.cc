#include "control/secret_box.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

namespace limpet::control {
namespace {

constexpr int kNonceBytes = 12, kTagBytes = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* In(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Out(std::string& text, size_t at = 0) { return reinterpret_cast<unsigned char*>(text.data()) + at; }

}  // namespace

SecretBox::SecretBox(Bytes key, Random& random) : key_(std::move(key)), random_(random) {
  LIMPET_CHECK(key_.size() == kKeyBytes);
}

Result<std::string> SecretBox::Seal(std::string_view text, std::string_view place) {
  std::array<uint8_t, kNonceBytes> nonce;
  random_.Fill(nonce);
  std::string sealed(nonce.size() + text.size() + kTagBytes, '\0');
  std::copy(nonce.begin(), nonce.end(), sealed.begin());
  Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  bool good =
      context != nullptr &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, In(key_), nonce.data()) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &size, In(place), static_cast<int>(place.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), Out(sealed, nonce.size()), &size, In(text), static_cast<int>(text.size())) ==
          1 &&
      EVP_EncryptFinal_ex(context.get(), Out(sealed, nonce.size() + text.size()), &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, Out(sealed, nonce.size() + text.size())) == 1;
  if (!good) return Error(ErrorCode::kInternal, "a secret can't be sealed");
  return ToHex(sealed);
}

Result<std::string> SecretBox::Open(std::string_view sealed, std::string_view place) const {
  std::optional<Bytes> raw = FromHex(sealed);
  if (!raw || raw->size() < kNonceBytes + kTagBytes) return Error(ErrorCode::kCorrupt, "not a sealed secret");
  std::string text(raw->size() - kNonceBytes - kTagBytes, '\0');
  std::string rest;  // GCM writes nothing at its end; it asks for a place to.
  rest.resize(kTagBytes);
  Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  bool good =
      context != nullptr && EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, In(key_), In(*raw)) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, In(place), static_cast<int>(place.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), Out(text), &size, In(*raw) + kNonceBytes, static_cast<int>(text.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, Out(*raw, raw->size() - kTagBytes)) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Out(rest), &size) == 1;
  if (!good) return Error(ErrorCode::kCorrupt, "sealed with another key, or not where it belongs");
  return text;
}

}  // namespace limpet::control
