#include "control/exports.h"

#include <gtest/gtest.h>

namespace limpet::control {
namespace {

ObjectClass Class(std::string name, uint64_t ns, bool sqlite = true) {
  ObjectClass entry;
  entry.class_name = std::move(name);
  entry.ns = {ns};
  entry.ns_key = "key" + std::to_string(ns);
  entry.sqlite = sqlite;
  return entry;
}

std::optional<std::vector<ExportEntry>> Exports(const char* json) {
  Result<Json> parsed = ParseJson(json);
  LIMPET_CHECK(parsed.has_value());
  auto exports = ParseExports(*parsed);
  LIMPET_CHECK(exports.ok());
  return *exports;
}

constexpr char kLive[] = R"({"A":{"type":"durable-object","storage":"sqlite"}})";
constexpr char kDeleted[] = R"({"A":{"type":"durable-object","state":"deleted"}})";
constexpr char kRenamed[] =
    R"({"A":{"type":"durable-object","state":"renamed","renamed_to":"B"},"B":{"type":"durable-object","storage":"sqlite"}})";
constexpr char kTransferred[] = R"({"A":{"type":"durable-object","state":"transferred","transferred_to":"heir"}})";
constexpr char kExpecting[] =
    R"({"A":{"type":"durable-object","state":"expecting-transfer","storage":"sqlite","transfer_from":"source"}})";

// The table, what is dropped, awaited and handed over, then every array of the reconciliation that is not empty.
std::string Text(const LifecyclePlan& plan) {
  std::string text;
  for (const ObjectClass& entry : plan.classes) {
    text += entry.class_name + ":" + std::to_string(entry.ns.value) + (entry.sqlite ? "s " : " ");
  }
  for (NamespaceId ns : plan.dropped) text += "-" + std::to_string(ns.value) + " ";
  for (const ClassTransfer& transfer : plan.expected) text += transfer.class_name + "<" + transfer.from_script + " ";
  for (const LifecyclePlan::Handed& handed : plan.handed)
    text += handed.entry.class_name + ">" + handed.to_script + " ";
  EXPECT_EQ(plan.reconciliation.members().size(), 9u);
  for (const auto& [name, list] : plan.reconciliation.members()) {
    EXPECT_TRUE(list.is_array()) << name;
    for (const Json& item : list.items()) {
      text += name + "=";
      text += item.is_string() ? item.AsString() : name == "info" ? item["scenario"].AsString() : ToText(item);
      for (const Json& script : item["referencing_scripts"].items()) text += "(" + script.AsString() + ")";
      text += " ";
    }
  }
  return text + (plan.changes ? "changes" : "");
}

struct Case {
  const char* name;
  const char* exports;
  LifecycleInput input;
  // The plan, or "!SCENARIO class" of each detail.
  const char* text;
};

std::vector<Case> LiveAndTombstones() {
  ClassBinding theirs{"X", "A", "s", {1}};
  return {
      {"created", kLive, {.exported_classes = {"A"}}, "A:0s created=A changes"},
      {"created again: nothing", kLive, {.classes = {Class("A", 1)}, .exported_classes = {"A"}}, "A:1s "},
      {"a class of the code that is not declared stays what it is",
       kLive,
       {.exported_classes = {"A", "Z"}},
       "A:0s created=A changes"},
      {"the class has vanished", kLive, {.classes = {Class("A", 1)}}, "!config_export_not_in_code A"},
      {"there was never such a class", kLive, {}, "!config_references_nonexistent_class A"},
      {"another storage",
       kLive,
       {.classes = {Class("A", 1, false)}, .exported_classes = {"A"}},
       "!storage_type_mismatch A"},
      {"a namespace of the old kind stays",
       R"({"A":{"type":"durable-object","storage":"legacy-kv"}})",
       {.classes = {Class("A", 1, false)}, .exported_classes = {"A"}},
       "A:1 "},
      {"a new one of the old kind",
       R"({"A":{"type":"durable-object","storage":"legacy-kv"}})",
       {.exported_classes = {"A"}},
       "!invalid_export A"},
      {"not declared, in the code",
       kLive,
       {.classes = {Class("A", 1), Class("B", 2)}, .exported_classes = {"A", "B"}},
       "!provisioned_class_missing_from_config B"},
      {"not declared, not in the code",
       kLive,
       {.classes = {Class("A", 1), Class("B", 2)}, .exported_classes = {"A"}},
       "!orphaned_provisioned_namespace B"},
      {"nothing is declared", "{}", {.classes = {Class("A", 1)}, .exported_classes = {"A"}}, "A:1s "},
      {"all that is wrong at once",
       kLive,
       {.classes = {Class("B", 2), Class("C", 3)}, .exported_classes = {"C"}},
       "!config_references_nonexistent_class A !orphaned_provisioned_namespace B "
       "!provisioned_class_missing_from_config C"},

      {"deleted", kDeleted, {.classes = {Class("A", 1)}}, "-1 deleted=A changes"},
      {"deleted before", kDeleted, {}, "info=stale_tombstone removable_entries=A "},
      {"deleted before, but named",
       kDeleted,
       {.other_scripts = {{.name = "o", .bindings = {theirs}}}},
       "info=stale_tombstone(o) "},
      {"deleted, in the code",
       kDeleted,
       {.classes = {Class("A", 1)}, .exported_classes = {"A"}},
       "!tombstone_delete_class_still_in_code A"},
      {"deleted, bound by another script",
       kDeleted,
       {.classes = {Class("A", 1)}, .other_scripts = {{.name = "o", .bindings = {theirs}}}},
       "!tombstone_delete_blocked_by_external_bindings A(o)"},

      {"renamed",
       kRenamed,
       {.classes = {Class("A", 1)}, .exported_classes = {"B"}},
       R"(B:1s renamed={"from":"A","to":"B"} changes)"},
      {"renamed while both are in the code",
       kRenamed,
       {.classes = {Class("A", 1)},
        .exported_classes = {"A", "B"},
        .other_scripts = {{.name = "o", .bindings = {theirs}}}},
       R"(B:1s renamed={"from":"A","to":"B"} info=tombstone_class_still_in_code(o) changes)"},
      {"renamed before",
       kRenamed,
       {.classes = {Class("B", 1)}, .exported_classes = {"B"}},
       "B:1s info=stale_tombstone removable_entries=A "},
      {"renamed onto a namespace",
       kRenamed,
       {.classes = {Class("A", 1), Class("B", 2)}, .exported_classes = {"B"}},
       "!tombstone_renamed_to_occupied A"},
      {"renamed to what is not in the code", kRenamed, {.classes = {Class("A", 1)}}, "!config_export_not_in_code B"},
      {"renamed to another storage",
       kRenamed,
       {.classes = {Class("A", 1, false)}, .exported_classes = {"B"}},
       "!storage_type_mismatch B"},
      {"renamed, on a fresh script",
       kRenamed,
       {.exported_classes = {"B"}},
       "B:0s created=B info=stale_tombstone removable_entries=A changes"},
  };
}

std::vector<Case> Transfers() {
  OtherScript heir{.name = "heir", .expected = {{"A", "s", true}}, .exported_classes = {{"A"}}};
  OtherScript codeless{.name = "heir", .expected = {{"A", "s", true}}, .exported_classes = {{"Z"}}};
  OtherScript waiting_for_kv{.name = "heir", .expected = {{"A", "s", false}}, .exported_classes = {{"A"}}};
  OtherScript of_another{.name = "heir", .expected = {{"A", "else", true}}, .exported_classes = {{"A"}}};
  OtherScript third{.name = "third", .expected = {{"A", "s", true}}, .exported_classes = {{"A"}}};
  OtherScript source{.name = "source", .classes = {Class("A", 9)}};
  return {
      {"handed over",
       kTransferred,
       {.classes = {Class("A", 1)}, .other_scripts = {heir}},
       R"(A>heir transferred={"class":"A","to":"heir","phase":"committed"} changes)"},
      {"handed over, still in the code",
       kTransferred,
       {.classes = {Class("A", 1)}, .exported_classes = {"A"}, .other_scripts = {heir}},
       R"(A>heir transferred={"class":"A","to":"heir","phase":"committed"} info=tombstone_class_still_in_code changes)"},
      {"handed over before",
       kTransferred,
       {.other_scripts = {{.name = "heir", .classes = {Class("A", 1)}}}},
       "info=stale_tombstone removable_entries=A "},
      {"to no script", kTransferred, {.classes = {Class("A", 1)}}, "!transferred_target_missing A"},
      {"to one that does not wait",
       kTransferred,
       {.classes = {Class("A", 1)}, .other_scripts = {{.name = "heir"}}},
       "!transferred_pending_not_found A"},
      {"to one that waits for another's",
       kTransferred,
       {.classes = {Class("A", 1)}, .other_scripts = {of_another}},
       "!transferred_pending_not_found A"},
      {"to one whose code has lost the class",
       kTransferred,
       {.classes = {Class("A", 1)}, .other_scripts = {codeless}},
       "!transferred_pending_not_found A"},
      {"a third one waits",
       kTransferred,
       {.classes = {Class("A", 1)}, .other_scripts = {{.name = "heir"}, third}},
       "!transferred_target_mismatch A"},
      {"of another storage",
       kTransferred,
       {.classes = {Class("A", 1)}, .other_scripts = {waiting_for_kv}},
       "!storage_type_mismatch A"},

      {"expected",
       kExpecting,
       {.exported_classes = {"A"}, .other_scripts = {source}},
       R"(A<source transfer_pending={"class":"A","from":"source"} changes)"},
      {"expected, and bound already",
       kExpecting,
       {.exported_classes = {"A"}, .bindings = {{"X", "A", ""}}, .other_scripts = {source}},
       R"(A<source transfer_pending={"class":"A","from":"source"} changes)"},
      {"expected before",
       kExpecting,
       {.expected = {{"A", "source", true}}, .exported_classes = {"A"}, .other_scripts = {source}},
       R"(A<source transfer_pending={"class":"A","from":"source"} )"},
      {"expected no more", "{}", {.expected = {{"A", "source", true}}, .exported_classes = {"A"}}, "changes"},
      {"made here instead",
       kLive,
       {.expected = {{"A", "source", true}}, .exported_classes = {"A"}},
       "A:0s created=A changes"},
      {"expected from elsewhere before",
       kExpecting,
       {.expected = {{"A", "else", true}}, .exported_classes = {"A"}},
       "!phase_one_transfer_duplicate A"},
      {"expected from no script", kExpecting, {.exported_classes = {"A"}}, "!phase_one_transfer_source_missing A"},
      {"expected from one without the class",
       kExpecting,
       {.exported_classes = {"A"}, .other_scripts = {{.name = "source"}}},
       "!phase_one_transfer_source_namespace_missing A"},
      {"expected with another storage",
       kExpecting,
       {.exported_classes = {"A"}, .other_scripts = {{.name = "source", .classes = {Class("A", 9, false)}}}},
       "!storage_type_mismatch A"},
      {"expected without code", kExpecting, {.other_scripts = {source}}, "!config_references_nonexistent_class A"},
      {"expected where there is one",
       kExpecting,
       {.classes = {Class("A", 1)}, .exported_classes = {"A"}, .other_scripts = {source}},
       "!phase_one_transfer_target_class_provisioned A"},
      {"has come",
       kExpecting,
       {.classes = {Class("A", 9)}, .received = {{"A", "source", true}}, .exported_classes = {"A"}},
       "A:9s info=transfer_receive_already_applied "},
      {"has come from elsewhere",
       kExpecting,
       {.classes = {Class("A", 9)}, .received = {{"A", "else", true}}, .exported_classes = {"A"}},
       "!phase_one_transfer_after_commit_mismatch A"},
  };
}

TEST(Exports, ReconcilesEveryCaseOfTheTable) {
  std::vector<Case> cases = LiveAndTombstones();
  for (Case& item : Transfers()) cases.push_back(std::move(item));
  for (Case& item : cases) {
    item.input.script_name = "s";
    item.input.exports = Exports(item.exports);
    Decision<LifecyclePlan> plan = PlanLifecycle(item.input);
    if (plan.ok()) {
      EXPECT_EQ(Text(*plan), item.text) << item.name;
      continue;
    }
    EXPECT_EQ(plan.refusal().code, 100402) << item.name << ": " << plan.refusal().message;
    EXPECT_EQ(plan.refusal().status, 400) << item.name;
    std::string text;
    for (const Json& detail : plan.refusal().meta["details"].items()) {
      text += (text.empty() ? "!" : " !") + detail["scenario"].AsString() + " " + detail["class"].AsString();
      for (const Json& script : detail["referencing_scripts"].items()) text += "(" + script.AsString() + ")";
      EXPECT_FALSE(detail["message"].AsString().empty());
      EXPECT_FALSE(detail["suggestion"].AsString().empty());
    }
    EXPECT_EQ(text, item.text) << item.name;
  }
}

TEST(Exports, BindingsAreCheckedAgainstWhatIsDeclared) {
  struct {
    const char* exports;
    LifecycleInput input;
    const char* text;
  } cases[] = {
      {kLive,
       {.exported_classes = {"A", "B"}, .bindings = {{"X", "B", ""}}},
       "Cannot create binding for class 'B' because it is not currently configured to implement Durable Objects. "
       "Declare it: \"exports\": {\"B\": "},
      {kRenamed,
       {.classes = {Class("A", 1)}, .exported_classes = {"B"}, .bindings = {{"X", "A", ""}}},
       "Cannot create binding for class 'A' because it is not currently configured to implement Durable Objects. "
       "This upload renames it to B"},
      {kTransferred,
       {.classes = {Class("A", 1)},
        .bindings = {{"X", "A", "heir"}},
        .other_scripts = {{.name = "heir", .expected = {{"A", "s", true}}, .exported_classes = {{"A"}}}}},
       ""},
  };
  for (auto& item : cases) {
    item.input.script_name = "s";
    item.input.exports = Exports(item.exports);
    Decision<LifecyclePlan> plan = PlanLifecycle(item.input);
    ASSERT_EQ(plan.ok(), std::string(item.text).empty()) << item.text;
    if (plan.ok()) continue;
    EXPECT_EQ(plan.refusal().code, 10061);
    EXPECT_EQ(plan.refusal().message.rfind(item.text, 0), 0u) << plan.refusal().message;
  }
}

TEST(Exports, WhatIsWrongInAnEntryIsNamed) {
  struct {
    const char* json;
    const char* message;
  } cases[] = {
      {R"({"A":1})", "\"type\" must be"},
      {R"({"A":{"type":"queue"}})", "\"type\" must be"},
      {R"({"1A":{"type":"durable-object","storage":"sqlite"}})", "not a class name"},
      {R"({"A":{"type":"durable-object"}})", "\"storage\" must be"},
      {R"({"A":{"type":"durable-object","storage":"disk"}})", "\"storage\" must be"},
      {R"({"A":{"type":"durable-object","state":1,"storage":"sqlite"}})", "\"state\" must be a string"},
      {R"({"A":{"type":"durable-object","state":"gone"}})", "There is no state \"gone\""},
      {R"({"A":{"type":"durable-object","storage":"sqlite","renamed_to":"B"}})", "\"renamed_to\" is not allowed"},
      {R"({"A":{"type":"durable-object","storage":"sqlite","transferred_to":"b"}})",
       "\"transferred_to\" is not allowed"},
      {R"({"A":{"type":"durable-object","storage":"sqlite","transfer_from":"b"}})", "\"transfer_from\" is not allowed"},
      {R"({"A":{"type":"durable-object","state":"deleted","storage":"sqlite"}})", "\"storage\" is not allowed"},
      {R"({"A":{"type":"durable-object","state":"renamed"}})", "\"renamed_to\" is required"},
      {R"({"A":{"type":"durable-object","state":"transferred"}})", "\"transferred_to\" is required"},
      {R"({"A":{"type":"durable-object","state":"expecting-transfer","storage":"sqlite"}})",
       "\"transfer_from\" is required"},
      {R"({"A":{"type":"durable-object","state":"expecting-transfer","transfer_from":"b"}})", "\"storage\" must be"},
      {R"({"A":{"type":"durable-object","state":"renamed","renamed_to":"A"}})", "own name"},
      {R"({"A":{"type":"durable-object","state":"renamed","renamed_to":"-"}})", "not a class name"},
      {R"({"A":{"type":"durable-object","state":"renamed","renamed_to":"B"}})", "must name a live entry"},
      {R"({"A":{"type":"durable-object","state":"renamed","renamed_to":"B"},"B":{"type":"durable-object","state":"deleted"}})",
       "must name a live entry"},
  };
  for (const auto& item : cases) {
    auto parsed = ParseExports(ParseJson(item.json).value());
    ASSERT_FALSE(parsed.ok()) << item.json;
    EXPECT_EQ(parsed.refusal().code, 100402);
    const Json& detail = parsed.refusal().meta["details"].items()[0];
    EXPECT_EQ(detail["scenario"].AsString(), "invalid_export");
    EXPECT_NE(detail["message"].AsString().find(item.message), std::string::npos) << detail["message"].AsString();
  }
  auto both = ParseExports(
      ParseJson(
          R"({"A":{"type":"durable-object","state":"renamed","renamed_to":"C"},"B":{"type":"durable-object","state":"renamed","renamed_to":"C"},"C":{"type":"durable-object","storage":"sqlite"},"D":{}})")
          .value());
  ASSERT_FALSE(both.ok());
  EXPECT_EQ(both.refusal().meta["details"].items().size(), 3u);
  EXPECT_EQ(ParseExports(Json::MakeArray()).refusal().code, 10021);
}

TEST(Exports, EntryPointsAreNoClasses) {
  EXPECT_FALSE(Exports("null"));
  EXPECT_TRUE(Exports(R"({"default":{"type":"worker","cache":{"enabled":true}}})")->empty());
  EXPECT_EQ(ToText(LiveExports(ParseJson(kRenamed).value())), R"({"B":{"type":"durable-object","storage":"sqlite"}})");
  EXPECT_TRUE(LiveExports(ParseJson(kDeleted).value()).is_null());
}

}  // namespace
}  // namespace limpet::control
