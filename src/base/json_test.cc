#include "base/json.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

TEST(Json, KeepsEveryTypeThroughTextAndBack) {
  std::string text = R"({"z":null,"a":[true,false,-1,18446744073709551615,1.5,"é\n\u0001"],"m":{"k":{}}})";
  Result<Json> parsed = ParseJson(text);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
  EXPECT_EQ((*parsed)["a"].items()[2].AsInt64(), -1);
  EXPECT_EQ((*parsed)["a"].items()[3].AsUint64(), 18446744073709551615u);
  EXPECT_EQ((*parsed)["a"].items()[4].AsDouble(), 1.5);
  EXPECT_EQ((*parsed)["a"].items()[5].AsString(), "é\n\x01");
  Result<Json> again = ParseJson(ToText(*parsed));
  ASSERT_TRUE(again.has_value()) << ToText(*parsed);
  EXPECT_EQ(*again, *parsed);
  EXPECT_EQ(parsed->members()[0].first, "z");
}

TEST(Json, NumbersAreReadToTheLastPlaceAndWrittenAsJavaScriptWritesThem) {
  for (const char* text : {"0.1", "123456789.12345679", "2.2250738585072014e-308", "1.7976931348623157e+308", "5e-324",
                           "0.30000000000000004", "9007199254740993.5e-3"}) {
    Result<Json> parsed = ParseJson(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->AsDouble(), strtod(text, nullptr)) << text;
  }
  EXPECT_EQ(ToText(ParseJson("[1.0,-0.0,1e400,1e21]").value()), "[1,0,null,1e+21]");
}

TEST(Json, TheLaterOfTwoEqualKeysWinsAndKeepsTheFirstPlace) {
  Result<Json> parsed = ParseJson(R"({"a":1,"b":2,"a":3})");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(ToText(*parsed), R"({"a":3,"b":2})");
}

TEST(Json, ErrorsNameLineAndColumn) {
  Result<Json> parsed = ParseJson("{\n  \"a\": 1,\n  \"b\" 2\n}");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_NE(parsed.error().message().find("line 3, column 7:"), std::string::npos) << parsed.error().message();
  EXPECT_FALSE(ParseJson("").has_value());
  EXPECT_FALSE(ParseJson("{}\n{}").has_value());
  EXPECT_FALSE(ParseJson("[1,]").has_value());
  EXPECT_FALSE(ParseJson("// no\n1").has_value());
  EXPECT_FALSE(ParseJson("\"\xff\"").has_value());
}

TEST(Json, CommentsAndTrailingCommasAreAllowedOnRequest) {
  Result<Json> parsed = ParseJson("// top\n{ /* x\n y */ \"a\": [1, 2,], // end\n \"n\": 12\n,}\n// tail\n",
                                  {.comments = true, .trailing_commas = true});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
  EXPECT_EQ(ToText(*parsed), R"({"a":[1,2],"n":12})");
}

TEST(Json, EveryValueKnowsItsLine) {
  Result<Json> parsed = ParseJson("{\n\"a\": 1,\n\"b\": {\n\"c\": 12\n},\n\"d\":\n\"x\"}");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
  EXPECT_EQ(parsed->line(), 1u);
  EXPECT_EQ((*parsed)["a"].line(), 2u);
  EXPECT_EQ((*parsed)["b"].line(), 3u);
  EXPECT_EQ((*parsed)["b"]["c"].line(), 4u);
  EXPECT_EQ((*parsed)["d"].line(), 7u);
}

TEST(Json, DepthIsLimited) {
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')).has_value());
  EXPECT_FALSE(ParseJson(std::string(65, '[') + std::string(65, ']')).has_value());
  EXPECT_FALSE(ParseJson(std::string(100'000, '[')).has_value());
}

TEST(Json, PrettyTextIsIndentedByTwo) {
  Json json;
  json.Set("a", Json::MakeArray({1, 2})).Set("b", Json::MakeObject());
  EXPECT_EQ(ToText(json, JsonStyle::kPretty), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}\n");
}

TEST(Json, ALargeObjectKeepsOrderAndTheLaterOfTwoValues) {
  std::string text = "{";
  for (int i = 0; i < 50'000; ++i) text += "\"key" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  text += R"("key7":"again","last":1})";
  Result<Json> json = ParseJson(text);
  ASSERT_TRUE(json.has_value());
  ASSERT_EQ(json->members().size(), 50'001U);
  EXPECT_EQ(json->members()[7].second.AsString(), "again");
  EXPECT_EQ(json->members()[40'000].first, "key40000");
  EXPECT_EQ(json->members().back().first, "last");
}

}  // namespace
}  // namespace limpet
