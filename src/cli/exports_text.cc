#include "cli/exports_text.h"

namespace limpet::cli {
namespace {

std::string Joined(const Json& names) {
  std::string text;
  for (const Json& name : names.items()) text += (text.empty() ? "" : ", ") + name.AsString();
  return text;
}

std::string Notices(const char* title, const Json& list) {
  std::string text;
  for (const Json& item : list.items()) {
    text +=
        "\n    [" + item["scenario"].AsString() + "] " + item["class"].AsString() + ": " + item["message"].AsString();
    if (std::string scripts = Joined(item["referencing_scripts"]); !scripts.empty()) {
      text += "\n      Referencing scripts: " + scripts;
    }
  }
  return text.empty() ? text : std::string("\n  ") + title + ":" + text;
}

}  // namespace

std::string ReconciliationText(const Json& reconciliation) {
  std::string text;
  auto line = [&](const std::string& what, const std::string& of) {
    if (!of.empty()) text += "\n  " + what + ": " + of;
  };
  line("Created", Joined(reconciliation["created"]));
  line("Updated", Joined(reconciliation["updated"]));
  line("Deleted", Joined(reconciliation["deleted"]));
  for (const Json& item : reconciliation["renamed"].items()) {
    line("Renamed", item["from"].AsString() + " → " + item["to"].AsString());
  }
  for (const Json& item : reconciliation["transferred"].items()) {
    line("Transferred (" + item["phase"].AsString() + ")", item["class"].AsString() + " → " + item["to"].AsString());
  }
  for (const Json& item : reconciliation["transfer_pending"].items()) {
    line("Transfer pending", item["class"].AsString() + " ← " + item["from"].AsString());
  }
  text += Notices("Warnings", reconciliation["warnings"]) + Notices("Info", reconciliation["info"]);
  line("Safe to remove from `exports`", Joined(reconciliation["removable_entries"]));
  return text.empty() ? text : "Durable Object exports reconciliation:" + text;
}

std::string DetailsText(const Json& details) {
  std::string text;
  for (const Json& detail : details.items()) {
    text += "\n  [" + detail["scenario"].AsString() + "] class '" + detail["class"].AsString() +
            "': " + detail["message"].AsString();
    if (const std::string& advice = detail["suggestion"].AsString(); !advice.empty()) {
      text += "\n    Suggestion: " + advice;
    }
    if (std::string scripts = Joined(detail["referencing_scripts"]); !scripts.empty()) {
      text += "\n    Referencing scripts: " + scripts;
    }
  }
  return text;
}

}  // namespace limpet::cli
