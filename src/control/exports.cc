#include "control/exports.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

namespace limpet::control {
namespace {

constexpr int kNotReconciled = 100402;
constexpr size_t kExportsMax = 500;
constexpr size_t kScriptNameMax = 128;

using State = ExportEntry::State;

// One class of a refusal.
struct Detail {
  std::string class_name, scenario, message, suggestion;
  std::vector<std::string> scripts = {};
};

Json Names(const std::vector<std::string>& names) { return Json::Array(names.begin(), names.end()); }

Refusal NotReconciled(const std::vector<Detail>& details) {
  Json list = Json::MakeArray();
  std::string text = "Durable Object exports reconciliation failed";
  for (const Detail& detail : details) {
    Json item = Json().Set("class", detail.class_name).Set("scenario", detail.scenario).Set("message", detail.message);
    if (!detail.suggestion.empty()) item.Set("suggestion", detail.suggestion);
    if (!detail.scripts.empty()) item.Set("referencing_scripts", Names(detail.scripts));
    list.Append(std::move(item));
    text += (&detail == details.data() ? ": " : "; ") + detail.class_name + " (" + detail.scenario + ")";
  }
  return {400, kNotReconciled, text + ".", Json().Set("details", std::move(list))};
}

bool IsIdentifier(std::string_view name) {
  auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '$' || c >= 0x80; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 && std::ranges::all_of(name, is_part);
}

// --- The map's entries, each by itself

struct StateRule {
  const char* name;
  State state;
  bool lives;
  const char* other;  // The field that names a class or script; null: none.
};
constexpr StateRule kStates[] = {{"created", State::kCreated, true, nullptr},
                                 {"deleted", State::kDeleted, false, nullptr},
                                 {"renamed", State::kRenamed, false, "renamed_to"},
                                 {"transferred", State::kTransferred, false, "transferred_to"},
                                 {"expecting-transfer", State::kExpectingTransfer, true, "transfer_from"}};

const StateRule* FindState(std::string_view name) {
  for (const StateRule& rule : kStates) {
    if (name == rule.name) return &rule;
  }
  return nullptr;
}

// What is wrong with the entry by itself; "": nothing.
std::string ReadEntry(const std::string& name, const Json& json, ExportEntry* entry) {
  if (!IsIdentifier(name)) return "The key is not a class name.";
  const Json& state = json["state"];
  if (!state.is_null() && !state.is_string()) return "\"state\" must be a string.";
  const StateRule* rule = FindState(state.is_null() ? "created" : state.AsString());
  if (rule == nullptr) return "There is no state \"" + state.AsString() + "\".";
  std::string in_state = std::string(" in state \"") + rule->name + "\".";
  entry->class_name = name;
  entry->state = rule->state;
  for (const char* field : {"renamed_to", "transferred_to", "transfer_from"}) {
    bool wanted = rule->other != nullptr && std::string_view(rule->other) == field;
    const Json& value = json[field];
    if (!wanted && !value.is_null()) return std::string("\"") + field + "\" is not allowed" + in_state;
    if (!wanted) continue;
    entry->other = value.AsString();
    if (entry->other.empty()) return std::string("\"") + field + "\" is required" + in_state;
    if (entry->other.size() > kScriptNameMax) return std::string("\"") + field + "\" is too long.";
  }
  const Json& storage = json["storage"];
  if (!rule->lives) return storage.is_null() ? "" : "\"storage\" is not allowed" + in_state;
  if (storage.AsString() != "sqlite" && storage.AsString() != "legacy-kv") {
    return "\"storage\" must be \"sqlite\" or \"legacy-kv\"" + in_state;
  }
  entry->sqlite = storage.AsString() == "sqlite";
  return "";
}

const ExportEntry* FindEntry(const std::vector<ExportEntry>& entries, std::string_view name) {
  for (const ExportEntry& entry : entries) {
    if (entry.class_name == name) return &entry;
  }
  return nullptr;
}

std::string CheckRename(const std::vector<ExportEntry>& entries, const ExportEntry& entry) {
  if (!IsIdentifier(entry.other)) return "\"renamed_to\" is not a class name.";
  if (entry.other == entry.class_name) return "\"renamed_to\" is the class's own name.";
  const ExportEntry* target = FindEntry(entries, entry.other);
  if (target == nullptr || target->state != State::kCreated) {
    return "\"renamed_to\" must name a live entry of the same map: there is none for '" + entry.other + "'.";
  }
  for (const ExportEntry& other : entries) {
    if (&other != &entry && other.state == State::kRenamed && other.other == entry.other) {
      return "'" + other.class_name + "' is renamed to '" + entry.other + "', too.";
    }
  }
  return "";
}

// --- All of them together, with the code and what is provisioned

class Reconciler {
 public:
  Reconciler(const LifecycleInput& input, LifecyclePlan* plan)
      : input_(input), entries_(*input.exports), plan_(*plan), before_(plan->classes) {}

