// Arithmetic modulo a prime, for the curves: numbers of kLimbs words, least first, always less than the modulus. What
// is multiplied is in Montgomery's form, a·2^(64·kLimbs): Enter makes it, Leave undoes it, and the product of a number
// in that form with one that is not is one that is not. Immutable: any thread.
// https://cacr.uwaterloo.ca/hac/about/chap14.pdf, 14.36
// All but Inverse takes the same time and touches the same memory whatever the numbers are.
#pragma once

#include <openssl/bn.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace limpet::api {

template <size_t kLimbs>
class Field {
 public:
  using Element = std::array<uint64_t, kLimbs>;
  static constexpr size_t kBits = 64 * kLimbs;

  // `modulus` is an odd prime of at most kBits and more than kBits - 64 bits.
  explicit Field(const BIGNUM* modulus) : modulus_(FromNumber(modulus)) {
    negative_inverse_ = 1;  // Newton: each step doubles how many low bits are right.
    for (int i = 0; i < 6; ++i) negative_inverse_ *= 2 + modulus_[0] * negative_inverse_;
    one_ = Element{1};
    for (size_t i = 0; i < kBits; ++i) one_ = Add(one_, one_);
    square_ = one_;
    for (size_t i = 0; i < kBits; ++i) square_ = Add(square_, square_);
  }

  const Element& modulus() const { return modulus_; }
  const Element& one() const { return one_; }  // In Montgomery's form.

  Element Add(const Element& a, const Element& b) const {
    Element sum;
    uint64_t carry = 0;
    for (size_t i = 0; i < kLimbs; ++i) {
      Wide wide = Wide{a[i]} + b[i] + carry;
      sum[i] = static_cast<uint64_t>(wide);
      carry = static_cast<uint64_t>(wide >> 64);
    }
    return Reduced(sum, carry);
  }

  Element Subtract(const Element& a, const Element& b) const {
    Element difference;
    uint64_t mask = 0 - Borrow(a, b, difference);
    uint64_t carry = 0;
    for (size_t i = 0; i < kLimbs; ++i) {
      Wide wide = Wide{difference[i]} + (modulus_[i] & mask) + carry;
      difference[i] = static_cast<uint64_t>(wide);
      carry = static_cast<uint64_t>(wide >> 64);
    }
    return difference;
  }

  // a·b/2^kBits. One of the two may be any number of kBits.
  Element Multiply(const Element& a, const Element& b) const {
    uint64_t sum[kLimbs + 2] = {};
#pragma clang loop unroll(full)
    for (size_t i = 0; i < kLimbs; ++i) {
      uint64_t carry = 0;
#pragma clang loop unroll(full)
      for (size_t j = 0; j < kLimbs; ++j) {
        Wide wide = Wide{a[j]} * b[i] + sum[j] + carry;
        sum[j] = static_cast<uint64_t>(wide);
        carry = static_cast<uint64_t>(wide >> 64);
      }
      Wide top = Wide{sum[kLimbs]} + carry;
      uint64_t factor = sum[0] * negative_inverse_;
      carry = static_cast<uint64_t>((Wide{factor} * modulus_[0] + sum[0]) >> 64);
#pragma clang loop unroll(full)
      for (size_t j = 1; j < kLimbs; ++j) {
        Wide wide = Wide{factor} * modulus_[j] + sum[j] + carry;
        sum[j - 1] = static_cast<uint64_t>(wide);
        carry = static_cast<uint64_t>(wide >> 64);
      }
      top += carry;
      sum[kLimbs - 1] = static_cast<uint64_t>(top);
      sum[kLimbs] = static_cast<uint64_t>(top >> 64);
    }
    Element product;
    std::memcpy(product.data(), sum, sizeof product);
    return Reduced(product, sum[kLimbs]);
  }
  Element Square(const Element& a) const { return Multiply(a, a); }

  Element Enter(const Element& a) const { return Multiply(a, square_); }
  Element Leave(const Element& a) const { return Multiply(a, Element{1}); }

