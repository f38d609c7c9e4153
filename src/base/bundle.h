// What a deploy makes and a shard runs: one immutable version of a script. Plain data, shared between threads as
// std::shared_ptr<const ScriptVersion>.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace limpet {

namespace assets {
class Site;  // src/assets
}

// kScript: the one module of a version in service-worker format.
enum class ModuleKind : uint8_t { kEsModule, kText, kData, kJson, kWasm, kCommonJs, kScript };

struct Module {
  std::string name;  // As uploaded; compared after normalising ("./a.mjs" is "a.mjs").
  ModuleKind kind = ModuleKind::kEsModule;
  Bytes content;
  Bytes code_cache;  // V8's, for ES modules; empty if there is none.
};

// A value that a script finds in `env`.
struct Binding {
  enum class Kind : uint8_t {
    kPlainText,
    kJson,
    kText,
    kData,
    kWasm,
    kDurableObjectNamespace,
    kAssets,
    kService,
    kKvNamespace
  };
  Kind kind = Kind::kPlainText;
  std::string name;
  Bytes value;  // Text, JSON text, name of the module that is kText, kData or kWasm; kService: its props as JSON text.
  // kDurableObjectNamespace (kKvNamespace: `ns` alone):
  std::string class_name;
  std::string script_name;  // Of the script that exports the class; never empty. kService: of the one that is called.
  NamespaceId ns;
  std::string ns_key;  // What the namespace's IDs are keyed with (spec/api.md section 2: uniqueKey).
  // kService: the export that is called; empty: the default one.
  std::string entrypoint = {};
};

// A class of this script that has storage.
struct ObjectClass {
  std::string class_name;
  NamespaceId ns;
  std::string ns_key;
  bool sqlite = false;  // Made by new_sqlite_classes: its limits and, later, SQL.
};

struct ScriptVersion {
  std::string script_name;
  std::string version_id;   // A UUID.
  std::string main_module;  // Empty: there is no code, only static files.
  std::vector<Module> modules;
  std::vector<Binding> bindings;
  std::vector<ObjectClass> classes;
  std::string compatibility_date = "2021-11-02";  // YYYY-MM-DD; compared as text.
  std::vector<std::string> compatibility_flags;
  std::shared_ptr<const assets::Site> site;  // Its static files; null: none.
  std::vector<std::string> tail_consumers;   // Scripts whose tail() is told of each event.
};

}  // namespace limpet