  std::optional<Refusal> Run() {
    // Renames before the live entries: those that they lead to are not created.
    for (const ExportEntry& entry : entries_) {
      if (entry.state == State::kRenamed) Rename(entry);
    }
    for (const ExportEntry& entry : entries_) {
      switch (entry.state) {
        case State::kCreated: Live(entry); break;
        case State::kDeleted: Delete(entry); break;
        case State::kTransferred: HandOver(entry); break;
        case State::kExpectingTransfer: Expect(entry); break;
        case State::kRenamed: break;
      }
    }
    FindUndeclared();
    if (!errors_.empty()) return NotReconciled(errors_);
    Finish();
    return std::nullopt;
  }

 private:
  void Fail(const ExportEntry& entry, const char* scenario, std::string message, std::string suggestion,
            std::vector<std::string> scripts = {}) {
    errors_.push_back({entry.class_name, scenario, std::move(message), std::move(suggestion), std::move(scripts)});
  }
  void Inform(const std::string& name, const char* scenario, std::string message, std::vector<std::string> scripts) {
    Json item = Json().Set("class", name).Set("scenario", scenario).Set("message", std::move(message));
    if (!scripts.empty()) item.Set("referencing_scripts", Names(scripts));
    info_.Append(std::move(item));
  }

  void Live(const ExportEntry& entry) {
    const std::string& name = entry.class_name;
    const ObjectClass* here = Find(plan_.classes, name);
    if (here != nullptr) {
      if (!InCode(name)) return NotInCode(entry);
      if (here->sqlite != entry.sqlite) return OtherStorage(entry, here->sqlite);
      return;
    }
    if (!InCode(name)) {
      return Fail(entry, "config_references_nonexistent_class",
                  "`exports` declares '" + name + "', which the code does not export and which was never provisioned.",
                  "remove the entry, or export the class.");
    }
    if (!entry.sqlite) {
      return Fail(entry, "invalid_export",
                  "A new namespace for '" + name + "' can't have the storage \"legacy-kv\" by way of `exports`.",
                  "use \"storage\": \"sqlite\".");
    }
    ObjectClass fresh;
    fresh.class_name = name;
    fresh.sqlite = true;
    plan_.classes.push_back(std::move(fresh));
    created_.Append(name);
  }

  void Delete(const ExportEntry& entry) {
    const std::string& name = entry.class_name;
    const ObjectClass* here = Find(before_, name);
    if (here == nullptr) return Stale(entry, "deleted");
    if (InCode(name)) {
      return Fail(entry, "tombstone_delete_class_still_in_code",
                  "'" + name + "' is to be deleted, but the code still exports it.",
                  "remove the class from the code first.");
    }
    std::vector<std::string> bound = BoundTo(here->ns);
    if (!bound.empty()) {
      return Fail(entry, "tombstone_delete_blocked_by_external_bindings",
                  "'" + name + "' is to be deleted, but other scripts bind it.",
                  "deploy those scripts without the binding first.", std::move(bound));
    }
    plan_.dropped.push_back(here->ns);
    Erase(name);
    deleted_.Append(name);
  }