  // 1/a, neither in Montgomery's form. `a` is not zero, and no secret: how long this takes tells what it is.
  // Kaliski, "The Montgomery inverse and its applications": a/2^shifts first, by subtracting and halving.
  Element Inverse(const Element& a) const {
    Element u = modulus_, v = a;
    // The modulus is u·s + v·r throughout, so neither r nor s is more than that.
    Element r{}, s{1};
    size_t shifts = 0;
    auto halve = [&shifts](Element& even, Element& doubled) {
      int zeros = even[0] == 0 ? 63 : std::countr_zero(even[0]);
      for (size_t i = 0; i < kLimbs; ++i) {
        even[i] = even[i] >> zeros | (i + 1 < kLimbs ? even[i + 1] << 1 << (63 - zeros) : 0);
      }
      for (size_t i = kLimbs - 1; i > 0; --i) doubled[i] = doubled[i] << zeros | doubled[i - 1] >> 1 >> (63 - zeros);
      doubled[0] <<= zeros;
      shifts += static_cast<size_t>(zeros);
    };
    auto add = [](Element& to, const Element& what) {
      uint64_t carry = 0;
      for (size_t i = 0; i < kLimbs; ++i) {
        Wide wide = Wide{to[i]} + what[i] + carry;
        to[i] = static_cast<uint64_t>(wide);
        carry = static_cast<uint64_t>(wide >> 64);
      }
    };
    while ((v[0] & 1) == 0) halve(v, r);
    while (u != v) {  // Both are odd; equal are they only at 1.
      Element difference;
      if (Borrow(u, v, difference) == 0) {
        u = difference;
        add(r, s);
        do halve(u, s);
        while ((u[0] & 1) == 0);
      } else {
        Borrow(v, u, v);
        add(s, r);
        do halve(v, r);
        while ((v[0] & 1) == 0);
      }
    }
    Element found = s;  // 2^shifts/a, since a·s is v·2^shifts.
    if (shifts > kBits) {
      found = Leave(found);
      shifts -= kBits;
    }
    if (shifts == kBits) return Leave(found);
    Element power{};
    power[(kBits - shifts) / 64] = uint64_t{1} << (kBits - shifts) % 64;
    return Multiply(found, power);
  }

  // Of `big_endian`, at most 8·kLimbs bytes.
  static Element FromBytes(BytesView big_endian) {
    Element element{};
    for (size_t i = 0; i < big_endian.size(); ++i) {
      element[i / 8] |= uint64_t{static_cast<uint8_t>(big_endian[big_endian.size() - 1 - i])} << 8 * (i % 8);
    }
    return element;
  }
  static Element FromNumber(const BIGNUM* number) {
    char bytes[8 * kLimbs];
    BN_bn2binpad(number, reinterpret_cast<uint8_t*>(bytes), sizeof bytes);
    return FromBytes({bytes, sizeof bytes});
  }
  static bool IsZero(const Element& a) {
    uint64_t all = 0;
    for (uint64_t limb : a) all |= limb;
    return all == 0;
  }
  static bool IsLess(const Element& a, const Element& b) {
    Element difference;
    return Borrow(a, b, difference) != 0;
  }
  // `a` less the modulus, if it is not less than that. Of a number below twice the modulus.
  Element Reduced(const Element& a, uint64_t carry = 0) const {
    Element less;
    uint64_t keep = 0 - static_cast<uint64_t>(Borrow(a, modulus_, less) > carry);
    for (size_t i = 0; i < kLimbs; ++i) less[i] = (a[i] & keep) | (less[i] & ~keep);
    return less;
  }

 private:
  __extension__ using Wide = unsigned __int128;

  // a - b modulo 2^kBits, and what had to be borrowed for it: 0 or 1. `difference` may be one of them.
  static uint64_t Borrow(const Element& a, const Element& b, Element& difference) {
    uint64_t borrow = 0;
    for (size_t i = 0; i < kLimbs; ++i) {
      Wide wide = Wide{a[i]} - b[i] - borrow;
      difference[i] = static_cast<uint64_t>(wide);
      borrow = static_cast<uint64_t>(wide >> 64) & 1;
    }
    return borrow;
  }

  Element modulus_, one_, square_;  // 2^kBits and 2^(2·kBits) modulo the modulus.
  uint64_t negative_inverse_;       // Of the modulus, modulo 2^64.
};

}  // namespace limpet::api
