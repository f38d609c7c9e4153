#include "kv/outlet.h"

#include <utility>

namespace limpet::kv {
namespace {

constexpr size_t kSweepStep = 1000;          // Marks.
constexpr size_t kWriteOverheadBytes = 512;  // Of one write on its way, beside its key and value.

Error Gone() { return Error(ErrorCode::kNotFound, "the KV namespace has been deleted"); }

}  // namespace

uint64_t Outlet::NowSeconds() const {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(loop_.WallNow().time_since_epoch()).count());
}

Result<std::optional<Value>> Outlet::TryFind(const Namespace& ns, BytesView key) {
  if (ns.retired()) return Gone();
  return kv::TryFind(*session_, ns.id(), key, NowSeconds());
}

void Outlet::Find(const Namespace& ns, Bytes key, OnValue done) {
  if (ns.retired()) return loop_.Post([done = std::move(done)]() mutable { done(Gone()); });
  scope_.Spawn(FindTask(ns.id(), std::move(key), std::move(done)));
}

loop::Task<Done> Outlet::FindTask(NamespaceId ns, Bytes key, OnValue done) {
  done(co_await kv::Find(*session_, ns, std::move(key), NowSeconds()));
  co_return Done{};
}

void Outlet::List(const Namespace& ns, ListOptions options, OnPage done) {
  if (ns.retired()) return loop_.Post([done = std::move(done)]() mutable { done(Gone()); });
  // From the loop: a list that can hold nothing answers at once.
  loop_.Post([this, alive = std::weak_ptr<bool>(alive_), ns = ns.id(), options = std::move(options),
              done = std::move(done)]() mutable {
    if (!alive.expired()) scope_.Spawn(ListTask(ns, std::move(options), std::move(done)));
  });
}

loop::Task<Done> Outlet::ListTask(NamespaceId ns, ListOptions options, OnPage done) {
  done(co_await kv::List(*session_, ns, std::move(options), NowSeconds()));
  co_return Done{};
}

void Outlet::Write(std::shared_ptr<Namespace> ns, std::vector<Writer::Change> changes, OnDone done) {
  size_t bytes = kWriteOverheadBytes;
  for (const auto& [key, value] : changes) bytes += key.size() + (value ? value->bytes.size() : 0);
  std::optional<Error> refused;
  if (ns->retired()) refused = Gone();
  if (writing_bytes_ > 0 && writing_bytes_ + bytes > writing_bytes_max_) {
    refused = Error(ErrorCode::kOverloaded, "too much is being written to KV namespaces");
  }
  if (refused) {
    return loop_.Post([refused = *std::move(refused), done = std::move(done)]() mutable { done(std::move(refused)); });
  }
  writing_bytes_ += bytes;
  scope_.Spawn(WriteTask(std::move(ns), std::move(changes), bytes, std::move(done)));
}

loop::Task<Done> Outlet::WriteTask(std::shared_ptr<Namespace> ns, std::vector<Writer::Change> changes, size_t bytes,
                                   OnDone done) {
  Result<Done> written = co_await writer_.Write(std::move(ns), std::move(changes));
  writing_bytes_ -= bytes;
  done(std::move(written));
  co_return Done{};
}

loop::Task<Result<Done>> Outlet::Sweep(std::shared_ptr<Namespace> ns) {
  for (;;) {
    LIMPET_CO_TRY(size_t removed, co_await writer_.Sweep(ns, NowSeconds(), kSweepStep));
    if (removed < kSweepStep) co_return Done{};
  }
}

}  // namespace limpet::kv
