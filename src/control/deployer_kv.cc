// Deployer's way with KV namespaces.
#include <utility>

#include "control/deployer.h"

namespace limpet::control {
namespace {

Refusal NoNamespace() { return {404, 10013, "namespace not found"}; }

}  // namespace

std::optional<Refusal> Deployer::ResolveKvNamespaces(Json::Array* bindings) const {
  for (Json& binding : *bindings) {
    if (binding["type"].AsString() != "kv_namespace") continue;
    const std::string& id = binding["namespace_id"].AsString();
    const KvNamespace* found = FindKvNamespace(catalog_.kv_namespaces(), id);
    if (found == nullptr) {
      std::string text = "KV namespace '" + id + "' not found. (binding \"" + binding["name"].AsString() + "\")";
      if (IsKvNamespaceId(id)) text += " To make it with this ID: limpet kv namespace create TITLE --id " + id;
      return Refusal{400, 10041, std::move(text)};
    }
    binding.Set("ns", found->ns.value);
  }
  return std::nullopt;
}

loop::Task<Done> Deployer::SyncKvNamespaces() {
  std::set<NamespaceId> live;
  for (const auto& [id, record] : catalog_.kv_namespaces()) {
    live.insert(record.ns);
    deps_.kv.Add(record.ns);
  }
  for (const std::shared_ptr<kv::Namespace>& one : deps_.kv.All()) {
    if (live.contains(one->id())) continue;
    loop::Completion<Done> retired([&](auto done) {
      // Its last write may end on another thread.
      deps_.kv.Retire(one->id(), [loop = &deps_.loop, done = std::move(done)]() mutable {
        loop->Post([done = std::move(done)]() mutable { done(Done{}); });
      });
    });
    co_await retired;
  }
  co_return Done{};
}

loop::Task<Decision<KvNamespace>> Deployer::CreateKvNamespace(std::string title, std::string id) {
  if (!id.empty() && !IsKvNamespaceId(id)) {
    co_return Refusal{400, 10011, "The ID of a namespace is 32 digits of lower-case hex."};
  }
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  if (id.empty()) id = MakeHex(deps_.random, 16);
  Decision<KvNamespace> decision = Refusal{400, 10014, "a namespace with the ID " + id + " already exists"};
  if (FindKvNamespace(catalog_.kv_namespaces(), id) == nullptr) {
    decision = co_await PutKvNamespaceLocked({std::move(id), std::move(title), {}, {}});
  }
  turnstile_.Leave();
  co_return decision;
}

loop::Task<Decision<KvNamespace>> Deployer::RenameKvNamespace(std::string id, std::string title) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  Decision<KvNamespace> decision = NoNamespace();
  if (const KvNamespace* found = FindKvNamespace(catalog_.kv_namespaces(), id)) {
    KvNamespace renamed = *found;
    renamed.title = std::move(title);
    decision = co_await PutKvNamespaceLocked(std::move(renamed));
  }
  turnstile_.Leave();
  co_return decision;
}

loop::Task<Decision<Done>> Deployer::DeleteKvNamespace(std::string id) {
  Result<Done> entered = co_await Enter();
  if (!entered.has_value()) co_return Failed(entered.error());
  Decision<Done> decision = co_await DeleteKvNamespaceLocked(std::move(id));
  turnstile_.Leave();
  co_return decision;
}

// A record without a namespace of the store is a new one.
loop::Task<Decision<KvNamespace>> Deployer::PutKvNamespaceLocked(KvNamespace record) {
  const KvNamespaces& namespaces = catalog_.kv_namespaces();
  if (record.title.empty() || record.title.size() > kKvTitleBytesMax) {
    co_return Refusal{400, 10019,
                      "A namespace needs a title of at most " + std::to_string(kKvTitleBytesMax) + " bytes."};
  }
  const KvNamespace* other = FindKvNamespaceByTitle(namespaces, record.title);
  if (other != nullptr && other->id != record.id) {
    co_return Refusal{400, 10014, "a namespace with this account ID and title already exists"};
  }
  if (record.ns.value == 0) {
    if (namespaces.size() >= kKvNamespacesMax) {
      co_return Refusal{400, 10018, "There are " + std::to_string(kKvNamespacesMax) + " namespaces: delete one first."};
    }
    record.ns = catalog_.NewNamespace();
    record.created_on = Now();
  }
  CatalogChange change;
  change.kv_namespace = record;
  Result<Done> written = co_await catalog_.Commit(std::move(change));
  if (!written.has_value()) co_return Failed(written.error());
  deps_.kv.Add(record.ns);
  co_return record;
}

loop::Task<Decision<Done>> Deployer::DeleteKvNamespaceLocked(std::string id) {
  const KvNamespace* found = FindKvNamespace(catalog_.kv_namespaces(), id);
  if (found == nullptr) co_return NoNamespace();
  NamespaceId ns = found->ns;
  CatalogChange change;
  change.removed_kv_namespace = std::move(id);
  change.drops.push_back(ns);
  Result<Done> written = co_await catalog_.Commit(std::move(change));
  if (!written.has_value()) co_return Failed(written.error());
  co_await SyncKvNamespaces();
  scope_.Spawn(Destroy(ns));
  co_return Done{};
}

}  // namespace limpet::control