  void Rename(const ExportEntry& entry) {
    const std::string& name = entry.class_name;
    const ObjectClass* here = Find(before_, name);
    if (here == nullptr) return Stale(entry, "renamed");
    if (Find(before_, entry.other) != nullptr) {
      return Fail(entry, "tombstone_renamed_to_occupied",
                  "'" + name + "' can't be renamed to '" + entry.other + "': that class has a namespace of its own.",
                  "delete that namespace by a `deleted` entry in a deploy before.");
    }
    for (ObjectClass& one : plan_.classes) {
      if (one.class_name == name) one.class_name = entry.other;
    }
    renamed_.Append(Json().Set("from", name).Set("to", entry.other));
    if (InCode(name)) StillInCode(entry, "renamed");
  }

  void HandOver(const ExportEntry& entry) {
    const std::string& name = entry.class_name;
    const ObjectClass* here = Find(before_, name);
    if (here == nullptr) return Stale(entry, "transferred");
    const OtherScript* target = FindScript(entry.other);
    if (target == nullptr) {
      return Fail(entry, "transferred_target_missing", "There is no script '" + entry.other + "'.",
                  "correct `transferred_to`, or remove the entry.");
    }
    const ClassTransfer* pending = ExpectedBy(*target, name);
    if (pending == nullptr) return NobodyExpects(entry);
    if (pending->sqlite != here->sqlite) return OtherStorage(entry, here->sqlite);
    if (!target->exported_classes || !Contains(*target->exported_classes, name)) {
      return Fail(entry, "transferred_pending_not_found",
                  "What is deployed of '" + entry.other + "' does not export '" + name + "'.",
                  "deploy '" + entry.other + "' with the class first.");
    }
    plan_.handed.push_back({entry.other, *here});
    Erase(name);
    transferred_.Append(Json().Set("class", name).Set("to", entry.other).Set("phase", "committed"));
    if (InCode(name)) StillInCode(entry, "transferred");
  }

  void NobodyExpects(const ExportEntry& entry) {
    for (const OtherScript& script : input_.other_scripts) {
      if (ExpectedBy(script, entry.class_name) == nullptr) continue;
      return Fail(entry, "transferred_target_mismatch",
                  "'" + entry.class_name + "' is awaited by '" + script.name + "', not by '" + entry.other + "'.",
                  "set `transferred_to` to '" + script.name + "', or deploy that script without `expecting-transfer`.");
    }
    Fail(entry, "transferred_pending_not_found",
         "'" + entry.other + "' does not wait for '" + entry.class_name + "' of this script.",
         "deploy '" + entry.other + "' first, with an `expecting-transfer` entry that names this script.");
  }

  void Expect(const ExportEntry& entry) {
    const std::string& name = entry.class_name;
    if (const ObjectClass* here = Find(before_, name)) return AlreadyHere(entry, *here);
    if (!InCode(name)) {
      return Fail(entry, "config_references_nonexistent_class",
                  "`exports` expects '" + name + "', which the code does not export.",
                  "export the class, or remove the entry.");
    }
    const ClassTransfer* pending = FindTransfer(input_.expected, name);
    if (pending != nullptr && pending->from_script != entry.other) {
      return Fail(entry, "phase_one_transfer_duplicate",
                  "'" + name + "' is expected from '" + pending->from_script + "' already.",
                  "deploy without the entry first: that ends the transfer that is waited for.");
    }
    const OtherScript* source = FindScript(entry.other);
    if (source == nullptr) {
      return Fail(entry, "phase_one_transfer_source_missing", "There is no script '" + entry.other + "'.",
                  "correct `transfer_from`.");
    }
    const ObjectClass* theirs = Find(source->classes, name);
    if (theirs == nullptr) {
      return Fail(entry, "phase_one_transfer_source_namespace_missing",
                  "'" + entry.other + "' has no namespace for '" + name + "'.", "deploy the class there first.");
    }
    if (theirs->sqlite != entry.sqlite) return OtherStorage(entry, theirs->sqlite);
    expected_.push_back({name, entry.other, entry.sqlite});
    pending_.Append(Json().Set("class", name).Set("from", entry.other));
  }

