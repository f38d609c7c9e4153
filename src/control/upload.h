// An uploaded script, from its form (spec wrangler.md section 1.3). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bundle.h"
#include "base/json.h"
#include "control/catalog.h"
#include "control/lifecycle.h"

namespace limpet::control {

struct Upload {
  Json metadata;
  std::string main_module;      // Is one of `modules`. Empty: static files alone, no code.
  Json assets;                  // What `metadata.assets` stands for (VersionRecord::assets); set by who knows.
  std::vector<Module> modules;  // Names as uploaded, the main module first.
  Json::Array bindings;         // Of known types, names unique; "inherit" still in it.
  std::optional<Migrations> migrations;
  std::optional<std::vector<ExportEntry>> exports;  // Never beside steps of migrations.
  std::vector<std::string> keep_bindings;
  Json code_update;                // What EffectiveCodeUpdate gave; null: nothing was asked.
  std::string compatibility_date;  // May be empty.
  std::vector<std::string> compatibility_flags;
};

inline constexpr size_t kBindingsMax = 1000;
inline constexpr size_t kBindingTextBytesMax = 64 * 1024;

Decision<Upload> ParseUpload(std::string_view content_type, BytesView body);

// Replaces "inherit" entries by those of the newest version, keeps secrets, and what keep_bindings names.
// Refusal 10057: nothing to inherit.
Decision<Json::Array> ResolveBindings(const Upload& upload, const VersionRecord* newest);
// The class bindings among `bindings`, for PlanLifecycle.
std::vector<ClassBinding> ClassBindings(const Json::Array& bindings);
// What the API shows of a binding: no secret's text, nothing internal.
Json PublicBinding(const Json& binding);

// Lower-case letters, digits, "-" and "_", 63 at most, beginning with a letter, digit or "_": a host name's label.
bool IsScriptName(std::string_view name);
// "a.js" of "./a.js"; "lib/b.js" of "./x/../lib/b.js".
std::string NormaliseModuleName(std::string_view name);

}  // namespace limpet::control
