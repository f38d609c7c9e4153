// What is refused because the object, its class or the server stores too much.
#include <algorithm>

#include "object/object_storage.h"

namespace limpet::object {
namespace {

// SQLite's words: in production an object's pairs are rows, too.
Error Full() { return Error::Script("Error", "database or disk is full: SQLITE_FULL"); }
Error SharedFull() { return Error::Script("Error", "Exceeded allowed storage in Durable Objects."); }

}  // namespace

// A store that can't answer now can't commit either: then the commit says so.
bool ObjectStorage::ReadTotals() {
  Result<store::Totals> totals = session_.TotalsNow(id_);
  if (!totals.has_value()) return false;
  totals_ = *totals;
  return true;
}

// As long as a bound from above fits, nobody need look closer. Inside a transaction the bound stays: what it has put is
// nowhere else.
Result<Done> ObjectStorage::MakeRoom(uint64_t bytes) {
  const Quota& quota = host_.quota();
  if (quota.object == 0 && !quota.shared()) return Done{};
  auto fits = [&](uint64_t stored, uint64_t limit) { return limit == 0 || stored + put_ + bytes <= limit; };
  bool known = totals_ && !quota.shared() && fits(totals_->object.sum(), quota.object);
  if (!known) {
    if (!ReadTotals()) return Done{};
    if (cache_.depth() == 0) put_ = cache_.dirty_bytes();
    if (cache_.hides_store()) totals_->object = {};
    if (!fits(totals_->object.sum(), quota.object)) return Full();
    if (!fits(totals_->in_namespace, quota.in_namespace) || !fits(totals_->in_all, quota.in_all)) return SharedFull();
  }
  put_ += bytes;
  return Done{};
}

// What its database may grow to. Over the limit it may be read, and rows may be deleted and changed in place.
uint64_t ObjectStorage::SqlBytesMax() {
  const Quota& quota = host_.quota();
  uint64_t most = sql::DatabaseOptions().database_bytes_max;
  if ((quota.object == 0 && !quota.shared()) || !ReadTotals()) return most;
  auto left = [](uint64_t limit, uint64_t stored) { return limit > stored ? limit - stored : 0; };
  if (quota.object > 0) most = std::min(most, left(quota.object, totals_->object.pairs));
  uint64_t more = UINT64_MAX;
  if (quota.in_namespace > 0) more = std::min(more, left(quota.in_namespace, totals_->in_namespace));
  if (quota.in_all > 0) more = std::min(more, left(quota.in_all, totals_->in_all));
  return more == UINT64_MAX ? most : std::min(most, totals_->object.pages + more);
}

}  // namespace limpet::object
