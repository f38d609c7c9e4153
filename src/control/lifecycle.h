// What a deploy does to a script's Durable Object classes: pure decisions, no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bundle.h"
#include "base/json.h"
#include "control/class_transfer.h"

namespace limpet::control {

// Why a request is refused, as the API says it.
struct Refusal {
  int status = 400;
  int code = 0;
  std::string message;
  Json meta = {};  // The error's "meta"; null: none.
};

template <typename T>
class [[nodiscard]] Decision {
 public:
  Decision(T value) : value_(std::move(value)) {}              // NOLINT: implicit by design.
  Decision(Refusal refusal) : refusal_(std::move(refusal)) {}  // NOLINT
  bool ok() const { return value_.has_value(); }
  T& operator*() { return *value_; }
  T* operator->() { return &*value_; }
  const Refusal& refusal() const { return refusal_; }

 private:
  std::optional<T> value_;
  Refusal refusal_;
};

// metadata.migrations.
struct MigrationStep {
  std::vector<std::string> new_classes, new_sqlite_classes, deleted_classes;
  std::vector<std::pair<std::string, std::string>> renamed_classes;  // From, to.
  struct Transfer {
    std::string from_script, from, to;
  };
  std::vector<Transfer> transferred_classes;
};
struct Migrations {
  std::optional<std::string> old_tag, new_tag;
  std::vector<MigrationStep> steps;
};
// Absent or null: nothing. Both forms: {old_tag, new_tag, steps} and a single step with the tags beside its arrays.
Decision<std::optional<Migrations>> ParseMigrations(const Json& json);

// One class of metadata.exports (exports.h).
struct ExportEntry {
  enum class State : uint8_t { kCreated, kDeleted, kRenamed, kTransferred, kExpectingTransfer };
  std::string class_name;
  State state = State::kCreated;
  bool sqlite = true;      // Of those that live.
  std::string other = {};  // renamed_to, transferred_to or transfer_from.
};

// A binding of the new version to a class.
struct ClassBinding {
  std::string binding_name;
  std::string class_name;
  std::string script_name;  // Empty, or the script's own name: one of its own classes.
  NamespaceId ns = {};      // What it leads to; 0: not known yet.
};

// What a deploy must know of another script.
struct OtherScript {
  std::string name;
  std::vector<ObjectClass> classes = {};
  std::vector<ClassTransfer> expected = {};  // What it waits for.
  std::vector<ClassBinding> bindings = {};   // Of its deployed version.
  // Of its deployed version; nothing: it has none.
  std::optional<std::vector<std::string>> exported_classes = {};
};

struct LifecycleInput {
  std::string script_name = {};
  std::string tag = {};                            // The script's migration tag; empty: none.
  std::vector<ObjectClass> classes = {};           // Its classes so far.
  std::vector<ClassTransfer> expected = {};        // What it waits for so far.
  std::vector<ClassTransfer> received = {};        // What came to it by declared transfers.
  std::vector<std::string> exported_classes = {};  // Of the new code.
  std::vector<ClassBinding> bindings = {};
  std::optional<Migrations> migrations = {};
  std::optional<std::vector<ExportEntry>> exports = {};  // Never beside migrations.
  bool declares_exports = false;                         // An earlier upload had exports: they are the way from there.
  // For bindings and transfers. Those that are not named do not exist.
  std::vector<OtherScript> other_scripts = {};
};

struct LifecyclePlan {
  std::string tag;
  std::vector<ObjectClass> classes;  // ns.value 0: to be allocated, with a new key.
  std::vector<NamespaceId> dropped;  // Their data is to be destroyed.
  struct Moved {
    std::string from_script, class_name;  // Leaves that script's table.
  };
  std::vector<Moved> moved;
  // With exports:
  std::vector<ClassTransfer> expected;  // What the script waits for from now on.
  struct Handed {
    std::string to_script;
    ObjectClass entry;  // Has left this script's table; joins that one's, which waits for it no more.
  };
  std::vector<Handed> handed;
  Json reconciliation;  // For the answer (exports_reconciliation); null: no exports.
  // Nothing but the table's bindings would change: an upload may be stored without being made live.
  bool changes = false;
};

// All or nothing. Every refusal begins with the sentence that the reference's clients know, and ends in advice.
Decision<LifecyclePlan> PlanLifecycle(const LifecycleInput& input);
// The code of an older version goes live again: every live class must be exported by it.
std::optional<Refusal> CheckExports(const std::vector<ObjectClass>& classes, const std::vector<std::string>& exported);

}  // namespace limpet::control
