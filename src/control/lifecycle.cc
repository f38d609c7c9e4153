#include "control/lifecycle.h"

#include <algorithm>
#include <set>

#include "control/exports.h"

namespace limpet::control {
namespace {

constexpr size_t kStepsMax = 100;
constexpr size_t kClassesMax = 500;

Refusal Bad(std::string message) { return {400, 10021, std::move(message)}; }

bool Contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

ObjectClass* Find(std::vector<ObjectClass>& classes, std::string_view name) {
  for (ObjectClass& entry : classes) {
    if (entry.class_name == name) return &entry;
  }
  return nullptr;
}

const ObjectClass* Find(const std::vector<ObjectClass>& classes, std::string_view name) {
  return Find(const_cast<std::vector<ObjectClass>&>(classes), name);
}

std::optional<Refusal> ReadNames(const Json& step, const char* key, std::vector<std::string>* names) {
  const Json& list = step[key];
  if (list.is_null()) return std::nullopt;
  if (!list.is_array()) return Bad(std::string("migrations: \"") + key + "\" must be an array of class names.");
  for (const Json& item : list.items()) {
    if (!item.is_string() || item.AsString().empty()) {
      return Bad(std::string("migrations: \"") + key + "\" must be an array of class names.");
    }
    names->push_back(item.AsString());
  }
  return std::nullopt;
}

std::optional<Refusal> ReadStep(const Json& json, MigrationStep* step) {
  if (!json.is_object()) return Bad("migrations: every step must be an object.");
  if (auto refusal = ReadNames(json, "new_classes", &step->new_classes)) return refusal;
  if (auto refusal = ReadNames(json, "new_sqlite_classes", &step->new_sqlite_classes)) return refusal;
  if (auto refusal = ReadNames(json, "deleted_classes", &step->deleted_classes)) return refusal;
  for (const char* key : {"renamed_classes", "transferred_classes"}) {
    if (!json[key].is_null() && !json[key].is_array()) {
      return Bad(std::string("migrations: \"") + key + "\" must be an array of objects.");
    }
  }
  for (const Json& item : json["renamed_classes"].items()) {
    const std::string& from = item["from"].AsString();
    const std::string& to = item["to"].AsString();
    if (from.empty() || to.empty()) return Bad("migrations: \"renamed_classes\" needs \"from\" and \"to\".");
    step->renamed_classes.emplace_back(from, to);
  }
  for (const Json& item : json["transferred_classes"].items()) {
    MigrationStep::Transfer transfer{item["from_script"].AsString(), item["from"].AsString(), item["to"].AsString()};
    if (transfer.from_script.empty() || transfer.from.empty() || transfer.to.empty()) {
      return Bad("migrations: \"transferred_classes\" needs \"from\", \"from_script\" and \"to\".");
    }
    step->transferred_classes.push_back(std::move(transfer));
  }
  return std::nullopt;
}

// Applies the steps one after the other to a copy of the table.
class Planner {
 public:
  explicit Planner(const LifecycleInput& input) : input_(input) {
    plan_.tag = input.tag;
    plan_.classes = input.classes;
    plan_.expected = input.expected;
  }

  Decision<LifecyclePlan> Run() {
    if (input_.exports) {
      if (auto refusal = ReconcileExports(input_, &plan_)) return *refusal;
    } else if (input_.migrations) {
      plan_.changes = !input_.migrations->steps.empty();
      if (input_.declares_exports && plan_.changes) return Declared();
      if (auto refusal = CheckTag(*input_.migrations)) return *refusal;
      for (const MigrationStep& step : input_.migrations->steps) {
        if (auto refusal = Apply(step)) return *refusal;
      }
      if (input_.migrations->new_tag) plan_.tag = *input_.migrations->new_tag;
    }
    if (auto refusal = CheckBindings()) return *refusal;
    if (auto refusal = CheckCreated()) return *refusal;
    if (auto refusal = CheckExports(plan_.classes, input_.exported_classes)) return *refusal;
    if (plan_.classes.size() > kClassesMax)
      return Bad("A script can have " + std::to_string(kClassesMax) + " classes.");
    return std::move(plan_);
  }

 private:
  static Refusal Declared() {
    return Bad(
        "This script declares its classes with \"exports\"; \"migrations\" can't be applied to it any more. Change the "
        "entries of \"exports\" instead.");
  }

