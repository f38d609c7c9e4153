#include "js/js_testing.h"
#include "js/owned_text.h"

namespace limpet::js {
namespace {

class ConvertTest : public JsTest {
 protected:
  void With(UniqueFunction<void(Scope&)> body) {
    std::unique_ptr<Isolate> isolate = Make();
    bool ran = false;
    isolate->Run(nullptr, [&](Scope& scope) { body(scope), ran = true; }, nullptr);
    EXPECT_TRUE(ran);
  }
};

TEST_F(ConvertTest, TextSurvivesBothWaysAndIllFormedTextIsReplaced) {
  With([](Scope& scope) {
    v8::Isolate* isolate = scope.isolate();
    for (const std::string& text :
         std::vector<std::string>{"", "ascii", "h\xC3\xA9llo", "\xF0\x9F\x90\x9A limpet", std::string("a\0b", 3)}) {
      EXPECT_EQ(ToUtf8(isolate, FromUtf8(isolate, text)), text);
    }
    EXPECT_EQ(ToUtf8(isolate, FromUtf8(isolate, "a\xFFz")), "a\xEF\xBF\xBDz");
    EXPECT_EQ(ToUtf8(isolate, FromLatin1(isolate, "\xE9")), "\xC3\xA9");
    EXPECT_EQ(ToUtf8(isolate, Eval(scope, "'a\\ud800z'")), "a\xEF\xBF\xBDz");
    EXPECT_EQ(ToUtf8(isolate, Eval(scope, "({ toString() { throw 1 } })")), "");
    EXPECT_EQ(ToUtf8(isolate, Eval(scope, "Symbol('s')")), "s");
    EXPECT_EQ(ToUtf8(isolate, Eval(scope, "12.5")), "12.5");
  });
}

TEST_F(ConvertTest, BytesAreCopiedOutOfViewsAndBuffers) {
  With([](Scope& scope) {
    v8::Isolate* isolate = scope.isolate();
    EXPECT_EQ(CopyBytes(Eval(scope, "new Uint8Array([1,2,3,4]).subarray(1, 3)")), "\2\3");
    EXPECT_EQ(CopyBytes(Eval(scope, "new Uint8Array([1,2]).buffer")), "\1\2");
    EXPECT_EQ(CopyBytes(Eval(scope, "new DataView(new Uint8Array([1,2]).buffer, 1)")), "\2");
    EXPECT_EQ(CopyBytes(Eval(scope, "new SharedArrayBuffer(2)")), std::string(2, '\0'));
    EXPECT_EQ(CopyBytes(Eval(scope, "const b = new ArrayBuffer(9); b.transfer(); b")), "");
    EXPECT_FALSE(IsBytes(Eval(scope, "'text'")));
    EXPECT_TRUE(IsBytes(Eval(scope, "new Float64Array(1)")));
    EXPECT_EQ(CopyBytes(ToUint8Array(isolate, std::string_view("\0\xFF", 2))), std::string_view("\0\xFF", 2));
    EXPECT_EQ(ToUint8Array(isolate, "")->ByteLength(), 0u);
  });
}

TEST_F(ConvertTest, ThrownErrorsHaveTheirClass) {
  With([](Scope& scope) {
    v8::TryCatch caught(scope.isolate());
    ThrowTypeError(scope.isolate(), "wrong");
    ASSERT_TRUE(caught.HasCaught());
    Error error = DescribeException(scope, caught.Exception(), caught.Message());
    EXPECT_EQ(error.code(), ErrorCode::kScript);
    EXPECT_EQ(error.name(), "TypeError");
    EXPECT_EQ(error.message(), "wrong");
  });
}

TEST_F(ConvertTest, WhatIsThrownAndHasNoTextIsSaidToHaveNone) {
  With([](Scope& scope) {
    for (const char* source : {"new Proxy({}, { get() { throw 1; } })",
                               "({ get message() { throw 1; } , toString: null })", "Object.create(null)"}) {
      Error error = DescribeException(scope, Eval(scope, source), {});
      EXPECT_EQ(error.message(), "an error that can't be described") << source;
    }
    EXPECT_EQ(DescribeException(scope, Eval(scope, "new Error()"), {}).message(), "");
    EXPECT_EQ(DescribeException(scope, Eval(scope, "''"), {}).message(), "");
  });
}

// No such text is made for it: its length alone is looked at.
TEST_F(ConvertTest, ATextLongerThanAnyStringIsARangeError) {
  With([](Scope& scope) {
    v8::Isolate* isolate = scope.isolate();
    std::string_view text("", size_t{v8::String::kMaxLength} + 1);
    std::u16string_view wide(u"", text.size());
    for (auto make : {+[](v8::Isolate* to, std::string_view of, std::u16string_view) { return NewLatin1(to, of); },
                      +[](v8::Isolate* to, std::string_view of, std::u16string_view) { return NewUtf8(to, of); },
                      +[](v8::Isolate* to, std::string_view, std::u16string_view of) { return NewUtf16(to, of); }}) {
      v8::TryCatch caught(isolate);
      EXPECT_TRUE(make(isolate, text, wide).IsEmpty());
      ASSERT_TRUE(caught.HasCaught());
      EXPECT_EQ(ToUtf8(isolate, caught.Exception()), "RangeError: String is too long for a V8 string");
    }
  });
}

}  // namespace
}  // namespace limpet::js
