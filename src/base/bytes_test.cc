#include "base/bytes.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

TEST(Bytes, HexComesBackAsTheBytesItWasMadeOf) {
  Bytes bytes("\x00\x7F\x80\xFF", 4);
  EXPECT_EQ(ToHex(bytes), "007f80ff");
  EXPECT_EQ(FromHex("007F80fF"), bytes);
  EXPECT_EQ(FromHex(""), Bytes());
}

TEST(Bytes, WhatIsNotHexIsRefused) {
  for (std::string_view text : {"0", "0g", "-1", "0x", " 0", "é"}) EXPECT_EQ(FromHex(text), std::nullopt) << text;
}

TEST(Bytes, OnlyWellFormedUtf8IsUtf8) {
  for (BytesView good : {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << ToHex(good);
    EXPECT_EQ(ToValidUtf8(good), good);
  }
  // Overlong, surrogate, beyond U+10FFFF, cut off, a lone continuation.
  for (BytesView bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8", "\xE2\x82", "\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << ToHex(bad);
  }
}

TEST(Bytes, EachMaximalIllFormedPartBecomesOneReplacementCharacter) {
  EXPECT_EQ(ToValidUtf8("a\xF0\x9F\x98z"), "a\uFFFDz");          // A cut-off sequence: one.
  EXPECT_EQ(ToValidUtf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // A surrogate: no prefix of it is good.
  EXPECT_EQ(ToValidUtf8("\xC2\xC2\x80\xFF"), "\uFFFD\u0080\uFFFD");
}

TEST(Bytes, BigEndianNumbersSortAsBytes) {
  Bytes small, large;
  AppendBigEndian64(small, 255);
  AppendBigEndian64(large, 256);
  EXPECT_LT(small, large);
  EXPECT_EQ(ReadBigEndian64(small), 255u);
  AppendBigEndian64(large, UINT64_MAX);
  EXPECT_EQ(ReadBigEndian64(BytesView(large).substr(8)), UINT64_MAX);
}

TEST(Bytes, CaseIsThatOfAsciiLettersOnly) {
  EXPECT_TRUE(EqualsIgnoreCase("Content-TYPE", "content-type"));
  EXPECT_FALSE(EqualsIgnoreCase("a", "ab"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));  // They differ by the bit that letters differ by.
  EXPECT_EQ(ToLowerAscii("AZ[É"), "az[É");
}

}  // namespace
}  // namespace limpet
