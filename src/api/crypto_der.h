// Keys in DER as everybody writes them, read byte by byte: OpenSSL's decoders try each format in turn, and an EVP_PKEY
// made through its providers costs several times what the numbers do. The keys are OpenSSL's low-level ones inside,
// which it hands to a provider when one is first used. Thread: any.
#pragma once

#include "api/crypto_support.h"

namespace limpet::api {

// P-256, P-384 or P-521 by OpenSSL's number, made once; null for another number.
const EC_GROUP* GroupByNid(int nid);

// A key at `point`, of `group`. `scalar` may be null, and belongs to the point otherwise. Null: OpenSSL refused.
KeyPtr EcKey(const EC_GROUP* group, const EC_POINT* point, const BIGNUM* scalar);

// A key of one of those curves (SubjectPublicKeyInfo, or PKCS #8 if `secret`) or a public one of RSA, its point on the
// curve, its scalar in range and the point's, its numbers odd. Null: another kind of key, another form of DER (which
// for RSA is none: this reader has all of it), or a wrong key.
KeyPtr KeyFromUsualDer(bool secret, BytesView der);

}  // namespace limpet::api
