// Objects whose storage is on its way from one state to another by more than one commit: an index, so that a start
// finds those that a crash has left half way without looking at every object. Pure.
//
// The object layer keeps a record of what is under way under kRestoreKey of the object's kMeta space. The engine keeps
// an index of these records in the same batch, as pairs of an object that no ID leads to (UnsettledIndex). An entry may
// outlive its record (its namespace was dropped, an older limpet struck the record off); none is missing, but for
// records that an older limpet wrote.
#pragma once

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"

namespace limpet::store {

inline constexpr BytesView kRestoreKey = "restore";

// One index for all namespaces, in that of the catalog; its entries are in the space kMeta, with empty values.
inline ObjectId UnsettledIndex() {
  ObjectId index;
  index.base.fill(0xFE);
  return index;
}

inline Bytes UnsettledKey(const ObjectId& object) {
  Bytes key;
  AppendBigEndian64(key, object.ns.value);
  return key.append(reinterpret_cast<const char*>(object.base.data()), object.base.size());
}
// Nothing: it is no such key.
inline std::optional<ObjectId> OfUnsettledKey(BytesView key) {
  ObjectId object;
  constexpr size_t kNamespaceBytes = 8;
  if (key.size() != kNamespaceBytes + object.base.size()) return std::nullopt;
  object.ns.value = ReadBigEndian64(key);
  std::copy_n(key.data() + kNamespaceBytes, object.base.size(), reinterpret_cast<char*>(object.base.data()));
  return object;
}

}  // namespace limpet::store
