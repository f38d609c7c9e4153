#include "control/kv_namespaces.h"

#include <utility>

namespace limpet::control {

bool IsKvNamespaceId(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

const KvNamespace* FindKvNamespace(const KvNamespaces& namespaces, std::string_view id) {
  auto found = namespaces.find(id);
  return found == namespaces.end() ? nullptr : &found->second;
}

const KvNamespace* FindKvNamespaceByTitle(const KvNamespaces& namespaces, std::string_view title) {
  for (const auto& [id, record] : namespaces) {
    if (record.title == title) return &record;
  }
  return nullptr;
}

Json ToJson(const KvNamespace& record) {
  return Json().Set("title", record.title).Set("ns", record.ns.value).Set("created_on", record.created_on);
}

Result<KvNamespace> KvNamespaceFromJson(std::string id, const Json& json) {
  KvNamespace record{std::move(id), json["title"].AsString(), {json["ns"].AsUint64()}, json["created_on"].AsString()};
  if (record.id.empty() || record.ns.value == 0) {
    return Error(ErrorCode::kCorrupt, "a KV namespace without an ID or a namespace number");
  }
  return record;
}

Json ShowKvNamespace(const KvNamespace& record) {
  return Json().Set("id", record.id).Set("title", record.title).Set("supports_url_encoding", true);
}

}  // namespace limpet::control