  void AlreadyHere(const ExportEntry& entry, const ObjectClass& here) {
    const ClassTransfer* received = FindTransfer(input_.received, entry.class_name);
    if (received == nullptr) {
      return Fail(entry, "phase_one_transfer_target_class_provisioned",
                  "'" + entry.class_name + "' has a namespace in this script already.",
                  "declare it as a live entry, or delete that namespace first.");
    }
    if (received->from_script != entry.other) {
      return Fail(
          entry, "phase_one_transfer_after_commit_mismatch",
          "'" + entry.class_name + "' came from '" + received->from_script + "', not from '" + entry.other + "'.",
          "declare it as a live entry: what has come can't be redirected.");
    }
    if (!InCode(entry.class_name)) return NotInCode(entry);
    if (here.sqlite != entry.sqlite) return OtherStorage(entry, here.sqlite);
    Inform(entry.class_name, "transfer_receive_already_applied",
           "The transfer of '" + entry.class_name + "' from '" + entry.other +
               "' has been made. Declare the class as a live entry now.",
           {});
  }

  void FindUndeclared() {
    if (entries_.empty()) return;  // Nothing is declared of any class: all stay.
    for (const ObjectClass& here : before_) {
      if (FindEntry(entries_, here.class_name) != nullptr) continue;
      ExportEntry entry{.class_name = here.class_name};
      if (InCode(here.class_name)) {
        Fail(entry, "provisioned_class_missing_from_config",
             "A namespace exists for '" + here.class_name + "', which the code exports, but `exports` has no entry.",
             "add a live entry to keep it, or a `deleted`, `renamed` or `transferred` one.");
      } else {
        Fail(entry, "orphaned_provisioned_namespace",
             "A namespace exists for '" + here.class_name + "' but no `exports` entry declares it.",
             "add an `exports` entry for '" + here.class_name +
                 "', or add a `deleted` tombstone to remove the namespace.",
             BoundTo(here.ns));
      }
    }
  }

  void Finish() {
    plan_.changes = created_.items().size() + deleted_.items().size() + renamed_.items().size() > 0 ||
                    !plan_.handed.empty() || expected_ != input_.expected;
    plan_.expected = std::move(expected_);
    Json removable = Json::MakeArray();
    for (const std::string& name : removable_) removable.Append(name);
    Json json = Json().Set("created", std::move(created_)).Set("updated", Json::MakeArray());
    json.Set("deleted", std::move(deleted_)).Set("renamed", std::move(renamed_));
    json.Set("transferred", std::move(transferred_)).Set("transfer_pending", std::move(pending_));
    json.Set("warnings", Json::MakeArray()).Set("info", std::move(info_));
    plan_.reconciliation = json.Set("removable_entries", std::move(removable));
  }

  void NotInCode(const ExportEntry& entry) {
    Fail(entry, "config_export_not_in_code",
         "`exports` declares '" + entry.class_name + "', which the code does not export.",
         "export the class, or make the entry a `deleted`, `renamed` or `transferred` one.");
  }
  void OtherStorage(const ExportEntry& entry, bool sqlite) {
    Fail(entry, "storage_type_mismatch",
         "The namespace of '" + entry.class_name + "' has the storage \"" + (sqlite ? "sqlite" : "legacy-kv") + "\".",
         "declare that; a namespace keeps its storage for life.");
  }
  void Stale(const ExportEntry& entry, const std::string& state) {
    std::vector<std::string> scripts = Naming(entry.class_name);
    if (scripts.empty()) removable_.insert(entry.class_name);
    Inform(entry.class_name, "stale_tombstone",
           "Tombstone of type '" + state + "' for class '" + entry.class_name +
               "' has no effect (no namespace exists with this class name)." +
               (scripts.empty() ? " Safe to remove from `exports`." : ""),
           std::move(scripts));
  }
  void StillInCode(const ExportEntry& entry, const std::string& state) {
    Inform(entry.class_name, "tombstone_class_still_in_code",
           "Tombstone of type '" + state + "' applied. Class '" + entry.class_name +
               "' is still exported in code; this is the supported pattern for zero-downtime rollouts.",
           Naming(entry.class_name));
  }

