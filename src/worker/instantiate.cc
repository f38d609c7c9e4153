// The process's V8 side, and what instantiating a version shows.
#include <optional>
#include <utility>

#include "api/hooks.h"
#include "api/io_context.h"
#include "api/natives.h"
#include "api/stack_traces.h"
#include "base/json.h"
#include "worker/isolate_stock.h"
#include "worker/runtime.h"
#include "worker/version.h"

namespace limpet::worker {
namespace {

// A host without a shard: nothing of it may be used, since no event runs.
class CheckHost final : public api::IoHost {
 public:
  void OnConsole(std::string_view, std::string_view) override {}
  void OnException(std::string_view) override {}
};

std::vector<std::string> Texts(const Json& array) {
  std::vector<std::string> texts;
  if (!array.is_array()) return texts;
  for (const Json& item : array.items()) {
    if (item.is_string()) texts.push_back(item.AsString());
  }
  return texts;
}

Result<Report> Evaluate(js::Scope& scope, const ScriptVersion& version, api::IoHost& host) {
  v8::Isolate* isolate = scope.isolate();
  v8::TryCatch caught(isolate);
  std::vector<v8::Local<v8::Value>> flags;
  flags.reserve(version.compatibility_flags.size());
  for (const std::string& flag : version.compatibility_flags) flags.push_back(js::FromUtf8(isolate, flag));
  v8::Local<v8::Value> ignored;
  v8::Local<v8::Value> problem;
  v8::Local<v8::Value> date = js::FromUtf8(isolate, version.compatibility_date);
  v8::Local<v8::Value> names = v8::Array::New(isolate, flags.data(), flags.size());
  if (!api::CallHook(scope, api::kCompatibilityProblem, {date, names}).ToLocal(&problem)) {
    return Error(ErrorCode::kInternal, "the built-ins failed");
  }
  if (problem->IsString()) return Error(ErrorCode::kInvalidArgument, js::ToUtf8(isolate, problem));
  api::HideBuiltinFrames(isolate);
  if (!api::CallHook(scope, api::kConfigure, {date, names}).ToLocal(&ignored)) {
    return Error(ErrorCode::kInternal, "the built-ins failed");
  }
  LIMPET_TRY(v8::Local<v8::Object> environment, MakeEnvironment(scope, version, nullptr, host));
  Report report;
  LIMPET_TRY(v8::Local<v8::Object> exports, scope.host().LoadModules(
                                                scope, version.main_module, version.modules,
                                                [environment](js::Scope& inner, std::string_view name) {
                                                  return SyntheticModule(inner, name, environment);
                                                },
                                                &report.code_caches));
  v8::Local<v8::Value> text;
  if (!api::CallHook(scope, api::kDescribeModule, {exports}).ToLocal(&text)) {
    return api::ToError(scope, caught.Exception());
  }
  LIMPET_TRY(Json described, ParseJson(js::ToUtf8(isolate, text)));
  for (const auto& [key, value] : described.members()) {
    if (key == "default" && value.is_string()) report.default_export = value.AsString();
    if (key == "handlers") report.handlers = Texts(value);
    if (key == "exports") report.exports = Texts(value);
    if (key == "classes") report.classes = Texts(value);
  }
  return report;
}

}  // namespace

Result<std::unique_ptr<js::Runtime>> MakeJsRuntime(node::MultiIsolatePlatform* platform) {
  js::Runtime::Options options;
  options.platform = platform;
  options.builtins = api::BuiltinsSource();
  options.natives = api::PureNatives();
  for (const js::NativeFunction& native : api::IoNatives()) options.natives.push_back(native);
  options.hooks.assign(std::begin(api::kHookNames), std::end(api::kHookNames));
  return js::Runtime::Make(std::move(options));
}

Checker::Checker(js::Runtime& js, loop::AsioLoop& loop, Duration cpu_max)
    : loop_(loop),
      cpu_max_(cpu_max),
      stock_(std::make_unique<IsolateStock>(js, loop, js::IsolateOptions{.cpu_max = cpu_max})) {}

Checker::~Checker() = default;

void Checker::Check(const ScriptVersion& version, UniqueFunction<void(Result<Report>)> done) {
  CheckHost host;
  host.loop = &loop_;
  Result<std::unique_ptr<js::Isolate>> isolate = stock_->Take([](Error) {});
  if (!isolate.has_value()) return done(std::move(isolate).error());
  host.isolate = std::move(isolate).value();
  host.isolate->owner = static_cast<api::IoHost*>(&host);
  auto budget = std::make_shared<js::Budget>();
  budget->cpu_left = cpu_max_;
  std::optional<Result<Report>> report;
  Instant start = loop_.Now();
  auto ended = js::Ended::kNo;
  host.isolate->Run(
      budget, [&](js::Scope& scope) { report = Evaluate(scope, version, host); }, [&](js::Ended how) { ended = how; });
  if (ended == js::Ended::kMemory) {
    report = Error::Script("Error", "Script startup exceeded memory limit.");
  } else if (ended != js::Ended::kNo || !report) {
    report = Error::Script("Error", "Script startup exceeded CPU time limit.");
  } else if (report->has_value()) {
    report->value().startup = loop_.Now() - start;
  }
  // Whoever waits goes on while the isolate is taken down, which takes milliseconds.
  done(*std::move(report));
  stock_->Refill();
}

}  // namespace limpet::worker
