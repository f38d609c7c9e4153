#include "control/code_update.h"

#include <gtest/gtest.h>

namespace limpet::control {
namespace {

TEST(CodeUpdate, EveryRowOfTheReference) {
  struct {
    const char *given, *effective;  // Null: refused.
  } cases[] = {
      {"null", "null"},
      {R"({"mode":"deferred"})", R"({"mode":"deferred","max_delay":300})"},
      {R"({"mode":"deferred","max_delay":0})", R"({"mode":"deferred","max_delay":0})"},
      {R"({"mode":"deferred","max_delay":120})", R"({"mode":"deferred","max_delay":120})"},
      {R"({"mode":"deferred","max_delay":86400})", R"({"mode":"deferred","max_delay":86400})"},
      {R"({"mode":"deferred","max_delay":86401})", nullptr},
      {R"({"mode":"deferred","max_delay":-1})", nullptr},
      {R"({"mode":"deferred","max_delay":1.5})", nullptr},
      {R"({"mode":"deferred","max_delay":"60"})", nullptr},
      {R"({"mode":"immediate"})", R"({"mode":"immediate"})"},
      {R"({"mode":"immediate","max_delay":60})", nullptr},
      {R"({"mode":"later"})", nullptr},
      {R"({"max_delay":60})", nullptr},
      {R"({})", nullptr},
      {R"("deferred")", nullptr},
  };
  for (const auto& item : cases) {
    Decision<Json> effective = EffectiveCodeUpdate(ParseJson(item.given).value());
    ASSERT_EQ(effective.ok(), item.effective != nullptr) << item.given;
    if (effective.ok()) {
      EXPECT_EQ(ToText(*effective), item.effective);
    } else {
      EXPECT_EQ(effective.refusal().code, 10021);
    }
  }
}

TEST(CodeUpdate, TellsTheRuntime) {
  using Mode = object::CodeUpdate::Mode;
  EXPECT_EQ(CodeUpdateOf(Json()).mode, Mode::kSoon);
  EXPECT_EQ(CodeUpdateOf(ParseJson(R"({"mode":"immediate"})").value()).mode, Mode::kImmediate);
  object::CodeUpdate update = CodeUpdateOf(ParseJson(R"({"mode":"deferred","max_delay":60})").value());
  EXPECT_EQ(update.mode, Mode::kDeferred);
  EXPECT_EQ(update.max_delay, std::chrono::seconds(60));
}

}  // namespace
}  // namespace limpet::control
