#include "cli/migration_plan.h"

namespace limpet::cli {
namespace {

Error Conflict(std::string text) { return Error(ErrorCode::kConflict, std::move(text)); }

Result<Done> CheckTags(const MigrationFlags& flags, const ScriptState& script) {
  if (flags.old_tag && !flags.new_tag) return Conflict("You must provide a --new-tag when --old-tag is set.");
  if (flags.old_tag && !script.exists) {
    return Conflict("You provided an existing migration tag with your migration but the script does not exist.");
  }
  if (flags.old_tag && script.tag.empty()) {
    return Conflict(
        "You provided an existing migration tag with your migration but the script does not have a migration tag set.");
  }
  if (flags.old_tag && *flags.old_tag != script.tag) {
    return Conflict("The migration tag provided with your migration (\"" + *flags.old_tag +
                    "\") does not match the script's current migration tag of \"" + script.tag +
                    "\", are you sure you are applying the right migration?");
  }
  if (!flags.old_tag && flags.new_tag && !script.tag.empty()) {
    return Conflict(
        "You didn't provide an existing tag with your migration, but the script currently has a migration tag set to "
        "\"" +
        script.tag + "\"");
  }
  return Done{};
}

Json AdHoc(const MigrationFlags& flags) {
  Json renamed = Json::MakeArray();
  for (const auto& [from, to] : flags.renamed_classes) renamed.Append(Json().Set("from", from).Set("to", to));
  Json transferred = Json::MakeArray();
  for (const MigrationFlags::Transfer& item : flags.transferred_classes) {
    transferred.Append(Json().Set("from", item.from).Set("from_script", item.from_script).Set("to", item.to));
  }
  Json step;
  step.Set("new_classes", Json::Array(flags.new_classes.begin(), flags.new_classes.end()));
  step.Set("deleted_classes", Json::Array(flags.deleted_classes.begin(), flags.deleted_classes.end()));
  step.Set("renamed_classes", std::move(renamed)).Set("transferred_classes", std::move(transferred));
  if (!flags.new_sqlite_classes.empty()) {
    step.Set("new_sqlite_classes", Json::Array(flags.new_sqlite_classes.begin(), flags.new_sqlite_classes.end()));
  }
  Json json;
  if (flags.old_tag) json.Set("old_tag", *flags.old_tag);
  if (flags.new_tag) json.Set("new_tag", *flags.new_tag);
  return json.Set("steps", Json::MakeArray({std::move(step)}));
}

}  // namespace

Result<MigrationPlan> PlanMigrations(const MigrationFlags& flags, const std::vector<Migration>& list,
                                     const ScriptState& script) {
  MigrationPlan plan;
  if (flags.any()) {
    LIMPET_TRY([[maybe_unused]] Done checked, CheckTags(flags, script));
    plan.migrations = AdHoc(flags);
    return plan;
  }
  if (list.empty() || (!script.tag.empty() && list.back().tag == script.tag)) return plan;
  size_t first = 0;
  if (!script.tag.empty()) {
    while (first < list.size() && list[first].tag != script.tag) ++first;
    if (first == list.size()) {
      return Conflict("The script's current migration tag of \"" + script.tag +
                      "\" was not found in the list of migrations in wrangler.toml");
    }
    ++first;
  }
  Json steps = Json::MakeArray();
  for (size_t i = first; i < list.size(); ++i) steps.Append(list[i].step);
  if (!script.tag.empty()) plan.migrations.Set("old_tag", script.tag);
  plan.migrations.Set("new_tag", list.back().tag).Set("steps", std::move(steps));
  return plan;
}

}  // namespace limpet::cli
