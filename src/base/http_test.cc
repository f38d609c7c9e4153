#include "base/http.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

std::string Text(const HeaderList& headers) {
  std::string text;
  for (size_t i = 0; i < headers.size(); ++i) {
    text.append(headers[i].name).append("=").append(headers[i].value).append(";");
  }
  return text;
}

TEST(HeaderList, KeepsOrderAndSpellingAndFindsNamesWithoutCase) {
  HeaderList headers;
  headers.Append("X-One", "1");
  headers.Append("x-two", "");
  headers.Append("x-ONE", "2");
  EXPECT_EQ(Text(headers), "X-One=1;x-two=;x-ONE=2;");
  EXPECT_EQ(headers.Get("x-one"), "1");
  EXPECT_EQ(headers.GetCombined("X-ONE"), "1, 2");
  EXPECT_EQ(headers.Get("X-Two"), "");
  EXPECT_EQ(headers.GetCombined("x-three"), std::nullopt);
  EXPECT_FALSE(headers.Has("x-tw"));
}

TEST(HeaderList, SetReplacesTheFirstAndDropsTheRest) {
  HeaderList headers;
  headers.Append("a", "1");
  headers.Append("b", "2");
  headers.Append("A", "3");
  headers.Set("A", "4");
  headers.Set("c", "5");
  EXPECT_EQ(Text(headers), "a=4;b=2;c=5;");
}

TEST(HeaderList, DeleteDropsAllOfAName) {
  HeaderList headers;
  headers.Append("a", "1");
  headers.Append("b", "2");
  headers.Append("A", "3");
  headers.Delete("A");
  headers.Delete("none");
  EXPECT_EQ(Text(headers), "b=2;");
}

TEST(HeaderList, ACopyStandsOnItsOwn) {
  HeaderList headers;
  headers.Append("a", "1");
  HeaderList copy = headers;
  headers.Set("a", "2");
  EXPECT_EQ(Text(copy), "a=1;");
}

TEST(HeaderList, ThePackedFormKeepsOrderAndWhatChanged) {
  using namespace std::string_literals;
  HeaderList headers;
  headers.Append("a", "1");
  headers.Append("B", "");
  EXPECT_EQ(headers.Packed(), "a\0001\0B\0\0"s);
  headers.Set("c", "3");
  EXPECT_EQ(headers.PackedView(), "a\0001\0B\0\0c\0003\0"s);
  headers.Set("A", "4");
  headers.Delete("b");
  EXPECT_EQ(headers.PackedView(), std::nullopt);
  EXPECT_EQ(headers.Packed(), "a\0004\0c\0003\0"s);
  HeaderList back = HeaderList::FromPacked(headers.Packed());
  EXPECT_EQ(Text(back), "a=4;c=3;");
  back.Append("d", "5");
  EXPECT_EQ(Text(back), "a=4;c=3;d=5;");
  EXPECT_EQ(Text(HeaderList::FromPacked("a\0001\0half"s)), "a=1;");
  EXPECT_TRUE(HeaderList::FromPacked("").empty());
}

TEST(Headers, NamesAreTokensAndValuesHoldNoLineEnds) {
  for (std::string_view good : {"a", "X-1", "!#$%&'*+-.^_`|~"}) EXPECT_TRUE(IsHeaderName(good)) << good;
  for (std::string_view bad : {"", "a b", "a:", "(a)", "é", "a\r\n"}) EXPECT_FALSE(IsHeaderName(bad)) << bad;
  EXPECT_TRUE(IsHeaderValue("a\t \xE9"));
  for (std::string_view bad : {std::string_view("a\0", 2), std::string_view("\r"), std::string_view("a\nb")}) {
    EXPECT_FALSE(IsHeaderValue(bad));
  }
}

TEST(Body, NoBodyIsNotAnEmptyOne) {
  EXPECT_FALSE(Body::None().present);
  EXPECT_TRUE(Body::Of(Bytes()).present);
}

}  // namespace
}  // namespace limpet