  std::optional<Refusal> CheckTag(const Migrations& migrations) {
    std::string expected = migrations.old_tag.value_or("");
    // Ad-hoc migrations of the 1.x tool carry no tags at all; they apply whatever the tag is.
    if (!migrations.old_tag && !migrations.new_tag) return std::nullopt;
    if (expected == input_.tag) return std::nullopt;
    return Refusal{412, 10079,
                   "Actor migration tag precondition failed, got tag '" + expected + "' when expected tag is '" +
                       input_.tag + "'. Another deploy may have applied migrations since; deploy again."};
  }

  std::optional<Refusal> Apply(const MigrationStep& step) {
    for (const std::string& name : step.new_classes) {
      if (auto refusal = Create(name, /*sqlite=*/false)) return refusal;
    }
    for (const std::string& name : step.new_sqlite_classes) {
      if (auto refusal = Create(name, /*sqlite=*/true)) return refusal;
    }
    std::set<std::string> targets;
    for (const auto& [from, to] : step.renamed_classes) {
      if (!targets.insert(to).second) return Twice(to);
    }
    for (const auto& transfer : step.transferred_classes) {
      if (!targets.insert(transfer.to).second) return Twice(transfer.to);
    }
    for (const auto& [from, to] : step.renamed_classes) {
      if (auto refusal = Rename(from, to)) return refusal;
    }
    for (const auto& transfer : step.transferred_classes) {
      if (auto refusal = Move(transfer)) return refusal;
    }
    for (const std::string& name : step.deleted_classes) {
      if (auto refusal = Delete(name)) return refusal;
    }
    return std::nullopt;
  }

  static Refusal Twice(const std::string& name) {
    return {400, 10074, "class '" + name + "' cannot be the target of more than one migration"};
  }

  std::optional<Refusal> Create(const std::string& name, bool sqlite) {
    if (Find(plan_.classes, name) != nullptr) {
      if (created_.contains(name)) return Twice(name);
      return Refusal{400, 10074,
                     std::string("Cannot apply ") + (sqlite ? "new-sqlite-class" : "new-class") +
                         " migration to class '" + name +
                         "' that is already depended on by existing Durable Objects. The class exists since an earlier "
                         "deploy and keeps its data: deploy without the migration."};
    }
    created_.insert(name);
    ObjectClass entry;
    entry.class_name = name;
    entry.sqlite = sqlite;
    plan_.classes.push_back(std::move(entry));
    return std::nullopt;
  }

  std::optional<Refusal> Rename(const std::string& from, const std::string& to) {
    ObjectClass* entry = Find(plan_.classes, from);
    if (entry == nullptr) {
      return Refusal{400, 10074,
                     "Cannot apply rename-class migration to class '" + from +
                         "' that is not depended on by any existing Durable Object. " + Known()};
    }
    if (Find(plan_.classes, to) != nullptr) return Taken("rename-class", to);
    entry->class_name = to;
    if (created_.erase(from) != 0) created_.insert(to);
    return std::nullopt;
  }

  std::optional<Refusal> Move(const MigrationStep::Transfer& transfer) {
    if (transfer.from_script == input_.script_name) return Rename(transfer.from, transfer.to);
    const OtherScript* other = FindScript(transfer.from_script);
    if (other == nullptr) {
      return Refusal{
          400, 10074,
          "Cannot apply transfer-class migration from script '" + transfer.from_script + "' that does not exist."};
    }
    const ObjectClass* entry = Find(other->classes, transfer.from);
    if (entry == nullptr || IsMoved(transfer.from_script, transfer.from)) {
      return Refusal{400, 10074,
                     "Cannot apply transfer-class migration to class '" + transfer.from + "' that script '" +
                         transfer.from_script + "' does not implement Durable Objects with."};
    }
    if (Find(plan_.classes, transfer.to) != nullptr) return Taken("transfer-class", transfer.to);
    ObjectClass moved = *entry;
    moved.class_name = transfer.to;
    plan_.classes.push_back(std::move(moved));
    plan_.moved.push_back({transfer.from_script, transfer.from});
    return std::nullopt;
  }

