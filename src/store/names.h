// The names of objects: what each was reached by, and an index of them. Pure.
//
// The object layer writes an object's name under kNameKey of its kMeta space, in the batch of its first write. The
// engine keeps an index of these records in the same batch, as pairs of an object that no ID leads to (NameIndex):
// whoever wants the names that begin with something scans that object's kMeta space. Neither counts as data of an
// object.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"

namespace limpet::store {

inline constexpr BytesView kNameKey = "name";
inline constexpr size_t kNameBytesMax = 1024;  // Longer names are not kept.

// IDs are made of hashes and random bytes: this one does not occur.
inline ObjectId NameIndex(NamespaceId ns) {
  ObjectId index{.ns = ns};
  index.base.fill(0xFF);
  return index;
}
inline bool IsNameIndex(const ObjectId& object) { return object == NameIndex(object.ns); }

// In order of names; objects of one name (there should be none) by base.
inline Bytes NameIndexKey(BytesView name, const ObjectId& object) {
  Bytes key(name);
  key += '\0';
  return key.append(reinterpret_cast<const char*>(object.base.data()), object.base.size());
}
// Nothing: it is no such key.
inline std::optional<std::pair<Bytes, ObjectId>> OfNameIndexKey(NamespaceId ns, BytesView key) {
  ObjectId object{.ns = ns};
  if (key.size() < object.base.size() + 1) return std::nullopt;
  size_t name = key.size() - object.base.size() - 1;
  std::copy_n(key.data() + name + 1, object.base.size(), reinterpret_cast<char*>(object.base.data()));
  return std::pair(Bytes(key.substr(0, name)), object);
}

}  // namespace limpet::store
