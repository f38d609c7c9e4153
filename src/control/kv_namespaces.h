// KV namespaces as the catalog keeps them: what the API calls by ID and title has a namespace of the store. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"

namespace limpet::control {

inline constexpr size_t kKvNamespacesMax = 10'000;
inline constexpr size_t kKvTitleBytesMax = 512;

struct KvNamespace {
  std::string id;     // 32 hex digits.
  std::string title;  // Unique.
  NamespaceId ns;     // Never 0.
  std::string created_on;
};
using KvNamespaces = std::map<std::string, KvNamespace, std::less<>>;  // By ID.

bool IsKvNamespaceId(std::string_view text);
// Null: there is none.
const KvNamespace* FindKvNamespace(const KvNamespaces& namespaces, std::string_view id);
const KvNamespace* FindKvNamespaceByTitle(const KvNamespaces& namespaces, std::string_view title);

Json ToJson(const KvNamespace& record);
Result<KvNamespace> KvNamespaceFromJson(std::string id, const Json& json);
Json ShowKvNamespace(const KvNamespace& record);  // As the API does.

}  // namespace limpet::control
