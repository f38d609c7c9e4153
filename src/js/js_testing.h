// What the tests of this folder share: a runtime with small built-ins, and a loop that runs on the test's thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "js/isolate.h"

extern node::MultiIsolatePlatform* g_host_platform;

namespace limpet::js {

// Runs `code` as a script; empty if it throws or is ended.
v8::Local<v8::Value> Eval(Scope& scope, std::string_view code);
// Its value as text; "(nothing)" if it has none.
std::string EvalText(Scope& scope, std::string_view code);

class JsTest : public testing::Test {
 protected:
  void SetUp() override;
  std::unique_ptr<Isolate> Make(IsolateOptions options = {});
  // Runs the loop until Finish().
  void Loop() { loop_.Run(); }
  void Finish() { loop_.Stop(); }
  // A turn of `code` with its value as text, on an isolate that is not entered.
  std::string RunText(Isolate& isolate, std::string code);
  // The same, and how it ended.
  Ended RunEnded(Isolate& isolate, std::string code, std::shared_ptr<Budget> budget = nullptr);

  loop::AsioLoop loop_;
  std::unique_ptr<Runtime> runtime_;
  int deaths_ = 0;
  std::string death_;
};

}  // namespace limpet::js
