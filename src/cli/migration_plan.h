// Which migrations a publish sends. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cli/config/project_config.h"

namespace limpet::cli {

// The flags of publish. Any of them replaces the file's list.
struct MigrationFlags {
  std::vector<std::string> new_classes, new_sqlite_classes, deleted_classes;
  std::vector<std::pair<std::string, std::string>> renamed_classes;  // From, to.
  struct Transfer {
    std::string from_script, from, to;
  };
  std::vector<Transfer> transferred_classes;
  std::optional<std::string> old_tag, new_tag;
  bool any() const {
    return !new_classes.empty() || !new_sqlite_classes.empty() || !deleted_classes.empty() ||
           !renamed_classes.empty() || !transferred_classes.empty() || old_tag || new_tag;
  }
};

struct ScriptState {
  bool exists = false;
  std::string tag;  // Empty: none.
};

struct MigrationPlan {
  Json migrations;  // For the upload's metadata; null: none.
  std::vector<std::string> warnings;
};

// Errors: kConflict, with the texts of wrangler 1.x.
Result<MigrationPlan> PlanMigrations(const MigrationFlags& flags, const std::vector<Migration>& list,
                                     const ScriptState& script);

}  // namespace limpet::cli
