// Keys in DER as everybody writes them, read byte by byte: OpenSSL's decoders try each format in turn. Thread: any.
#pragma once

#include <memory>

#include "api/crypto_key.h"

namespace limpet::api {

// A key of one of kCurves (SubjectPublicKeyInfo, or PKCS #8 if `secret`) or a public one of RSA, its point on the
// curve, its scalar in range and the point's, its numbers odd. Null: another kind of key, another form of DER (which
// for RSA is none: this reader has all of it), or a wrong key.
std::unique_ptr<Key> KeyFromUsualDer(bool secret, BytesView der);

}  // namespace limpet::api
