// What objects may store. Checked before something is written, against what is durable and what is on its way from the
// same instance: the objects of a namespace together may so go over by what they write at the same moment.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "store/engine.h"

namespace limpet::object {

struct Quota {
  // Bytes of pairs and pages (store::StoredBytes). 0: no limit.
  uint64_t object = 0;
  uint64_t in_namespace = 0;
  uint64_t in_script = 0;  // Of all classes of the script that has the class now: store::Totals::in_group.
  uint64_t in_all = 0;
  // Others write to it, too.
  bool shared() const { return in_namespace > 0 || in_script > 0 || in_all > 0; }
  bool none() const { return object == 0 && !shared(); }
};

// Whether an object may come to store `more` bytes than `totals` says. The error is what a script sees of it.
Result<Done> CheckRoom(const Quota& quota, const store::Totals& totals, uint64_t more);

// Whether what the object stores may be replaced by something of `bytes`: by a restore, an import, a fork. What is less
// than there is fits always. The error says what is too much, for people.
Result<Done> CheckReplacement(const Quota& quota, const store::Totals& totals, uint64_t bytes);

}  // namespace limpet::object
