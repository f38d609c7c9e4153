// At start: what a crash has left half done, an import or a restore of much, is undone or gone on with, so that the
// room it takes is given back though nobody uses its object. One object after the other, while the server serves.
#include <utility>

#include "control/plane.h"
#include "store/unsettled.h"

namespace limpet::control {
namespace {

constexpr size_t kPageKeys = 256;

}  // namespace

loop::Task<Done> Plane::SettleObjects() {
  std::unique_ptr<store::Session> session = deps_.engine.Attach(deps_.loop);
  store::ScanOptions next;
  next.space = store::Space::kMeta;
  next.limit = kPageKeys;
  for (bool last = false; !last;) {
    loop::Completion<Result<store::ScanPage>> scan(
        [&](auto done) { session->Scan(store::UnsettledIndex(), next, std::move(done)); });
    Result<store::ScanPage> page = co_await scan;
    if (!page.has_value()) {
      deps_.logger.Write(LogLevel::kError, "control", "look for objects half done: " + page.error().ToString());
      break;
    }
    for (const auto& [key, value] : page->pairs) {
      Result<Done> settled = co_await SettleObject(*session, key);
      if (settled.has_value()) continue;
      deps_.logger.Write(LogLevel::kWarn, "control",
                         "an object that was left half done stays so until it is used: " + settled.error().ToString());
    }
    last = page->complete && page->pairs.size() < kPageKeys;
    if (!last) next.start = page->pairs.back().first + '\0';
  }
  co_return Done{};
}

// `session` outlives it.
loop::Task<Result<Done>> Plane::SettleObject(store::Session& session, Bytes key) {
  std::optional<ObjectId> object = store::OfUnsettledKey(key);
  bool known = false;
  for (const auto& [name, script] : catalog_->scripts()) {
    for (const ObjectClass& entry : script->classes) known = known || (object && entry.ns == object->ns);
  }
  if (known) {
    loop::Completion<Result<Done>> settle([&](auto done) { deps_.runtime.SettleObject(*object, std::move(done)); });
    co_return co_await settle;
  }
  // Its class was deleted, and what it stored with it: nobody will ever come.
  store::ObjectBatch batch{store::UnsettledIndex(), {}};
  batch.writes.push_back({store::Write::Kind::kDelete, store::Space::kMeta, std::move(key), {}});
  loop::Completion<Result<uint64_t>> commit(
      [&](auto done) { session.Commit(deps_.kv.claim(), std::move(batch), std::move(done)); });
  Result<uint64_t> committed = co_await commit;
  if (!committed.has_value()) co_return std::move(committed).error();
  co_return Done{};
}

}  // namespace limpet::control
