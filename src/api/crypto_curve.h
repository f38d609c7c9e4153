// Points of a curve y² = x³ - 3x + b over a prime field, for what is no secret: the time that all this takes depends on
// the numbers. Immutable once made: any thread.
// https://hyperelliptic.org/EFD/g1p/auto-shortw-jacobian-3.html
#pragma once

#include <span>
#include <vector>

#include "api/crypto_field.h"

// Of OpenSSL's own P-256 in the host's binary; without them (null) P-256 is reckoned as the others are. Numbers are as
// Field has them. The first input may be the result.
extern "C" {
[[gnu::weak]] void ecp_nistz256_point_double(uint64_t* result, const uint64_t* point);
[[gnu::weak]] void ecp_nistz256_point_add_affine(uint64_t* result, const uint64_t* point, const uint64_t* affine);
}

namespace limpet::api {

template <size_t kLimbs>
class CurveArithmetic {
 public:
  using Element = Field<kLimbs>::Element;
  struct Affine {
    Element x, y;
  };
  // x/z² and y/z³, all in Montgomery's form; z = 0: infinity.
  struct Point {
    Element x, y, z;
  };
  // What a point is multiplied from: kPieces tables of odd multiples, of the point times 2^(step_bits()·piece).
  struct Multiples {
    size_t odd;  // How many a piece has.
    std::vector<Affine> all;
  };
  static constexpr size_t kPieces = 4;

  // `native`: with the host's P-256, if this is that.
  explicit CurveArithmetic(const BIGNUM* prime, bool native = true)
      : field_(prime),
        step_bits_((static_cast<size_t>(BN_num_bits(prime)) + kPieces) / kPieces),
        native_(native && kLimbs == 4 && ecp_nistz256_point_double != nullptr &&
                ecp_nistz256_point_add_affine != nullptr) {}

  const Field<kLimbs>& field() const { return field_; }

  // `odd` is a power of 2 and at most 64.
  Multiples MultiplesOf(const Affine& point, size_t odd) const {
    std::vector<Point> some;  // Each piece's point, and twice that.
    Point at = {point.x, point.y, field_.one()};
    for (size_t piece = 0; piece < kPieces; ++piece) {
      some.push_back(at);
      Double(at);
      some.push_back(at);
      for (size_t i = 1; i < step_bits_ && piece + 1 < kPieces; ++i) Double(at);
    }
    std::vector<Affine> bases = ToAffine(some);
    some.clear();
    for (size_t piece = 0; piece < kPieces; ++piece) {
      at = {bases[2 * piece].x, bases[2 * piece].y, field_.one()};
      for (size_t i = 0; i < odd; ++i) {
        some.push_back(at);
        Add(at, bases[2 * piece + 1]);
      }
    }
    return {odd, ToAffine(some)};
  }

  // Sets `sum` to a·A + b·B. False: not found out, since it or something on the way is infinity, or the same point
  // met itself, which Add can't do; that happens to numbers that were made to.
  bool MultiplyBoth(const Element& a, const Multiples& of_a, const Element& b, const Multiples& of_b,
                    Point& sum) const {
    Digits digits_a = DigitsOf(a, of_a), digits_b = DigitsOf(b, of_b);
    bool started = false;
    auto add = [&](const Multiples& multiples, size_t piece, int8_t digit) {
      Affine affine = multiples.all[piece * multiples.odd + static_cast<size_t>(digit < 0 ? -digit : digit) / 2];
      if (digit < 0) affine.y = field_.Subtract({}, affine.y);
      if (started) return Add(sum, affine);
      sum = {affine.x, affine.y, field_.one()};
      started = true;
    };
    for (size_t step = step_bits_; step > 0; --step) {
      if (started) Double(sum);
      for (size_t piece = 0; piece < kPieces; ++piece) {
        size_t i = piece * step_bits_ + step - 1;
        if (digits_a[i] != 0) add(of_a, piece, digits_a[i]);
        if (digits_b[i] != 0) add(of_b, piece, digits_b[i]);
        if (started && Field<kLimbs>::IsZero(sum.z)) return false;
      }
    }
    return started;
  }

 private:
  using Digits = std::array<int8_t, 64 * kLimbs + kPieces>;

