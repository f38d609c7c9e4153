#include "api/crypto_der.h"

#include <array>
#include <optional>
#include <string_view>

namespace limpet::api {
namespace {

using std::string_view_literals::operator""sv;

const uint8_t* Data(BytesView view) { return reinterpret_cast<const uint8_t*>(view.data()); }

NumberPtr Number(BytesView big_endian) {
  return NumberPtr(BN_bin2bn(Data(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

// The fixed bytes around the fixed places of the keys of a curve.
struct Layout {
  BytesView public_head;                // Of a SubjectPublicKeyInfo; the point is the rest.
  BytesView private_head, private_mid;  // Of PKCS #8, before the scalar and before the point.
};
constexpr std::array<Layout, kCurves.size()> kLayouts = {{
    {"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"sv,
     "\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04"
     "\x6d"
     "\x30\x6b\x02\x01\x01\x04\x20"sv,
     "\xa1\x44\x03\x42\x00\x04"sv},
    {"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04"sv,
     "\x30\x81\xb6\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x04\x81\x9e"
     "\x30\x81\x9b\x02\x01\x01\x04\x30"sv,
     "\xa1\x64\x03\x62\x00\x04"sv},
    {"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00\x04"sv,
     "\x30\x81\xee\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x04\x81\xd6"
     "\x30\x81\xd3\x02\x01\x01\x04\x42"sv,
     "\xa1\x81\x89\x03\x81\x86\x00\x04"sv},
}};

// Whether `scalar` is in its range and times the generator is `point`.
bool IsPair(const EC_GROUP* group, const BIGNUM* scalar, const EC_POINT* point) {
  if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0) return false;
  PointPtr own(EC_POINT_new(group));
  return EC_POINT_mul(group, own.get(), scalar, nullptr, nullptr, nullptr) == 1 &&
         EC_POINT_cmp(group, own.get(), point, nullptr) == 0;
}

std::unique_ptr<Key> EllipticKey(bool secret, BytesView der) {
  for (size_t i = 0; i < kLayouts.size(); ++i) {
    const Layout& layout = kLayouts[i];
    const Curve& curve = kCurves[i];
    size_t point_bytes = 1 + 2 * curve.bytes;  // With the 4 that ends the fixed bytes.
    BytesView head = secret ? layout.private_head : layout.public_head;
    size_t size = head.size() + point_bytes - 1 + (secret ? curve.bytes + layout.private_mid.size() : 0);
    if (der.size() != size || !der.starts_with(head)) continue;
    if (secret && der.substr(head.size() + curve.bytes, layout.private_mid.size()) != layout.private_mid) continue;
    const EC_GROUP* group = GroupOf(curve);
    PointPtr point(EC_POINT_new(group));
    BytesView encoded = der.substr(size - point_bytes);
    if (EC_POINT_oct2point(group, point.get(), Data(encoded), point_bytes, nullptr) != 1) return nullptr;
    BytesView scalar = der.substr(head.size(), secret ? curve.bytes : 0);
    if (secret && !IsPair(group, Number(scalar).get(), point.get())) return nullptr;
    return Key::Elliptic(curve, encoded, scalar);
  }
  return nullptr;
}

// Reads DER from front to back; absent: something else is there.
class Reader {
 public:
  explicit Reader(BytesView rest) : rest_(rest) {}
  bool empty() const { return rest_.empty(); }

  bool Skip(BytesView expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  // What is inside one element with this tag, of less than 64 KiB and with the shortest form of its length.
  std::optional<BytesView> Inside(uint8_t tag) {
    if (rest_.size() < 2 || Data(rest_)[0] != tag) return std::nullopt;
    size_t size = Data(rest_)[1];
    size_t head = 2;
    if (size >= 0x80) {
      head += size - 0x80;
      if (head < 3 || head > 4 || rest_.size() < head) return std::nullopt;
      size = head == 3 ? Data(rest_)[2] : Data(rest_)[2] * size_t{256} + Data(rest_)[3];
      if (size < (head == 3 ? 0x80 : 0x100)) return std::nullopt;
    }
    if (rest_.size() - head < size) return std::nullopt;
    BytesView inside = rest_.substr(head, size);
    rest_.remove_prefix(head + size);
    return inside;
  }

  // An odd number above zero, in the shortest form, big-endian without a zero in front.
  std::optional<BytesView> OddNumber() {
    std::optional<BytesView> number = Inside(0x02);
    if (!number || number->empty() || (Data(*number)[number->size() - 1] & 1) == 0) return std::nullopt;
    if (Data(*number)[0] >= 0x80) return std::nullopt;
    if (Data(*number)[0] == 0) {
      number->remove_prefix(1);
      if (number->empty() || Data(*number)[0] < 0x80) return std::nullopt;
    }
    return number;
  }

 private:
  BytesView rest_;
};

// https://www.rfc-editor.org/rfc/rfc3279#section-2.3.1. Of any size.
std::unique_ptr<Key> RsaPublicKey(BytesView der) {
  Reader file(der);
  std::optional<BytesView> info = file.Inside(0x30);
  if (!info || !file.empty()) return nullptr;
  Reader fields(*info);
  if (!fields.Skip("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"sv)) return nullptr;
  std::optional<BytesView> bits = fields.Inside(0x03);
  if (!bits || !fields.empty() || !bits->starts_with('\0')) return nullptr;
  Reader string(bits->substr(1));
  std::optional<BytesView> sequence = string.Inside(0x30);
  if (!sequence || !string.empty()) return nullptr;
  Reader numbers(*sequence);
  std::optional<BytesView> modulus = numbers.OddNumber();
  std::optional<BytesView> exponent = numbers.OddNumber();
  if (!modulus || !exponent || !numbers.empty()) return nullptr;
  return Key::Rsa(*modulus, *exponent);
}

}  // namespace

std::unique_ptr<Key> KeyFromUsualDer(bool secret, BytesView der) {
  if (std::unique_ptr<Key> key = EllipticKey(secret, der)) return key;
  return secret ? nullptr : RsaPublicKey(der);
}

}  // namespace limpet::api