  std::optional<Refusal> Delete(const std::string& name) {
    ObjectClass* entry = Find(plan_.classes, name);
    if (entry == nullptr) {
      return Refusal{400, 10074,
                     "Cannot apply --delete-class migration to class '" + name +
                         "' that is not depended on by any existing Durable Object. " + Known()};
    }
    for (const ClassBinding& binding : input_.bindings) {
      if (binding.class_name == name && IsOwn(binding)) {
        return Refusal{400, 10061,
                       "Cannot apply --delete-class migration to class '" + name +
                           "' without also removing the binding that references it. Remove the binding " +
                           binding.binding_name + " from the configuration."};
      }
    }
    if (created_.erase(name) == 0) plan_.dropped.push_back(entry->ns);
    std::erase_if(plan_.classes, [&](const ObjectClass& other) { return other.class_name == name; });
    return std::nullopt;
  }

  static Refusal Taken(const std::string& step, const std::string& name) {
    return {400, 10074,
            "Cannot apply " + step + " migration to class '" + name +
                "' that is already depended on by existing Durable Objects. Delete that class first, or "
                "choose another name."};
  }

  std::optional<Refusal> CheckBindings() const {
    for (const ClassBinding& binding : input_.bindings) {
      if (IsOwn(binding)) {
        if (Find(plan_.classes, binding.class_name) != nullptr || IsExpected(binding.class_name)) continue;
        if (!Contains(input_.exported_classes, binding.class_name)) {
          if (auto renamed = CheckRenamed(binding)) return renamed;
          return Refusal{400, 10061,
                         "Cannot create binding for class " + binding.class_name +
                             " that is not exported by the script. " + Exported()};
        }
        if (auto renamed = CheckRenamed(binding)) return renamed;
        return NotConfigured(binding, "Ensure a --new-class migration has been applied to it. ");
      }
      const OtherScript* other = FindScript(binding.script_name);
      if (other == nullptr) {
        return Refusal{400, 10061,
                       "Cannot create binding for class in script '" + binding.script_name +
                           "' that does not exist. Deploy that script first."};
      }
      bool theirs = Find(other->classes, binding.class_name) != nullptr && !IsMoved(other->name, binding.class_name);
      bool to_be = std::any_of(plan_.handed.begin(), plan_.handed.end(), [&](const LifecyclePlan::Handed& handed) {
        return handed.to_script == other->name && handed.entry.class_name == binding.class_name;
      });
      if (!theirs && !to_be) {
        return NotConfigured(
            binding, "Ensure a --new-class migration has been applied to it in script '" + binding.script_name + "'. ");
      }
    }
    return std::nullopt;
  }

  // The binding still has the name that a class had before this upload.
  std::optional<Refusal> CheckRenamed(const ClassBinding& binding) const {
    std::vector<std::pair<std::string, std::string>> renames;
    if (input_.migrations) {
      for (const MigrationStep& step : input_.migrations->steps) {
        renames.insert(renames.end(), step.renamed_classes.begin(), step.renamed_classes.end());
      }
    }
    for (const ExportEntry& entry : input_.exports.value_or(std::vector<ExportEntry>())) {
      if (entry.state == ExportEntry::State::kRenamed) renames.emplace_back(entry.class_name, entry.other);
    }
    for (const auto& [from, to] : renames) {
      if (from != binding.class_name) continue;
      return Refusal{400, 10061,
                     "Cannot create binding for class '" + from +
                         "' because it is not currently configured to implement Durable Objects. This upload renames "
                         "it to " +
                         to + ": write class_name = \"" + to + "\" in the binding " + binding.binding_name + "."};
    }
    return std::nullopt;
  }

  Refusal NotConfigured(const ClassBinding& binding, const std::string& ensure) const {
    const std::string& name = binding.class_name;
    std::string begin = "Cannot create binding for class '" + name +
                        "' because it is not currently configured to implement Durable "
                        "Objects. ";
    if (input_.exports && IsOwn(binding)) {
      return {400, 10061,
              begin + "Declare it: \"exports\": {\"" + name +
                  "\": {\"type\": \"durable-object\", \"storage\": \"sqlite\"}}."};
    }
    return {400, 10061,
            begin + ensure + "Pass --new-class " + name +
                ", or add this to wrangler.toml:\n\n[[migrations]]\ntag = \"v1\"\n" + "new_classes = [\"" + name +
                "\"]"};
  }