  // dbl-2001-b
  void Double(Point& point) const {
    if constexpr (kLimbs == 4) {
      if (native_) return ecp_nistz256_point_double(point.x.data(), point.x.data());
    }
    const Field<kLimbs>& f = field_;
    auto twice = [&f](const Element& a) { return f.Add(a, a); };
    Element delta = f.Square(point.z), gamma = f.Square(point.y), beta = f.Multiply(point.x, gamma);
    Element alpha = f.Multiply(f.Subtract(point.x, delta), f.Add(point.x, delta));
    alpha = f.Add(alpha, twice(alpha));
    point.z = f.Subtract(f.Square(f.Add(point.y, point.z)), f.Add(gamma, delta));
    Element beta_4 = twice(twice(beta));
    point.x = f.Subtract(f.Square(alpha), twice(beta_4));
    point.y = f.Subtract(f.Multiply(alpha, f.Subtract(beta_4, point.x)), twice(twice(twice(f.Square(gamma)))));
  }

  // madd. To the same point, or the one opposite, it gives infinity.
  void Add(Point& point, const Affine& affine) const {
    if constexpr (kLimbs == 4) {
      if (native_) return ecp_nistz256_point_add_affine(point.x.data(), point.x.data(), affine.x.data());
    }
    const Field<kLimbs>& f = field_;
    Element zz = f.Square(point.z);
    Element h = f.Subtract(f.Multiply(affine.x, zz), point.x);
    Element r = f.Subtract(f.Multiply(affine.y, f.Multiply(zz, point.z)), point.y);
    Element hh = f.Square(h), hhh = f.Multiply(h, hh), v = f.Multiply(point.x, hh);
    point.z = f.Multiply(point.z, h);
    point.x = f.Subtract(f.Subtract(f.Square(r), hhh), f.Add(v, v));
    point.y = f.Subtract(f.Multiply(r, f.Subtract(v, point.x)), f.Multiply(point.y, hhh));
  }

  // All at the price of one inversion. None is infinity.
  std::vector<Affine> ToAffine(std::span<const Point> points) const {
    const Field<kLimbs>& f = field_;
    std::vector<Element> products;  // Of each z with all before it.
    for (const Point& point : points)
      products.push_back(products.empty() ? point.z : f.Multiply(products.back(), point.z));
    Element inverse = f.Enter(f.Inverse(f.Leave(products.back())));
    std::vector<Affine> all(points.size());
    for (size_t i = points.size(); i-- > 0;) {
      Element z = i == 0 ? inverse : f.Multiply(inverse, products[i - 1]);
      inverse = f.Multiply(inverse, points[i].z);
      Element zz = f.Square(z);
      all[i] = {f.Multiply(points[i].x, zz), f.Multiply(points[i].y, f.Multiply(zz, z))};
    }
    return all;
  }

  // `number` as a sum of digits times powers of 2 whose exponents are their indices: odd, or 0, as far apart as the
  // multiples allow (the w-ary non-adjacent form).
  Digits DigitsOf(const Element& number, const Multiples& multiples) const {
    Digits digits{};
    auto width = static_cast<size_t>(std::bit_width(multiples.odd)) + 1;
    size_t length = kPieces * step_bits_;  // At least a bit more than the number has.
    auto bits_at = [&number](size_t bit, size_t count) {
      size_t limb = bit / 64, shift = bit % 64;
      if (limb >= kLimbs) return uint64_t{0};
      uint64_t bits = number[limb] >> shift;
      if (shift + count > 64 && limb + 1 < kLimbs) bits |= number[limb + 1] << (64 - shift);
      return bits & ((uint64_t{1} << count) - 1);
    };
    uint64_t carry = 0;
    for (size_t bit = 0; bit < length;) {
      if (bits_at(bit, 1) == carry) {
        ++bit;
        continue;
      }
      uint64_t word = bits_at(bit, width) + carry;
      carry = word >> (width - 1) & 1;
      digits[bit] = static_cast<int8_t>(static_cast<int64_t>(word) - static_cast<int64_t>(carry << width));
      bit += width;
    }
    return digits;
  }

  Field<kLimbs> field_;
  size_t step_bits_;
  bool native_;
};

}  // namespace limpet::api
