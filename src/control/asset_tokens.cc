#include "control/asset_tokens.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "control/rest.h"

namespace limpet::control {
namespace {

constexpr std::string_view kHeader = R"({"alg":"HS256","typ":"JWT"})";

const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string EncodeUrl64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), Octets(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

std::optional<Bytes> DecodeUrl64(std::string_view text) {
  std::string padded(text);
  for (char& c : padded) c = c == '-' ? '+' : c == '_' ? '/' : c;
  padded.append((4 - padded.size() % 4) % 4, '=');
  return DecodeBase64(padded);
}

std::string Sign(std::string_view secret, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), Octets(text), text.size(), digest, &size);
  return std::string(reinterpret_cast<const char*>(digest), size);
}

}  // namespace

std::optional<Bytes> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return Bytes();
  size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  // EVP_DecodeBlock takes spaces around and padding within.
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.substr(0, text.size() - padding).find_first_not_of(kAlphabet) != std::string_view::npos) return std::nullopt;
  Bytes out(text.size() / 4 * 3, '\0');
  int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), Octets(text), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

std::string MakeAssetToken(std::string_view secret, const Json& claims) {
  std::string text = EncodeUrl64(kHeader) + "." + EncodeUrl64(ToText(claims));
  return text + "." + EncodeUrl64(Sign(secret, text));
}

std::optional<Json> ReadAssetToken(std::string_view secret, std::string_view token, int64_t now) {
  size_t second = token.rfind('.');
  size_t first = token.find('.');
  if (first == std::string_view::npos || first == second || secret.empty()) return std::nullopt;
  std::string signature = EncodeUrl64(Sign(secret, token.substr(0, second)));
  if (!EqualsConstantTime(token.substr(second + 1), signature)) return std::nullopt;
  std::optional<Bytes> text = DecodeUrl64(token.substr(first + 1, second - first - 1));
  if (!text) return std::nullopt;
  Result<Json> claims = ParseJson(*text);
  if (!claims.has_value() || (*claims)["exp"].AsInt64() <= now) return std::nullopt;
  return std::move(claims).value();
}

}  // namespace limpet::control
