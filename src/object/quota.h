// What objects may store. Checked before something is written, against what is durable and what is on its way from the
// same instance: the objects of a namespace together may so go over by what they write at the same moment.
#pragma once

#include <cstdint>

namespace limpet::object {

struct Quota {
  // Bytes of pairs and pages (store::StoredBytes). 0: no limit.
  uint64_t object = 0;
  uint64_t in_namespace = 0;
  uint64_t in_all = 0;
  // Others write to it, too.
  bool shared() const { return in_namespace > 0 || in_all > 0; }
};

}  // namespace limpet::object
