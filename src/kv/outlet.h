// One loop's access to the KV namespaces, for callers that take the answer as a callback.
//
// Made, used and destroyed on its loop. Callbacks come there, never from inside the call, and not after it is
// destroyed.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kv/kv.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "store/engine.h"

namespace limpet::kv {

// What writes on their way may hold in memory, on one loop; more is refused.
inline constexpr size_t kWritingBytesMax = 256 * 1024 * 1024;

class Outlet {
 public:
  using OnValue = UniqueFunction<void(Result<std::optional<Value>>)>;
  using OnPage = UniqueFunction<void(Result<ListPage>)>;
  using OnDone = UniqueFunction<void(Result<Done>)>;
  Outlet(store::Engine& engine, loop::Loop& loop, store::Claim claim, size_t writing_bytes_max = kWritingBytesMax)
      : loop_(loop), session_(engine.Attach(loop)), writer_(*session_, claim), writing_bytes_max_(writing_bytes_max) {}

  uint64_t NowSeconds() const;
  // As kv::TryFind, at this moment. Errors: kNotFound, too: the namespace is retired.
  Result<std::optional<Value>> TryFind(const Namespace& ns, BytesView key);
  void Find(const Namespace& ns, Bytes key, OnValue done);
  void List(const Namespace& ns, ListOptions options, OnPage done);
  // See Writer::Write. Errors: kOverloaded, too: kWritingBytesMax.
  void Write(std::shared_ptr<Namespace> ns, std::vector<Writer::Change> changes, OnDone done);
  // Removes all that is over.
  loop::Task<Result<Done>> Sweep(std::shared_ptr<Namespace> ns);

 private:
  loop::Task<Done> FindTask(NamespaceId ns, Bytes key, OnValue done);
  loop::Task<Done> ListTask(NamespaceId ns, ListOptions options, OnPage done);
  loop::Task<Done> WriteTask(std::shared_ptr<Namespace> ns, std::vector<Writer::Change> changes, size_t bytes,
                             OnDone done);

  loop::Loop& loop_;
  std::unique_ptr<store::Session> session_;
  Writer writer_;
  const size_t writing_bytes_max_;
  size_t writing_bytes_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  loop::TaskScope scope_;  // Last: its tasks use all of the above.
};

}  // namespace limpet::kv
