// Secrets as they lie in the store: sealed with a key that does not. AES-256-GCM of the host's OpenSSL.
//
// One loop.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"

namespace limpet::control {

class SecretBox {
 public:
  static constexpr size_t kKeyBytes = 32;

  // `key` has kKeyBytes; `random` outlives the box.
  SecretBox(Bytes key, Random& random);

  // `text`, sealed, in hex: a nonce of its own (12 bytes), what is sealed, the tag (16 bytes). `place` is where it
  // belongs ("script/NAME"): it can be opened as that alone. Error: kInternal.
  Result<std::string> Seal(std::string_view text, std::string_view place);
  // Errors: kCorrupt (not sealed so, or with another key, or in another place).
  Result<std::string> Open(std::string_view sealed, std::string_view place) const;

 private:
  Bytes key_;
  Random& random_;
};

}  // namespace limpet::control
