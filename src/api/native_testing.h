// What the tests of the pure natives share: an isolate whose built-ins are two lines, in which scripts call them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "api/hooks.h"
#include "api/natives.h"
#include "js/isolate.h"
#include "loop/asio_loop.h"

extern node::MultiIsolatePlatform* g_host_platform;

namespace limpet::api {

// Hooks.makeError as an Error with a name; `native` is a global, so that the tests can be scripts.
inline constexpr std::string_view kBuiltins = R"((native) => {
  globalThis.native = native;
  const hooks = {makeError: (name, message) => Object.assign(new Error(message), {name})};
  return new Proxy(hooks, {get: (target, name) => target[name] ?? (() => {})});
})";

inline js::Runtime& TestRuntime() {
  static std::unique_ptr<js::Runtime> runtime = [] {
    Result<std::unique_ptr<js::Runtime>> made =
        js::Runtime::Make({.platform = g_host_platform,
                           .builtins = kBuiltins,
                           .natives = PureNatives(),
                           .hooks = {std::begin(kHookNames), std::end(kHookNames)}});
    if (!made.has_value()) ADD_FAILURE() << made.error().message();
    return std::move(made).value();
  }();
  return *runtime;
}

class Natives : public testing::Test {
 protected:
  Natives() {
    OnLoop([&] { isolate_ = js::Isolate::Make(TestRuntime(), loop_, {}, [](const Error&) {}).value(); });
    isolate_->current = this;
  }
  ~Natives() override {
    OnLoop([&] { isolate_.reset(); });
  }

  // Isolates live on their loop's thread, inside Run().
  void OnLoop(UniqueFunction<void()> work) {
    loop_.Post([&] {
      work();
      loop_.Stop();
    });
    loop_.Run();
  }
  void InTurn(UniqueFunction<void(js::Scope&)> work) {
    OnLoop([&] { isolate_->Run(nullptr, std::move(work), [](js::Ended) {}); });
  }
  // The value of a script as text; "NAME: MESSAGE" if it throws.
  std::string Eval(std::string script) {
    std::string text = "the turn did not run";
    InTurn([&](js::Scope& scope) {
      v8::HandleScope handles(scope.isolate());
      v8::TryCatch caught(scope.isolate());
      v8::Local<v8::Value> value;
      v8::Local<v8::Script> compiled;
      bool done = v8::Script::Compile(scope.context(), js::FromUtf8(scope.isolate(), script)).ToLocal(&compiled) &&
                  compiled->Run(scope.context()).ToLocal(&value);
      text = js::ToUtf8(scope.isolate(), done ? value : caught.Exception());
    });
    return text;
  }

  loop::AsioLoop loop_;
  std::unique_ptr<js::Isolate> isolate_;
};

}  // namespace limpet::api
