// How a page is stored: without its longest run of zeros, which is most of the page in a small database. Pure.
#pragma once

#include <span>

#include "base/bytes.h"
#include "sql/pages.h"

namespace limpet::sql {

// The first bytes of a record are those of the page, whatever is left out: a database's header can be read from it.
inline constexpr size_t kRecordHeadBytes = 104;

// `page` has kPageBytes. The record has as many, or fewer and then ends with the place of the zeros (2 bytes,
// big-endian).
Bytes PackPage(BytesView page);
// False: that is no record of a page.
bool UnpackPage(BytesView record, std::span<char, kPageBytes> into);

}  // namespace limpet::sql
