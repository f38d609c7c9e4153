// Feeds a content type (the first line) and a body (the rest) to the reader of uploads. What it takes must hold what
// the rest of the control plane relies on.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "control/exports.h"
#include "control/lifecycle.h"
#include "control/upload.h"

namespace {

using namespace limpet::control;

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view in(reinterpret_cast<const char*>(data), size);
  size_t line = in.find('\n');
  if (line == std::string_view::npos) return 0;
  Decision<Upload> upload = ParseUpload(in.substr(0, line), in.substr(line + 1));
  if (!upload.ok()) {
    Require(upload.refusal().status == 400 && upload.refusal().code != 0 && !upload.refusal().message.empty());
    return 0;
  }
  Require(upload->metadata.is_object());
  std::set<std::string> names;
  for (const limpet::Module& module : upload->modules) Require(names.insert(NormaliseModuleName(module.name)).second);
  if (!upload->modules.empty()) Require(upload->modules.front().name == upload->main_module);
  Require(!(upload->migrations && upload->exports));
  Decision<limpet::Json::Array> bindings = ResolveBindings(*upload, nullptr);
  if (!bindings.ok()) return 0;
  LifecycleInput input;
  input.script_name = "counter";
  input.classes = {{"Counter", {7}, "key", false}};
  input.exported_classes = {"Counter"};
  input.other_scripts = {{.name = "other", .classes = {{"Theirs", {8}, "key", true}}}};
  input.bindings = ClassBindings(*bindings);
  input.migrations = upload->migrations;
  input.exports = upload->exports;
  Decision<LifecyclePlan> plan = PlanLifecycle(input);
  if (!plan.ok()) {
    Require(plan.refusal().code != 0 && !plan.refusal().message.empty());
    return 0;
  }
  std::set<std::string> classes;
  for (const limpet::ObjectClass& entry : plan->classes) Require(classes.insert(entry.class_name).second);
  return 0;
}
