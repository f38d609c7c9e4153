// What is refused because the object, its class or the server stores too much.
#include <algorithm>
#include <string>
#include <utility>

#include "object/mutations.h"
#include "object/object_storage.h"
#include "sql/pages.h"

namespace limpet::object {
namespace {

constexpr uint64_t kStoredPageBytes = sizeof(uint64_t) + sql::kPageBytes;  // With its key, at most.

// SQLite's words: in production an object's pairs are rows, too.
Error Full() { return Error::Script("Error", "database or disk is full: SQLITE_FULL"); }
Error SharedFull() { return Error::Script("Error", "Exceeded allowed storage in Durable Objects."); }

}  // namespace

Result<Done> CheckRoom(const Quota& quota, const store::Totals& totals, uint64_t more) {
  auto fits = [more](uint64_t stored, uint64_t limit) { return limit == 0 || more == 0 || stored + more <= limit; };
  if (!fits(totals.object.sum(), quota.object)) return Full();
  bool fits_others = fits(totals.in_namespace, quota.in_namespace) && fits(totals.in_group, quota.in_script) &&
                     fits(totals.in_all, quota.in_all);
  return fits_others ? Result<Done>(Done{}) : SharedFull();
}

Result<Done> CheckReplacement(const Quota& quota, const store::Totals& totals, uint64_t bytes) {
  const uint64_t now = totals.object.sum();
  if (bytes <= now) return Done{};
  const struct {
    uint64_t limit, stored;
    const char* who;
  } limits[] = {{quota.object, now, "the Durable Object"},
                {quota.in_namespace, totals.in_namespace, "its class"},
                {quota.in_script, totals.in_group, "its script"},
                {quota.in_all, totals.in_all, "the server"}};
  for (const auto& [limit, stored, who] : limits) {
    const uint64_t then = stored - std::min(stored, now) + bytes;
    if (limit == 0 || then <= limit) continue;
    return Error::Script("Error", std::string("Exceeded allowed storage: ") + who + " would store " +
                                      std::to_string(then) + " bytes, its quota is " + std::to_string(limit) + ".");
  }
  return Done{};
}

// What is on its way is not in the totals.
Result<Done> ObjectStorage::ReadTotals(uint64_t upto) {
  if (LIMPET_MUTANT(quota_read_once) && totals_) return Done{};
  totals_.reset();
  put_pages_ = std::min<uint64_t>(put_pages_, cache_.pending_page_bytes());
  put_ = std::min<uint64_t>(put_, cache_.dirty_bytes() - put_pages_);
  if (LIMPET_MUTANT(quota_forgets_pending)) put_ = put_pages_ = 0;
  LIMPET_TRY(totals_, session_.TotalsNow(id_));
  if (cache_.hides_store_at(upto)) totals_->object = {};
  return Done{};
}

void ObjectStorage::TransactionEnded(bool committed) {
  if (cache_.depth() > 0) return;
  const uint64_t put = std::exchange(put_open_, 0);
  if (committed) put_ += put;
}

// Pages that SQL has added in the burst under way come on top; what it has changed in place is not known.
Result<Done> ObjectStorage::CheckFits(uint64_t bytes) {
  sql::Database* database = sql_.database();
  const uint64_t added = database == nullptr ? 0 : database->PageCount() - database->CommittedPageCount();
  return CheckRoom(host_.quota(), *totals_, put_ + put_open_ + put_pages_ + added * kStoredPageBytes + bytes);
}

// As long as a bound from above fits, nobody need look closer.
Result<Done> ObjectStorage::MakeRoom(uint64_t bytes) {
  const Quota& quota = host_.quota();
  if (quota.none()) return Done{};
  const bool look = !totals_ || quota.shared() || !Fits(bytes);
  if (look && !LIMPET_MUTANT(quota_ignored)) {
    // A store that can't answer now, after a failed write, can't commit either. But it may be well again before the
    // burst is sent, which waits for the reads before it.
    if (ReadTotals(cache_.last_write()).has_value()) {
      LIMPET_TRY(Done fits, CheckFits(bytes));
      (void)fits;
    } else {
      put_unread_ = true;
    }
  }
  (cache_.depth() > 0 ? put_open_ : put_) += bytes;
  return Done{};
}

// The script was told that its put is in order: as with a write that fails, the instance has to go.
Result<Done> ObjectStorage::CheckUnread() {
  if (!put_unread_) return Done{};
  LIMPET_TRY(Done read, ReadTotals(cache_.sealed_last()));
  (void)read;
  if (cache_.depth() == 0) put_unread_ = false;  // Else it may be what the open transaction has put.
  return CheckRoom(host_.quota(), *totals_, put_ + put_pages_);
}

// Its transactions are bounded: as long as the largest fits, its limit may stay what it was.
bool ObjectStorage::SqlNearsQuota() {
  const Quota& quota = host_.quota();
  if (quota.object == 0 || LIMPET_MUTANT(quota_forgets_pairs)) return false;
  if (!totals_) return true;
  const uint64_t pages = sql_.database()->CommittedPageCount() * kStoredPageBytes;
  return pages + sql::DatabaseOptions().dirty_bytes_max + totals_->object.pairs + put_ + put_open_ > quota.object;
}

// What its database may grow to. Over the limit it may be read, and rows may be deleted and changed in place.
Result<uint64_t> ObjectStorage::SqlBytesMax() {
  const Quota& quota = host_.quota();
  const uint64_t most = sql::DatabaseOptions().database_bytes_max;
  if (quota.none()) return most;
  LIMPET_TRY(Done read, ReadTotals(cache_.last_write()));
  (void)read;
  auto left = [](uint64_t limit, uint64_t stored) { return limit > stored ? limit - stored : 0; };
  const uint64_t put = put_ + put_open_;
  uint64_t room = UINT64_MAX;
  if (quota.object > 0) room = left(quota.object, totals_->object.pairs + put);
  uint64_t more = UINT64_MAX;
  if (quota.in_namespace > 0) more = std::min(more, left(quota.in_namespace, totals_->in_namespace + put));
  if (quota.in_script > 0) more = std::min(more, left(quota.in_script, totals_->in_group + put));
  if (quota.in_all > 0) more = std::min(more, left(quota.in_all, totals_->in_all + put));
  if (more != UINT64_MAX) room = std::min(room, totals_->object.pages + more);
  return room == UINT64_MAX ? most : std::min(most, room / kStoredPageBytes * sql::kPageBytes);
}

}  // namespace limpet::object
