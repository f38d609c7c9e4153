// The Encoding standard's indexes: by pointer, 0 where there is nothing. Written at build time by encoding_tables.mjs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace limpet::api {

extern const uint32_t kBig5[];
extern const size_t kBig5Count;
extern const uint16_t kEucKr[];
extern const size_t kEucKrCount;
extern const uint16_t kGb18030[];
extern const size_t kGb18030Count;
extern const uint32_t kGb18030Ranges[];  // [pointer, code point, pointer, code point, …]
extern const size_t kGb18030RangesCount;
extern const uint16_t kJis0208[];
extern const size_t kJis0208Count;
extern const uint16_t kJis0212[];
extern const size_t kJis0212Count;

}  // namespace limpet::api
