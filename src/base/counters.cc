#include "base/counters.h"

#include <map>
#include <vector>

namespace limpet {

Counter& Counters::Make(Kind kind, std::string name, std::string help, std::string labels) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_.emplace_back();
  entry.kind = kind;
  entry.name = std::move(name);
  entry.help = std::move(help);
  entry.labels = std::move(labels);
  return entry.counter;
}

std::string Counters::ToPrometheus() const {
  std::lock_guard lock(mutex_);
  std::map<std::string, std::vector<const Entry*>> families;
  for (const Entry& entry : entries_) families[entry.name].push_back(&entry);
  std::string text;
  for (const auto& [name, entries] : families) {
    text += "# HELP " + name + " " + entries[0]->help + "\n";
    text += "# TYPE " + name + (entries[0]->kind == Kind::kGauge ? " gauge\n" : " counter\n");
    for (const Entry* entry : entries) {
      text += name;
      if (!entry->labels.empty()) text += "{" + entry->labels + "}";
      text += " " + std::to_string(entry->counter.Value()) + "\n";
    }
  }
  return text;
}

}  // namespace limpet
