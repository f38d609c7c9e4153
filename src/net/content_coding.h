// Content-Encoding of bodies: gzip, and Brotli where a script's compatibility date has it. As workerd reads the header:
// exactly "gzip" or "br"; anything else (other cases, lists, deflate) passes as it is.
//
// A coded stream works on the thread and in the calls of whoever reads it, a bounded piece at a time.
#pragma once

#include <cstdint>

#include "base/http.h"

namespace limpet::net {

enum class ContentCoding : uint8_t { kIdentity, kGzip, kBrotli };

// Which codings are looked for.
struct ContentCodings {
  bool gzip = false;
  bool brotli = false;
};

ContentCoding ContentCodingOf(const HeaderList& headers, ContentCodings known);

// The content of a body that is coded. It fails with workerd's TypeErrors if the coding is broken or ends early.
Body DecodeContent(Body body, ContentCoding coding);
// The other way. What a stream has said is sent on when it has no more at hand, so that its reader need not wait for
// the end. An empty body at hand stays empty.
Body EncodeContent(Body body, ContentCoding coding);

}  // namespace limpet::net