  std::optional<Refusal> CheckCreated() const {
    for (const std::string& name : created_) {
      if (Contains(input_.exported_classes, name)) continue;
      const ObjectClass* entry = Find(plan_.classes, name);
      bool sqlite = entry != nullptr && entry->sqlite;
      return Refusal{400, 10070,
                     std::string("Cannot apply ") + (sqlite ? "new-sqlite-class" : "new-class") +
                         " migration to class '" + name + "' that is not exported by script. " + Exported()};
    }
    return std::nullopt;
  }

  bool IsOwn(const ClassBinding& binding) const {
    return binding.script_name.empty() || binding.script_name == input_.script_name;
  }
  bool IsMoved(const std::string& script, const std::string& name) const {
    return std::any_of(plan_.moved.begin(), plan_.moved.end(), [&](const LifecyclePlan::Moved& moved) {
      return moved.from_script == script && moved.class_name == name;
    });
  }
  // It will be here once the other script hands it over; until then the binding leads to the class that is there.
  bool IsExpected(const std::string& name) const {
    return std::any_of(plan_.expected.begin(), plan_.expected.end(),
                       [&](const ClassTransfer& transfer) { return transfer.class_name == name; });
  }
  const OtherScript* FindScript(const std::string& name) const {
    for (const OtherScript& script : input_.other_scripts) {
      if (script.name == name) return &script;
    }
    return nullptr;
  }
  std::string Known() const {
    if (plan_.classes.empty()) return "The script has no Durable Object classes.";
    std::string text = "The script's classes are ";
    for (size_t i = 0; i < plan_.classes.size(); ++i) text += (i == 0 ? "" : ", ") + plan_.classes[i].class_name;
    return text + ".";
  }
  std::string Exported() const {
    if (input_.exported_classes.empty()) return "The main module exports no class; write \"export class …\".";
    std::string text = "The main module exports ";
    for (size_t i = 0; i < input_.exported_classes.size(); ++i)
      text += (i == 0 ? "" : ", ") + input_.exported_classes[i];
    return text + ".";
  }

  const LifecycleInput& input_;
  LifecyclePlan plan_;
  std::set<std::string> created_;  // By the steps so far.
};

}  // namespace

Decision<std::optional<Migrations>> ParseMigrations(const Json& json) {
  if (json.is_null()) return std::optional<Migrations>();
  if (!json.is_object()) return Bad("\"migrations\" must be an object.");
  Migrations migrations;
  for (auto [key, tag] : {std::pair{"old_tag", &migrations.old_tag}, std::pair{"new_tag", &migrations.new_tag}}) {
    const Json& value = json[key];
    if (value.is_null()) continue;
    if (!value.is_string()) return Bad(std::string("migrations: \"") + key + "\" must be a string.");
    *tag = value.AsString();
  }
  const Json& steps = json["steps"];
  if (!steps.is_null() && !steps.is_array()) return Bad("migrations: \"steps\" must be an array.");
  if (steps.items().size() > kStepsMax) return Bad("migrations: " + std::to_string(kStepsMax) + " steps at most.");
  for (const Json& item : steps.items()) {
    if (auto refusal = ReadStep(item, &migrations.steps.emplace_back())) return *refusal;
  }
  if (steps.is_null()) {
    if (auto refusal = ReadStep(json, &migrations.steps.emplace_back())) return *refusal;
  }
  return std::optional<Migrations>(std::move(migrations));
}

Decision<LifecyclePlan> PlanLifecycle(const LifecycleInput& input) { return Planner(input).Run(); }

std::optional<Refusal> CheckExports(const std::vector<ObjectClass>& classes, const std::vector<std::string>& exported) {
  for (const ObjectClass& entry : classes) {
    if (Contains(exported, entry.class_name)) continue;
    return Refusal{
        400, 10064,
        "New version of script does not export class '" + entry.class_name +
            "' which is depended on by existing Durable Objects. Export the class, rename it with --rename-class " +
            entry.class_name + " NEW_NAME, or, to destroy its data, try a delete-class migration (--delete-class " +
            entry.class_name + ")."};
  }
  return std::nullopt;
}

}  // namespace limpet::control
