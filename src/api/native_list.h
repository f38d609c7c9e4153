// The pure natives, by file. Each is a V8 callback; the built-ins vouch for the types of their arguments, so a wrong
// one is a TypeError at worst.
#pragma once

#include <vector>

#include "js/isolate.h"

namespace limpet::api {

void AddValueNatives(std::vector<js::NativeFunction>& to);          // native_values.cc
void AddTextNatives(std::vector<js::NativeFunction>& to);           // native_text.cc
void AddUrlNatives(std::vector<js::NativeFunction>& to);            // native_url.cc
void AddEncodingNatives(std::vector<js::NativeFunction>& to);       // native_encoding.cc
void AddMultiByteNatives(std::vector<js::NativeFunction>& to);      // native_multibyte.cc
void AddZlibNatives(std::vector<js::NativeFunction>& to);           // native_zlib.cc
void AddCryptoNatives(std::vector<js::NativeFunction>& to);         // native_crypto.cc
void AddCryptoKeyNatives(std::vector<js::NativeFunction>& to);      // native_crypto_keys.cc
void AddCryptoSignNatives(std::vector<js::NativeFunction>& to);     // native_crypto_sign.cc
void AddCryptoLatticeNatives(std::vector<js::NativeFunction>& to);  // native_crypto_lattice.cc

}  // namespace limpet::api
