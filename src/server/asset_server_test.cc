#include "server/asset_server.h"

#include <gtest/gtest.h>

namespace limpet::server {
namespace {

TEST(ReadRange, TakesOneRangeAndLeavesTheRestWhole) {
  struct Row {
    const char* header;
    WantedRange::Kind kind;
    uint64_t from, length;
  };
  using Kind = WantedRange::Kind;
  constexpr Row kRows[] = {
      {"bytes=0-0", Kind::kPart, 0, 1},
      {"bytes=2-", Kind::kPart, 2, 8},
      {"bytes=-3", Kind::kPart, 7, 3},
      {"bytes=-30", Kind::kPart, 0, 10},
      {"bytes=5-900", Kind::kPart, 5, 5},
      {"bytes=10-", Kind::kNone, 0, 0},
      {"bytes=-0", Kind::kNone, 0, 0},
      {"bytes=3-2", Kind::kWhole, 0, 0},
      {"bytes=0-1,3-4", Kind::kWhole, 0, 0},
      {"bytes=", Kind::kWhole, 0, 0},
      {"bytes=-", Kind::kWhole, 0, 0},
      {"bytes=a-b", Kind::kWhole, 0, 0},
      {"items=0-1", Kind::kWhole, 0, 0},
      {"bytes=+1-2", Kind::kWhole, 0, 0},
      {"bytes=0-99999999999999999999", Kind::kWhole, 0, 0},
  };
  for (const Row& row : kRows) {
    WantedRange read = ReadRange(row.header, 10);
    EXPECT_EQ(read.kind, row.kind) << row.header;
    EXPECT_EQ(read.range.from, row.from) << row.header;
    EXPECT_EQ(read.range.length, row.length) << row.header;
  }
  EXPECT_EQ(ReadRange("bytes=0-", 0).kind, Kind::kNone);
  EXPECT_EQ(ReadRange("bytes=-1", 0).kind, Kind::kNone);
}

TEST(AcceptedCoding, PrefersBrotli) {
  using net::ContentCoding;
  EXPECT_EQ(AcceptedCoding("gzip, deflate, br"), ContentCoding::kBrotli);
  EXPECT_EQ(AcceptedCoding("GZIP;q=0.5"), ContentCoding::kGzip);
  EXPECT_EQ(AcceptedCoding("br;q=0, gzip"), ContentCoding::kGzip);
  EXPECT_EQ(AcceptedCoding("br; q=0.000, gzip;q=0.0"), ContentCoding::kIdentity);
  EXPECT_EQ(AcceptedCoding("br;q=0.001"), ContentCoding::kBrotli);
  EXPECT_EQ(AcceptedCoding("deflate, zstd"), ContentCoding::kIdentity);
  EXPECT_EQ(AcceptedCoding(""), ContentCoding::kIdentity);
}

TEST(IsCompressible, GoesByTheType) {
  EXPECT_TRUE(IsCompressible("text/html; charset=utf-8"));
  EXPECT_TRUE(IsCompressible("application/wasm"));
  EXPECT_FALSE(IsCompressible("image/png"));
  EXPECT_FALSE(IsCompressible(""));
}

}  // namespace
}  // namespace limpet::server
