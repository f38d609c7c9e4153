// Signatures right, wrong and odd, by our own reckoning and by OpenSSL's.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "api/crypto_ecdsa.h"

#include <gtest/gtest.h>
#include <openssl/ecdsa.h>

#include <random>
#include <string>
#include <vector>

#include "api/crypto_curve.h"

namespace limpet::api {
namespace {

using EcPtr = std::unique_ptr<EC_KEY, FreeWith<EC_KEY_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;
using GatherPtr = std::unique_ptr<BN_CTX, FreeWith<BN_CTX_free>>;

const uint8_t* Data(const std::string& bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

NumberPtr Number(const std::string& bytes) {
  return NumberPtr(BN_bin2bn(Data(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::string BytesOfNumber(const BIGNUM* number, size_t size) {
  std::string bytes(size, '\0');
  EXPECT_GE(BN_bn2binpad(number, reinterpret_cast<uint8_t*>(bytes.data()), static_cast<int>(size)), 0);
  return bytes;
}

class Ecdsa : public testing::TestWithParam<int> {
 protected:
  const Curve& curve_ = kCurves[static_cast<size_t>(GetParam())];
  const EC_GROUP* group_ = GroupOf(curve_);
  const BIGNUM* order_ = EC_GROUP_get0_order(group_);
  GatherPtr context_{BN_CTX_new()};
  std::mt19937_64 random_{20261127};
  size_t undecided_ = 0;

  std::string Random(size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }
  // Of the order's size at most.
  NumberPtr RandomScalar() {
    NumberPtr scalar = Number(Random(curve_.bytes + 8));
    BN_nnmod(scalar.get(), scalar.get(), order_, context_.get());
    return scalar;
  }
  EcPtr KeyOf(const EC_POINT* point) {
    EcPtr key(EC_KEY_new_by_curve_name(curve_.nid));
    EXPECT_EQ(EC_KEY_set_public_key(key.get(), point), 1);
    return key;
  }
  EcPtr KeyOf(const BIGNUM* secret) {
    PointPtr point(EC_POINT_new(group_));
    EXPECT_EQ(EC_POINT_mul(group_, point.get(), secret, nullptr, nullptr, context_.get()), 1);
    EcPtr key = KeyOf(point.get());
    EXPECT_EQ(EC_KEY_set_private_key(key.get(), secret), 1);
    return key;
  }
  std::unique_ptr<const EcdsaVerifier> VerifierOf(const EC_KEY* key) {
    char bytes[133];
    size_t size = EC_POINT_point2oct(group_, EC_KEY_get0_public_key(key), POINT_CONVERSION_UNCOMPRESSED,
                                     reinterpret_cast<uint8_t*>(bytes), sizeof bytes, nullptr);
    return EcdsaVerifier::Make(curve_, {bytes, size});
  }
  std::string Sign(EC_KEY* key, const std::string& digest) {
    SignaturePtr pair(ECDSA_do_sign(Data(digest), static_cast<int>(digest.size()), key));
    return BytesOfNumber(ECDSA_SIG_get0_r(pair.get()), curve_.bytes) +
           BytesOfNumber(ECDSA_SIG_get0_s(pair.get()), curve_.bytes);
  }
  // What OpenSSL says, after ours has said the same, or nothing.
  bool Check(EC_KEY* key, const EcdsaVerifier& verifier, const std::string& digest, const std::string& signature) {
    SignaturePtr pair(ECDSA_SIG_new());
    ECDSA_SIG_set0(pair.get(), Number(signature.substr(0, curve_.bytes)).release(),
                   Number(signature.substr(curve_.bytes)).release());
    bool right = ECDSA_do_verify(Data(digest), static_cast<int>(digest.size()), pair.get(), key) == 1;
    ERR_clear_error();
    std::optional<bool> found = verifier.Verify(digest, signature);
    if (!found) ++undecided_;
    EXPECT_EQ(found.value_or(right), right);
    return right;
  }
};

TEST_P(Ecdsa, TakesWhatOpenSslSignsAndNothingElse) {
  for (int round = 0; round < 4; ++round) {
    EcPtr key = KeyOf(RandomScalar().get());
    std::unique_ptr<const EcdsaVerifier> verifier = VerifierOf(key.get());
    for (size_t size : {20, 32, 48, 64}) {
      std::string digest = Random(size);
      std::string signature = Sign(key.get(), digest);
      EXPECT_TRUE(Check(key.get(), *verifier, digest, signature));
      for (int i = 0; i < 4; ++i) {
        std::string wrong = signature;
        wrong[random_() % wrong.size()] ^= static_cast<char>(1 << random_() % 8);
        EXPECT_FALSE(Check(key.get(), *verifier, digest, wrong));
      }
      std::string other = digest;
      other[random_() % std::min(size, curve_.bytes)] ^= 1;
      EXPECT_FALSE(Check(key.get(), *verifier, other, signature));
      EXPECT_EQ(verifier->Verify(digest, signature.substr(1)), false);
      EXPECT_EQ(verifier->Verify(digest, signature + '\0'), false);
    }
  }
  EXPECT_EQ(undecided_, 0);
}

TEST_P(Ecdsa, AgreesWithOpenSslOnNumbersAtTheRim) {
  std::vector<std::string> numbers = {std::string(curve_.bytes, '\0'), std::string(curve_.bytes, '\xFF')};
  for (const BIGNUM* near : {order_, EC_GROUP_get0_field(group_)}) {
    for (int distance = -2; distance <= 2; ++distance) {
      NumberPtr number(BN_dup(near));
      distance < 0 ? BN_sub_word(number.get(), static_cast<BN_ULONG>(-distance))
                   : BN_add_word(number.get(), static_cast<BN_ULONG>(distance));
      numbers.push_back(BytesOfNumber(number.get(), curve_.bytes));
    }
  }
  for (char small : {1, 2, 3}) {
    numbers.push_back(std::string(curve_.bytes - 1, '\0') + small);
    numbers.push_back(small + std::string(curve_.bytes - 1, '\0'));
  }
  EcPtr key = KeyOf(RandomScalar().get());
  std::unique_ptr<const EcdsaVerifier> verifier = VerifierOf(key.get());
  for (const std::string& r : numbers) {
    for (const std::string& s : numbers) {
      for (const std::string& digest : {Random(32), std::string(64, '\0'), std::string(64, '\xFF')}) {
        Check(key.get(), *verifier, digest, r + s);
      }
    }
    // Digests beside the order.
    std::string digest = r.substr(0, 64);
    EXPECT_TRUE(Check(key.get(), *verifier, digest, Sign(key.get(), digest)));
  }
}

// Points whose x is more than the order, so that r is not x: what random signatures never have.
TEST_P(Ecdsa, TakesAnXAboveTheOrder) {
  int found = 0;
  for (BN_ULONG low = 1; low < 40; ++low) {
    NumberPtr x(BN_dup(order_)), r(BN_new());
    BN_add_word(x.get(), low);
    BN_set_word(r.get(), low);
    PointPtr nonce(EC_POINT_new(group_)), point(EC_POINT_new(group_));
    if (EC_POINT_set_compressed_coordinates(group_, nonce.get(), x.get(), 0, context_.get()) != 1) continue;
    ++found;
    // The key to a signature and a digest that are given: (s·nonce - e·G)/r.
    NumberPtr s = RandomScalar(), inverse(BN_mod_inverse(nullptr, r.get(), order_, context_.get()));
    std::string digest = Random(32);
    NumberPtr u1 = Number(digest), u2(BN_new());
    BN_mod_mul(u1.get(), u1.get(), inverse.get(), order_, context_.get());
    BN_sub(u1.get(), order_, u1.get());
    BN_mod_mul(u2.get(), s.get(), inverse.get(), order_, context_.get());
    ASSERT_EQ(EC_POINT_mul(group_, point.get(), u1.get(), nonce.get(), u2.get(), context_.get()), 1);
    EcPtr key = KeyOf(point.get());
    std::unique_ptr<const EcdsaVerifier> verifier = VerifierOf(key.get());
    // P-256 and P-384 take a digest of 32 bytes as what it is worth; so does P-521.
    EXPECT_TRUE(Check(key.get(), *verifier, curve_.bytes == 48 ? std::string(16, '\0') + digest : digest,
                      BytesOfNumber(r.get(), curve_.bytes) + BytesOfNumber(s.get(), curve_.bytes)));
    // The other way round it is no signature: r is not to be more than the order.
    EXPECT_FALSE(Check(key.get(), *verifier, digest,
                       BytesOfNumber(x.get(), curve_.bytes) + BytesOfNumber(s.get(), curve_.bytes)));
  }
  ERR_clear_error();
  EXPECT_GT(found, 5);
}

// Keys that are small multiples of the generator, with signatures chosen so that a point is added to itself or to the
// one opposite.
TEST_P(Ecdsa, LeavesToOpenSslWhatItCanNotAdd) {
  for (int secret : {1, -1, 2, -2, 3, 5, 32}) {
    NumberPtr number(BN_new());
    BN_set_word(number.get(), static_cast<BN_ULONG>(std::abs(secret)));
    if (secret < 0) BN_sub(number.get(), order_, number.get());
    EcPtr key = KeyOf(number.get());
    std::unique_ptr<const EcdsaVerifier> verifier = VerifierOf(key.get());
    for (int i = 0; i < 8; ++i) {
      std::string digest = Random(32);
      EXPECT_TRUE(Check(key.get(), *verifier, digest, Sign(key.get(), digest)));
    }
    // With r = e = s the sum is the generator and the key.
    for (const std::string& same : {std::string(curve_.bytes - 1, '\0') + '\1', std::string(curve_.bytes, '\x11')}) {
      if (curve_.bytes == 66 && same[0] != 0) continue;
      Check(key.get(), *verifier, same.substr(curve_.bytes - std::min<size_t>(curve_.bytes, 64)), same + same);
    }
    // x of G + key, r = e = s: right, though doubling is what it takes when the key is the generator.
    NumberPtr one(BN_new()), x(BN_new());
    BN_one(one.get());
    PointPtr sum(EC_POINT_new(group_));
    EC_POINT_mul(group_, sum.get(), one.get(), EC_KEY_get0_public_key(key.get()), one.get(), context_.get());
    if (secret == -1 || curve_.bytes == 66) continue;  // No point; no digest is that long.
    ASSERT_EQ(EC_POINT_get_affine_coordinates(group_, sum.get(), x.get(), nullptr, context_.get()), 1);
    std::string r = BytesOfNumber(x.get(), curve_.bytes);
    EXPECT_TRUE(Check(key.get(), *verifier, r, r + r)) << secret;
  }
  EXPECT_GT(undecided_, 0);
}

INSTANTIATE_TEST_SUITE_P(AllCurves, Ecdsa, testing::Range(0, 3));

// The host's P-256, on which the verifier relies, and the arithmetic of all curves.
TEST(CurveArithmetic, IsTheSameWithTheHosts) {
  const EC_GROUP* group = GroupOf(kCurves[0]);
  using Arithmetic = CurveArithmetic<4>;
  Arithmetic native(EC_GROUP_get0_field(group)), plain(EC_GROUP_get0_field(group), false);
  const auto& field = native.field();
  NumberPtr x(BN_new()), y(BN_new());
  ASSERT_EQ(EC_POINT_get_affine_coordinates(group, EC_GROUP_get0_generator(group), x.get(), y.get(), nullptr), 1);
  auto affine = [&] {
    return Arithmetic::Affine{field.Enter(field.FromNumber(x.get())), field.Enter(field.FromNumber(y.get()))};
  };
  Arithmetic::Affine generator = affine();
  PointPtr other_point(EC_POINT_new(group));  // Y² has a root for one in two.
  do BN_add_word(x.get(), 1);
  while (EC_POINT_set_compressed_coordinates(group, other_point.get(), x.get(), 1, nullptr) != 1);
  ERR_clear_error();
  ASSERT_EQ(EC_POINT_get_affine_coordinates(group, other_point.get(), x.get(), y.get(), nullptr), 1);
  Arithmetic::Affine point = affine();
  std::mt19937_64 random(4);
  for (size_t odd : {1, 2, 8, 64}) {
    Arithmetic::Multiples a = native.MultiplesOf(generator, odd), b = native.MultiplesOf(point, odd);
    Arithmetic::Multiples plain_a = plain.MultiplesOf(generator, odd), plain_b = plain.MultiplesOf(point, odd);
    for (int i = 0; i < 20; ++i) {
      Arithmetic::Element u{random(), random(), random(), random() >> 1},
          v{random(), random(), random(), random() >> 1};
      Arithmetic::Point one, other;
      ASSERT_TRUE(native.MultiplyBoth(u, a, v, b, one));
      ASSERT_TRUE(plain.MultiplyBoth(u, plain_a, v, plain_b, other));
      EXPECT_EQ(field.Multiply(one.x, field.Square(other.z)), field.Multiply(other.x, field.Square(one.z)));
    }
  }
}

TEST(Field, InvertsWhatItMultiplies) {
  std::mt19937_64 random(5);
  for (const Curve& curve : kCurves) {
    for (const BIGNUM* modulus : {EC_GROUP_get0_order(GroupOf(curve)), EC_GROUP_get0_field(GroupOf(curve))}) {
      Field<9> field(curve.bytes == 66 ? modulus : EC_GROUP_get0_order(GroupOf(kCurves[2])));
      Field<4> small(EC_GROUP_get0_order(GroupOf(kCurves[0])));
      for (int i = 0; i < 300; ++i) {
        Field<9>::Element a{random(), random(), random(), random(), 0, random(), 0, random(), random() & 0xFF};
        if (i < 64) a = {uint64_t{1} << i};
        EXPECT_EQ(field.Multiply(field.Enter(a), field.Inverse(a)), (Field<9>::Element{1}));
        Field<4>::Element b{random(), random() >> i % 64, i % 3 == 0 ? 0 : random(), random() >> 1};
        if (i < 64) b = small.Subtract({}, {uint64_t{1} << i});
        EXPECT_EQ(small.Multiply(small.Enter(b), small.Inverse(b)), (Field<4>::Element{1}));
      }
    }
  }
}

}  // namespace
}  // namespace limpet::api
