#include "js/js_testing.h"

namespace limpet::js {
namespace {

void Double(const v8::FunctionCallbackInfo<v8::Value>& info) {
  info.GetReturnValue().Set(info[0].As<v8::Number>()->Value() * 2);
}

constexpr std::string_view kBuiltins = R"((native) => {
  globalThis.double = (x) => native.double(x);
  globalThis.queueMicrotask = (run) => { Promise.resolve().then(run); };
  return { greet: (name) => 'hello ' + name, count: Object.assign(() => ++globalThis.counted, {}) };
})";

}  // namespace

v8::Local<v8::Value> Eval(Scope& scope, std::string_view code) {
  v8::Local<v8::Script> script;
  v8::Local<v8::Value> value;
  if (!v8::Script::Compile(scope.context(), FromUtf8(scope.isolate(), code)).ToLocal(&script)) return {};
  if (!script->Run(scope.context()).ToLocal(&value)) return {};
  return value;
}

std::string EvalText(Scope& scope, std::string_view code) {
  v8::TryCatch caught(scope.isolate());
  v8::Local<v8::Value> value = Eval(scope, code);
  if (!value.IsEmpty()) return ToUtf8(scope.isolate(), value);
  if (!caught.HasCaught() || caught.HasTerminated()) return "(nothing)";
  Error error = DescribeException(scope, caught.Exception(), caught.Message());
  return error.name() + ": " + error.message();
}

void JsTest::SetUp() {
  Result<std::unique_ptr<Runtime>> made = Runtime::Make({.platform = g_host_platform,
                                                         .builtins = kBuiltins,
                                                         .natives = {{"double", &Double}},
                                                         .hooks = {"greet", "count"}});
  ASSERT_TRUE(made.has_value()) << made.error().ToString();
  runtime_ = std::move(made).value();
  loop_.Post([this] { loop_.Stop(); });
  loop_.Run();  // From now on this is the loop's thread.
}

std::unique_ptr<Isolate> JsTest::Make(IsolateOptions options) {
  Result<std::unique_ptr<Isolate>> made = Isolate::Make(*runtime_, loop_, std::move(options), [this](Error error) {
    ++deaths_;
    death_ = error.message();
  });
  LIMPET_CHECK(made.has_value());
  return std::move(made).value();
}

std::string JsTest::RunText(Isolate& isolate, std::string code) {
  std::string text;
  isolate.Run(nullptr, [&](Scope& scope) { text = EvalText(scope, code); }, nullptr);
  return text;
}

Ended JsTest::RunEnded(Isolate& isolate, std::string code, std::shared_ptr<Budget> budget) {
  Ended how = Ended::kNo;
  isolate.Run(std::move(budget), [&](Scope& scope) { (void)EvalText(scope, code); }, [&](Ended ended) { how = ended; });
  return how;
}

}  // namespace limpet::js