  static bool Contains(const std::vector<std::string>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  }
  static const ObjectClass* Find(const std::vector<ObjectClass>& classes, std::string_view name) {
    for (const ObjectClass& entry : classes) {
      if (entry.class_name == name) return &entry;
    }
    return nullptr;
  }
  static const ClassTransfer* FindTransfer(const std::vector<ClassTransfer>& list, std::string_view name) {
    for (const ClassTransfer& transfer : list) {
      if (transfer.class_name == name) return &transfer;
    }
    return nullptr;
  }
  bool InCode(std::string_view name) const { return Contains(input_.exported_classes, name); }
  const OtherScript* FindScript(std::string_view name) const {
    for (const OtherScript& script : input_.other_scripts) {
      if (script.name == name) return &script;
    }
    return nullptr;
  }
  const ClassTransfer* ExpectedBy(const OtherScript& script, std::string_view name) const {
    const ClassTransfer* pending = FindTransfer(script.expected, name);
    return pending != nullptr && pending->from_script == input_.script_name ? pending : nullptr;
  }
  // Other scripts whose bindings lead to the namespace.
  std::vector<std::string> BoundTo(NamespaceId ns) const {
    return Referencing([&](const ClassBinding& binding) { return binding.ns == ns; });
  }
  // Those that name a class of this script.
  std::vector<std::string> Naming(std::string_view name) const {
    return Referencing([&](const ClassBinding& binding) {
      return binding.script_name == input_.script_name && binding.class_name == name;
    });
  }
  template <typename Predicate>
  std::vector<std::string> Referencing(Predicate predicate) const {
    std::vector<std::string> names;
    for (const OtherScript& script : input_.other_scripts) {
      if (std::ranges::any_of(script.bindings, predicate)) names.push_back(script.name);
    }
    return names;
  }
  void Erase(std::string_view name) {
    std::erase_if(plan_.classes, [&](const ObjectClass& entry) { return entry.class_name == name; });
  }

  const LifecycleInput& input_;
  const std::vector<ExportEntry>& entries_;
  LifecyclePlan& plan_;
  const std::vector<ObjectClass> before_;
  std::vector<ClassTransfer> expected_;
  std::vector<Detail> errors_;
  std::set<std::string> removable_;
  Json created_ = Json::MakeArray(), deleted_ = Json::MakeArray(), renamed_ = Json::MakeArray();
  Json transferred_ = Json::MakeArray(), pending_ = Json::MakeArray(), info_ = Json::MakeArray();
};

}  // namespace

Decision<std::optional<std::vector<ExportEntry>>> ParseExports(const Json& json) {
  if (json.is_null()) return std::optional<std::vector<ExportEntry>>();
  if (!json.is_object()) return Refusal{400, 10021, "metadata: \"exports\" must be an object."};
  if (json.members().size() > kExportsMax) {
    return Refusal{400, 10021, "metadata: \"exports\" has more than " + std::to_string(kExportsMax) + " entries."};
  }
  std::vector<ExportEntry> entries;
  std::vector<Detail> details;
  auto fail = [&](const std::string& name, std::string why) {
    details.push_back({name, "invalid_export", std::move(why), "correct the entry."});
  };
  for (const auto& [name, value] : json.members()) {
    const std::string& type = value["type"].AsString();
    if (type == "worker") continue;  // Settings of an entry point, none of which there are here.
    if (type != "durable-object") {
      fail(name, "\"type\" must be \"durable-object\" or \"worker\".");
      continue;
    }
    ExportEntry entry;
    std::string why = ReadEntry(name, value, &entry);
    if (!why.empty()) fail(name, std::move(why));
    if (why.empty()) entries.push_back(std::move(entry));
  }
  for (const ExportEntry& entry : entries) {
    if (entry.state != State::kRenamed) continue;
    if (std::string why = CheckRename(entries, entry); !why.empty()) fail(entry.class_name, std::move(why));
  }
  if (!details.empty()) return NotReconciled(details);
  return std::optional(std::move(entries));
}

std::optional<Refusal> ReconcileExports(const LifecycleInput& input, LifecyclePlan* plan) {
  return Reconciler(input, plan).Run();
}

Json LiveExports(const Json& exports) {
  Json live;
  for (const auto& [name, value] : exports.members()) {
    const std::string& state = value["state"].AsString();
    if (state.empty() || state == "created" || state == "expecting-transfer") live.Set(name, value);
  }
  return live;
}

}  // namespace limpet::control
