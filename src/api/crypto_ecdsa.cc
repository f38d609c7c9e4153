#include "api/crypto_ecdsa.h"

#include <algorithm>
#include <utility>

#include "api/crypto_curve.h"

namespace limpet::api {
namespace {

// More for the generator, which all keys of a curve share.
constexpr size_t kOddOfGenerator = 32, kOddOfKey = 8;

// Of a curve, whose numbers have `kLimbs` words.
template <size_t kLimbs>
struct Domain {
  using Arithmetic = CurveArithmetic<kLimbs>;
  using Scalars = Field<kLimbs>;

  // `point` is uncompressed.
  typename Arithmetic::Affine AffineOf(BytesView point) const {
    BytesView x = point.substr(1, curve.bytes), y = point.substr(1 + curve.bytes);
    const Field<kLimbs>& field = arithmetic.field();
    return {field.Enter(field.FromBytes(x)), field.Enter(field.FromBytes(y))};
  }

  const Curve& curve;
  Arithmetic arithmetic;
  Scalars scalars;  // Modulo the order.
  typename Arithmetic::Multiples generator;
  typename Scalars::Element prime_less_order;
};

template <size_t kLimbs>
Domain<kLimbs> MakeDomain(const Curve& curve) {
  const EC_GROUP* group = GroupOf(curve);
  uint8_t point[1 + 2 * 66];
  size_t size = EC_POINT_point2oct(group, EC_GROUP_get0_generator(group), POINT_CONVERSION_UNCOMPRESSED, point,
                                   sizeof point, nullptr);
  Domain<kLimbs> made{.curve = curve,
                      .arithmetic = CurveArithmetic<kLimbs>(EC_GROUP_get0_field(group)),
                      .scalars = Field<kLimbs>(EC_GROUP_get0_order(group)),
                      .generator = {},
                      .prime_less_order = {}};
  made.generator = made.arithmetic.MultiplesOf(made.AffineOf({reinterpret_cast<char*>(point), size}), kOddOfGenerator);
  NumberPtr difference(BN_new());
  BN_sub(difference.get(), EC_GROUP_get0_field(group), EC_GROUP_get0_order(group));
  made.prime_less_order = Field<kLimbs>::FromNumber(difference.get());
  return made;
}

// SEC 1, 4.1.4: https://www.secg.org/sec1-v2.pdf
template <size_t kLimbs>
class Verifier : public EcdsaVerifier {
 public:
  Verifier(const Domain<kLimbs>& domain, BytesView point)
      : domain_(domain), multiples_(domain.arithmetic.MultiplesOf(domain.AffineOf(point), kOddOfKey)) {}

  std::optional<bool> Verify(BytesView digest, BytesView signature) const override {
    using Element = Field<kLimbs>::Element;
    const Field<kLimbs>& scalars = domain_.scalars;
    size_t half = domain_.curve.bytes;
    if (signature.size() != 2 * half) return false;
    Element r = Field<kLimbs>::FromBytes(signature.substr(0, half));
    Element s = Field<kLimbs>::FromBytes(signature.substr(half));
    // 1.
    auto in_range = [&scalars](const Element& a) { return !scalars.IsZero(a) && scalars.IsLess(a, scalars.modulus()); };
    if (!in_range(r) || !in_range(s)) return false;
    // 3. No digest is as long as P-521's order, and the others' orders are whole bytes.
    Element e = scalars.Reduced(Field<kLimbs>::FromBytes(digest.substr(0, half)));
    // 4.
    Element inverse = scalars.Enter(scalars.Inverse(s));
    Element u1 = scalars.Multiply(e, inverse), u2 = scalars.Multiply(r, inverse);
    // 5.
    typename CurveArithmetic<kLimbs>::Point sum;
    if (!domain_.arithmetic.MultiplyBoth(u1, domain_.generator, u2, multiples_, sum)) return std::nullopt;
    // 6 to 8: x modulo the order is r where x is r, or r and the order. That x is sum.x/sum.z² need not be reckoned.
    const Field<kLimbs>& field = domain_.arithmetic.field();
    Element zz = field.Leave(field.Square(sum.z)), x = field.Leave(sum.x);
    auto is_x = [&](const Element& candidate) { return field.Multiply(field.Enter(candidate), zz) == x; };
    if (is_x(r)) return true;
    return field.IsLess(r, domain_.prime_less_order) && is_x(field.Add(r, scalars.modulus()));
  }

 private:
  const Domain<kLimbs>& domain_;
  CurveArithmetic<kLimbs>::Multiples multiples_;
};

template <size_t kCurve>
std::unique_ptr<const EcdsaVerifier> MakeVerifier(BytesView point) {
  constexpr const Curve& curve = kCurves[kCurve];
  constexpr size_t kLimbs = (curve.bytes + 7) / 8;
  static const Domain<kLimbs> kDomain = MakeDomain<kLimbs>(curve);
  return std::make_unique<Verifier<kLimbs>>(kDomain, point);
}

}  // namespace

std::unique_ptr<const EcdsaVerifier> EcdsaVerifier::Make(const Curve& curve, BytesView point) {
  switch (curve.type) {
    case KeyType::kP256: return MakeVerifier<0>(point);
    case KeyType::kP384: return MakeVerifier<1>(point);
    default: return MakeVerifier<2>(point);
  }
}

}  // namespace limpet::api
