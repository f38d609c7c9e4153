#include "control/lifecycle.h"

#include <gtest/gtest.h>

namespace limpet::control {
namespace {

ObjectClass Class(std::string name, uint64_t ns) {
  ObjectClass entry;
  entry.class_name = std::move(name);
  entry.ns = {ns};
  entry.ns_key = "key" + std::to_string(ns);
  return entry;
}

std::optional<Migrations> Steps(const char* json) {
  Result<Json> parsed = ParseJson(json);
  LIMPET_CHECK(parsed.has_value());
  auto migrations = ParseMigrations(*parsed);
  LIMPET_CHECK(migrations.ok());
  return *migrations;
}

std::string TableText(const LifecyclePlan& plan) {
  std::string text;
  for (const ObjectClass& entry : plan.classes) {
    text += entry.class_name + ":" + std::to_string(entry.ns.value) + (entry.sqlite ? "s" : "") + " ";
  }
  for (NamespaceId ns : plan.dropped) text += "-" + std::to_string(ns.value) + " ";
  return text + "@" + plan.tag;
}

struct Case {
  const char* name;
  LifecycleInput input;
  int code;  // 0: accepted.
  int status;
  const char* text;  // The refusal's beginning, or the plan's table.
};

std::vector<Case> Cases() {
  ClassBinding bound{"COUNTER", "Counter", ""};
  std::vector<Case> cases;
  auto add = [&](const char* name, LifecycleInput input, int code, int status, const char* text) {
    input.script_name = "s";
    cases.push_back({name, std::move(input), code, status, text});
  };
  add("nothing", {}, 0, 0, "@");
  add("binding without migration", {.exported_classes = {"Counter"}, .bindings = {bound}}, 10061, 400,
      "Cannot create binding for class 'Counter' because it is not currently configured to implement Durable Objects. "
      "Ensure a --new-class migration has been applied to it. Pass --new-class Counter");
  add("binding to what is not exported", {.bindings = {bound}}, 10061, 400,
      "Cannot create binding for class Counter that is not exported by the script");
  add("ad-hoc new class",
      {.exported_classes = {"Counter"},
       .bindings = {bound},
       .migrations = Steps(R"({"steps":[{"new_classes":["Counter"]}]})")},
      0, 0, "Counter:0 @");
  add("new class with tag",
      {.exported_classes = {"A", "B"},
       .migrations = Steps(R"({"new_tag":"v2","steps":[{"new_classes":["A"]},{"new_sqlite_classes":["B"]}]})")},
      0, 0, "A:0 B:0s @v2");
  add("new class again",
      {.classes = {Class("Counter", 1)},
       .exported_classes = {"Counter"},
       .migrations = Steps(R"({"new_classes":["Counter"]})")},
      10074, 400,
      "Cannot apply new-class migration to class 'Counter' that is already depended on by existing Durable Objects");
  add("new sqlite class again",
      {.classes = {Class("Counter", 1)},
       .exported_classes = {"Counter"},
       .migrations = Steps(R"({"new_sqlite_classes":["Counter"]})")},
      10074, 400, "Cannot apply new-sqlite-class migration to class 'Counter' that is already depended on");
  add("new class twice at once",
      {.exported_classes = {"A"},
       .migrations = Steps(R"({"steps":[{"new_classes":["A"]},{"new_sqlite_classes":["A"]}]})")},
      10074, 400, "class 'A' cannot be the target of more than one migration");
  add("new class not exported", {.exported_classes = {"Counter"}, .migrations = Steps(R"({"new_classes":["Conter"]})")},
      10070, 400, "Cannot apply new-class migration to class 'Conter' that is not exported by script");
  add("class vanished", {.classes = {Class("Counter", 1)}, .exported_classes = {"Tally"}}, 10064, 400,
      "New version of script does not export class 'Counter' which is depended on by existing Durable Objects.");
  add("rename keeps the namespace",
      {.tag = "v1",
       .classes = {Class("Counter", 7)},
       .exported_classes = {"Tally"},
       .bindings = {{"COUNTER", "Tally", "s"}},
       .migrations =
           Steps(R"({"old_tag":"v1","new_tag":"v2","steps":[{"renamed_classes":[{"from":"Counter","to":"Tally"}]}]})")},
      0, 0, "Tally:7 @v2");
  add("rename without the binding",
      {.classes = {Class("Counter", 7)},
       .exported_classes = {"Tally"},
       .bindings = {bound},
       .migrations = Steps(R"({"renamed_classes":[{"from":"Counter","to":"Tally"}]})")},
      10061, 400,
      "Cannot create binding for class 'Counter' because it is not currently configured to implement Durable Objects. "
      "This "
      "upload renames it to Tally");
  add("rename of nothing",
      {.exported_classes = {"Tally"}, .migrations = Steps(R"({"renamed_classes":[{"from":"Counter","to":"Tally"}]})")},
      10074, 400, "Cannot apply rename-class migration to class 'Counter'");
  add("rename onto a class",
      {.classes = {Class("A", 1), Class("B", 2)},
       .exported_classes = {"B"},
       .migrations = Steps(R"({"renamed_classes":[{"from":"A","to":"B"}]})")},
      10074, 400, "Cannot apply rename-class migration to class 'B' that is already depended on");
  add("two renames to one",
      {.classes = {Class("A", 1), Class("B", 2)},
       .exported_classes = {"C"},
       .migrations = Steps(R"({"renamed_classes":[{"from":"A","to":"C"},{"from":"B","to":"C"}]})")},
      10074, 400, "class 'C' cannot be the target of more than one migration");
  add("delete",
      {.classes = {Class("A", 1), Class("B", 2)},
       .exported_classes = {"B"},
       .migrations = Steps(R"({"deleted_classes":["A"]})")},
      0, 0, "B:2 -1 @");
  add("delete with binding",
      {.classes = {Class("Counter", 1)},
       .exported_classes = {"Counter"},
       .bindings = {bound},
       .migrations = Steps(R"({"deleted_classes":["Counter"]})")},
      10061, 400,
      "Cannot apply --delete-class migration to class 'Counter' without also removing the binding that references it.");
  add("delete of nothing", {.migrations = Steps(R"({"deleted_classes":["A"]})")}, 10074, 400,
      "Cannot apply --delete-class migration to class 'A'");
  add("history replayed on a fresh script",
      {.exported_classes = {"B"},
       .migrations = Steps(
           R"({"new_tag":"v3","steps":[{"new_classes":["A","X"]},{"renamed_classes":[{"from":"A","to":"B"}]},{"deleted_classes":["X"]}]})")},
      0, 0, "B:0 @v3");
  add("wrong old tag", {.tag = "v1", .migrations = Steps(R"({"old_tag":"v0","new_tag":"v2","steps":[]})")}, 10079, 412,
      "Actor migration tag precondition failed, got tag 'v0' when expected tag is 'v1'.");
  add("absent old tag", {.tag = "v1", .migrations = Steps(R"({"new_tag":"v2","steps":[]})")}, 10079, 412,
      "Actor migration tag precondition failed, got tag '' when expected tag is 'v1'.");
  add("no tags keep the tag",
      {.tag = "v1",
       .classes = {Class("A", 1)},
       .exported_classes = {"A", "B"},
       .migrations = Steps(R"({"steps":[{"new_classes":["B"]}]})")},
      0, 0, "A:1 B:0 @v1");
  add("binding to a script that does not exist", {.bindings = {{"C", "Counter", "other"}}}, 10061, 400,
      "Cannot create binding for class in script 'other' that does not exist.");
  add("binding to another script's class",
      {.bindings = {{"C", "Counter", "other"}}, .other_scripts = {{"other", {Class("Counter", 4)}}}}, 0, 0, "@");
  add("binding to another script's plain class",
      {.bindings = {{"C", "Counter", "other"}}, .other_scripts = {{"other", {}}}}, 10061, 400,
      "Cannot create binding for class 'Counter' because it is not currently configured");
  add("transfer",
      {.exported_classes = {"Mine"},
       .bindings = {{"C", "Mine", ""}},
       .migrations = Steps(R"({"transferred_classes":[{"from":"Theirs","from_script":"other","to":"Mine"}]})"),
       .other_scripts = {{"other", {Class("Theirs", 4)}}}},
      0, 0, "Mine:4 @");
  add("transfer of nothing",
      {.exported_classes = {"Mine"},
       .migrations = Steps(R"({"transferred_classes":[{"from":"Theirs","from_script":"other","to":"Mine"}]})")},
      10074, 400, "Cannot apply transfer-class migration from script 'other' that does not exist.");
  return cases;
}

TEST(Lifecycle, DecidesEveryCaseOfTheTable) {
  for (const Case& item : Cases()) {
    Decision<LifecyclePlan> decision = PlanLifecycle(item.input);
    if (item.code == 0) {
      ASSERT_TRUE(decision.ok()) << item.name << ": " << decision.refusal().message;
      EXPECT_EQ(TableText(*decision), item.text) << item.name;
    } else {
      ASSERT_FALSE(decision.ok()) << item.name;
      EXPECT_EQ(decision.refusal().code, item.code) << item.name;
      EXPECT_EQ(decision.refusal().status, item.status) << item.name;
      EXPECT_EQ(decision.refusal().message.rfind(item.text, 0), 0u) << item.name << ": " << decision.refusal().message;
    }
  }
}

TEST(Lifecycle, AMigrationOfTheWrongShapeIsRefused) {
  for (const char* text : {"[]", R"({"steps":{}})", R"({"new_classes":"A"})", R"({"new_classes":[1]})",
                           R"({"renamed_classes":[{"from":"A"}]})", R"({"new_tag":1})", R"({"steps":[1]})"}) {
    EXPECT_FALSE(ParseMigrations(ParseJson(text).value()).ok()) << text;
  }
}

TEST(Lifecycle, AnOlderVersionMustExportEveryLiveClass) {
  EXPECT_FALSE(CheckExports({Class("A", 1)}, {"A", "B"}));
  EXPECT_EQ(CheckExports({Class("A", 1)}, {"B"})->code, 10064);
}

}  // namespace
}  // namespace limpet::control
