#include "base/multipart.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

constexpr char kType[] = "multipart/form-data; boundary=----formdata-undici-01";

std::string Form(std::string_view parts) {
  std::string body;
  for (char c : parts) {
    if (c == '\n') body += '\r';
    body += c;
  }
  return body;
}

TEST(Multipart, ReadsWhatTheToolsSend) {
  std::string body = Form(
      "------formdata-undici-01\nContent-Disposition: form-data; name=\"metadata\"\n\n{\"main_module\":\"a.js\"}\n"
      "------formdata-undici-01\nContent-Disposition: form-data; name=\"a.js\"; filename=\"a.js\"\n"
      "Content-Type: application/javascript+module\n\nexport default 1\n\n"
      "------formdata-undici-01--\n");
  auto parts = ParseForm(kType, body);
  ASSERT_TRUE(parts.has_value()) << parts.error().ToString();
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].name, "metadata");
  EXPECT_FALSE((*parts)[0].filename);
  EXPECT_EQ((*parts)[0].content_type, "");
  EXPECT_EQ((*parts)[0].content, "{\"main_module\":\"a.js\"}");
  EXPECT_EQ((*parts)[1].filename, "a.js");
  EXPECT_EQ((*parts)[1].content, "export default 1\r\n");
}

TEST(Multipart, ReadsBackWhatTheWriterWrote) {
  FormWriter writer("xyz");
  std::string data("\r\n--xy\0\r\n-", 10);
  writer.Add("metadata", std::nullopt, "", "{}");
  writer.Add("d.bin", "d.bin", "application/octet-stream", data);
  writer.Add("empty", "empty", "text/plain", "");
  writer.Add("odd \"\r\n\\", "C:\\", "", "x");
  std::string type = writer.content_type();
  std::string body = std::move(writer).Finish();
  auto parts = ParseForm(type, body);
  ASSERT_TRUE(parts.has_value()) << parts.error().ToString();
  ASSERT_EQ(parts->size(), 4u);
  EXPECT_EQ((*parts)[1].content, data);
  EXPECT_EQ((*parts)[2].content, "");
  EXPECT_EQ((*parts)[3].name, "odd \"\r\n\\");
  EXPECT_EQ((*parts)[3].filename, "C:\\");
}

TEST(Multipart, EveryCutOfAGoodFormIsRefusedAndNotACrash) {
  FormWriter writer("b");
  writer.Add("metadata", "metadata.json", "application/json", "{}");
  writer.Add("./a.mjs", "./a.mjs", "application/javascript+module", "export {}");
  std::string type = writer.content_type();
  std::string body = std::move(writer).Finish();
  for (size_t size = 0; size + 4 < body.size(); ++size) {
    EXPECT_FALSE(ParseForm(type, body.substr(0, size)).has_value()) << size;
  }
}

TEST(Multipart, BadFormsAreRefused) {
  EXPECT_FALSE(ParseForm("application/json", "{}").has_value());
  EXPECT_FALSE(ParseForm("multipart/form-data", "--\r\n").has_value());
  EXPECT_FALSE(ParseForm("multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--").has_value());
  EXPECT_FALSE(
      ParseForm("multipart/form-data; boundary=b", "--bx\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--")
          .has_value());
}

TEST(Multipart, ParametersAreReadQuotedAndBare) {
  EXPECT_EQ(HeaderParameter("form-data; name=\"a;b\\\"\"; filename=c", "name"), "a;b\"");
  EXPECT_EQ(HeaderParameter("form-data; name=\"a;b\"; FileName=c", "filename"), "c");
  EXPECT_FALSE(HeaderParameter("form-data; name=\"a", "name"));
}

}  // namespace
}  // namespace limpet
