// A class that a script waits for: another script is to hand over the namespace. Kept in the waiting script's record.
#pragma once

#include <string>

namespace limpet::control {

struct ClassTransfer {
  std::string class_name;  // The same in both scripts.
  std::string from_script;
  bool sqlite = false;
  bool operator==(const ClassTransfer&) const = default;
};

}  // namespace limpet::control
