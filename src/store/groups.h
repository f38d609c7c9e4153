// Which namespaces are counted together. Pure; whoever holds it guards it.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace limpet::store {

class Groups {
 public:
  using Members = std::vector<NamespaceId>;

  // Each leaves the group that it was in.
  void Put(const Members& namespaces) {
    for (NamespaceId ns : namespaces) Forget(ns);
    auto members = std::make_shared<Members>(namespaces);
    for (NamespaceId ns : namespaces) groups_[ns.value] = members;
  }
  void Forget(NamespaceId ns) {
    auto found = groups_.find(ns.value);
    if (found == groups_.end()) return;
    std::erase(*found->second, ns);
    groups_.erase(found);
  }
  // `ns` among them.
  Members Of(NamespaceId ns) const {
    auto found = groups_.find(ns.value);
    return found == groups_.end() ? Members{ns} : *found->second;
  }

 private:
  std::unordered_map<uint64_t, std::shared_ptr<Members>> groups_;
};

}  // namespace limpet::store
