#include "object/write_cache.h"

#include <iterator>

#include "base/check.h"
#include "object/mutations.h"

namespace limpet::object {
namespace {

constexpr size_t kEntryOverhead = 128;  // A node of the map, about.

size_t EntryBytes(BytesView key, const std::optional<Bytes>& value) {
  return key.size() + (value ? value->size() : 0) + kEntryOverhead;
}
size_t WriteBytes(const store::Write& write) { return write.key.size() + write.value.size() + sizeof(write); }

void Append(std::vector<store::Write>& to, std::vector<store::Write>&& from) {
  if (to.empty()) {
    to = std::move(from);
  } else {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }
  from.clear();
}

}  // namespace

WriteCache::Lookup WriteCache::Find(BytesView key) const {
  auto found = entries_.find(key);
  if (found != entries_.end()) return {true, found->second.value ? &*found->second.value : nullptr};
  return {hides_store(), nullptr};
}

std::vector<WriteCache::Overlay> WriteCache::Range(const Bytes& start, const std::optional<Bytes>& end) const {
  std::vector<Overlay> found;
  if (end && *end <= start) return found;
  auto last = end ? entries_.lower_bound(*end) : entries_.end();
  for (auto entry = entries_.lower_bound(start); entry != last; ++entry) {
    found.push_back({entry->first, entry->second.value});
  }
  return found;
}

void WriteCache::SetEntry(BytesView key, std::optional<Bytes> value, uint64_t at) {
  size_t bytes = EntryBytes(key, value);
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    entries_.emplace(key, Entry{std::move(value), at});
  } else {
    entry_bytes_ -= EntryBytes(key, found->second.value);
    found->second = {std::move(value), at};
  }
  entry_bytes_ += bytes;
}

WriteCache::Entry* WriteCache::EntryOf(const store::Write& write) {
  if (write.space == store::Space::kAlarm) return alarm_ ? &*alarm_ : nullptr;
  if (write.space == store::Space::kMeta) return nullptr;
  auto found = entries_.find(write.key);
  return found == entries_.end() ? nullptr : &found->second;
}

void WriteCache::Set(const store::Write& write, std::optional<Bytes> value, uint64_t at) {
  if (write.space == store::Space::kMeta) return;
  if (write.space != store::Space::kAlarm) return SetEntry(write.key, std::move(value), at);
  alarm_ = Entry{std::move(value), at};
}

void WriteCache::EraseEntry(Map::iterator entry) {
  entry_bytes_ -= EntryBytes(entry->first, entry->second.value);
  entries_.erase(entry);
}

void WriteCache::Apply(store::Write write, bool confirmed) {
  ++changes_;
  std::optional<Bytes> value;
  if (write.kind == store::Write::Kind::kPut) value = write.value;
  bool in_transaction = depth() > 0 && !LIMPET_MUTANT(transaction_leaks);
  if (in_transaction) {
    const Entry* before = EntryOf(write);
    if (write.space != store::Space::kMeta) {
      undo_.push_back({write.space == store::Space::kAlarm, write.key,
                       before == nullptr ? std::nullopt : std::optional<Entry>(*before)});
    }
    transaction_confirmed_ |= confirmed;
    if (joins_burst() && reserved_ == 0) Reserve(confirmed);
    Set(write, std::move(value), kUncommitted);
    transaction_writes_.push_back(std::move(write));
    return;
  }
  open_.last = ++last_write_;
  if (confirmed) last_confirmed_ = last_write_;
  size_t bytes = WriteBytes(write);
  open_.bytes += bytes;
  dirty_bytes_ += bytes;
  Set(write, std::move(value), last_write_);
  open_.alarm |= write.space == store::Space::kAlarm;
  open_.writes.push_back(std::move(write));
}

void WriteCache::Put(Bytes key, Bytes value, bool confirmed) {
  Apply({store::Write::Kind::kPut, store::Space::kKv, std::move(key), std::move(value)}, confirmed);
}

void WriteCache::Delete(Bytes key, bool confirmed) {
  Apply({store::Write::Kind::kDelete, store::Space::kKv, std::move(key), {}}, confirmed);
}

WriteCache::Lookup WriteCache::FindAlarm() const {
  if (!alarm_) return {false, nullptr};
  return {true, alarm_->value ? &*alarm_->value : nullptr};
}

void WriteCache::PutAlarm(Bytes record, bool confirmed) {
  Apply({store::Write::Kind::kPut, store::Space::kAlarm, {}, std::move(record)}, confirmed);
}

void WriteCache::DeleteAlarm(bool confirmed) {
  Apply({store::Write::Kind::kDelete, store::Space::kAlarm, {}, {}}, confirmed);
}

void WriteCache::PutMeta(Bytes key, Bytes value) {
  Apply({store::Write::Kind::kPut, store::Space::kMeta, std::move(key), std::move(value)}, /*confirmed=*/true);
}

void WriteCache::LearnAlarm(const std::optional<Bytes>& record) {
  if (depth() == 0 && !alarm_) alarm_ = Entry{record, 0};
}

void WriteCache::Clear(bool confirmed) {
  LIMPET_CHECK(depth() == 0);
  ++changes_;
  // What the burst wrote before is void, but its numbers stay: others may wait for them.
  dirty_bytes_ -= open_.bytes;
  // (Pages have a clear of their own, which must stay: what it is to destroy may be on its way to the store.)
  std::erase_if(open_.writes, [](const store::Write& write) {
    if (LIMPET_MUTANT(sql_clear_taken_back)) return write.space != store::Space::kAlarm;
    return write.space == store::Space::kKv;
  });
  open_.bytes = 0;
  for (const store::Write& write : open_.writes) open_.bytes += WriteBytes(write);
  dirty_bytes_ += open_.bytes;
  entries_.clear();
  entry_bytes_ = 0;
  cleared_at_ = open_.last = ++last_write_;
  if (confirmed) last_confirmed_ = last_write_;
  store::Write write{store::Write::Kind::kClear, store::Space::kKv, {}, {}};
  open_.bytes += WriteBytes(write);
  dirty_bytes_ += WriteBytes(write);
  open_.writes.push_back(std::move(write));
}

void WriteCache::Learn(BytesView key, const std::optional<Bytes>& value) {
  if (depth() > 0 || hides_store() || EntryBytes(key, value) > kCleanBytesMax || entries_.contains(key)) return;
  SetEntry(key, value, 0);
  Sweep();
}

uint32_t WriteCache::Begin(Extent extent) {
  if (savepoints_.empty()) {
    extent_ = extent;
    if (extent == Extent::kOwnBurst) Seal();
  }
  savepoints_.push_back({transaction_writes_.size(), undo_.size()});
  return depth();
}

Result<Done> WriteCache::Commit() {
  if (savepoints_.empty()) return Error(ErrorCode::kConflict, "no transaction is open");
  savepoints_.pop_back();
  if (!savepoints_.empty()) return Done{};
  bool confirmed = std::exchange(transaction_confirmed_, false);
  if (transaction_writes_.empty()) return Done{};
  ++last_write_;
  if (confirmed) last_confirmed_ = last_write_;
  for (const store::Write& write : transaction_writes_) {
    Entry* entry = EntryOf(write);
    if (entry != nullptr && entry->at == kUncommitted) entry->at = last_write_;
    open_.alarm |= write.space == store::Space::kAlarm;
    open_.bytes += WriteBytes(write);
    dirty_bytes_ += WriteBytes(write);
  }
  open_.last = last_write_;
  Append(open_.writes, std::move(transaction_writes_));
  undo_.clear();
  return Done{};
}

void WriteCache::Rollback() {
  if (savepoints_.empty()) return;
  ++changes_;
  Savepoint to = savepoints_.back();
  savepoints_.pop_back();
  while (undo_.size() > to.undo) {
    Undo undo = std::move(undo_.back());
    undo_.pop_back();
    if (LIMPET_MUTANT(rollback_keeps_cache)) continue;
    if (undo.alarm) {
      alarm_ = std::move(undo.before);
    } else if (undo.before) {
      SetEntry(undo.key, std::move(undo.before->value), undo.before->at);
    } else if (auto found = entries_.find(undo.key); found != entries_.end()) {
      EraseEntry(found);
    }
  }
  transaction_writes_.resize(to.writes);
  if (savepoints_.empty()) transaction_confirmed_ = false;
}

WriteCache::PageLookup WriteCache::FindPage(uint32_t number) const {
  auto found = pages_.find(number);
  if (LIMPET_MUTANT(sql_pending_page_unseen)) return {false, nullptr};
  if (found != pages_.end()) return {true, found->second.content.empty() ? nullptr : &found->second.content};
  return {pages_cleared_at_ > durable_ && !LIMPET_MUTANT(sql_cleared_page_seen), nullptr};
}

size_t WriteCache::pending_page_bytes() const {
  size_t sum = 0;
  for (const auto& [number, page] : pages_) sum += page.content.empty() ? 0 : sizeof(uint64_t) + page.content.size();
  return sum;
}

void WriteCache::PutPage(uint32_t number, Bytes content) {
  store::Write write{
      content.empty() ? store::Write::Kind::kDelete : store::Write::Kind::kPut, store::Space::kPage, {}, content};
  AppendBigEndian64(write.key, number);
  open_.last = last_confirmed_ = ++last_write_;
  open_.bytes += WriteBytes(write);
  dirty_bytes_ += WriteBytes(write);
  open_.writes.push_back(std::move(write));
  pages_[number] = {std::move(content), last_write_};
  page_writes_.emplace_back(last_write_, number);
}

void WriteCache::ClearPages() {
  pages_.clear();
  page_writes_.clear();
  store::Write write{store::Write::Kind::kClear, store::Space::kPage, {}, {}};
  pages_cleared_at_ = open_.last = last_confirmed_ = ++last_write_;
  open_.bytes += WriteBytes(write);
  dirty_bytes_ += WriteBytes(write);
  open_.writes.push_back(std::move(write));
}

void WriteCache::Reserve(bool confirmed) {
  if (depth() > 0 && !joins_burst()) {
    transaction_confirmed_ |= confirmed;
    return;
  }
  reserved_ = open_.last = ++last_write_;
  if (confirmed) last_confirmed_ = last_write_;
}

bool WriteCache::SettleHollow() {
  if (LIMPET_MUTANT(sql_hollow_never_settles)) return false;
  if (!has_hollow() || has_sealed() || durable_ < sent_last_) return false;
  durable_ = hollow_;
  return true;
}

void WriteCache::Seal() {
  uint64_t reserved = std::exchange(reserved_, 0);
  if (open_.writes.empty()) {
    if (reserved == 0) return;
    if (has_sealed()) {
      sealed_.last = reserved;
    } else {
      hollow_ = reserved;
    }
    return;
  }
  Append(sealed_.writes, std::move(open_.writes));
  sealed_.last = open_.last;
  sealed_.alarm |= std::exchange(open_.alarm, false);
  sealed_.bytes += std::exchange(open_.bytes, 0);
}

void WriteCache::DropUnsealed() {
  savepoints_.clear();
  transaction_writes_.clear();
  undo_.clear();
  dirty_bytes_ -= open_.bytes + sealed_.bytes;
  open_ = {};
  sealed_ = {};
  reserved_ = hollow_ = 0;
}

WriteCache::Batch WriteCache::TakeSealed() {
  sent_last_ = sealed_.last;
  return std::exchange(sealed_, {});
}

void WriteCache::Durable(uint64_t last, size_t bytes) {
  LIMPET_CHECK(last >= durable_ && bytes <= dirty_bytes_);
  durable_ = last;
  dirty_bytes_ -= bytes;
  Sweep();
  SweepPages();
}

void WriteCache::SweepPages() {
  auto write = page_writes_.begin();
  for (; write != page_writes_.end() && write->first <= durable_; ++write) {
    auto [at, number] = *write;
    auto found = pages_.find(number);
    if (found == pages_.end()) continue;
    if (found->second.at == at || LIMPET_MUTANT(sql_page_swept_early)) pages_.erase(found);
  }
  if (write == page_writes_.end()) {
    page_writes_ = {};  // An idle object keeps no room for them.
  } else {
    page_writes_.erase(page_writes_.begin(), write);
  }
}

void WriteCache::Sweep() {
  // At least half of what is swept goes, so the cost is a constant per write.
  if (entry_bytes_ <= kCleanBytesMax + 4 * dirty_bytes_) return;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    auto current = entry++;
    if (current->second.at <= durable_) EraseEntry(current);
  }
}

}  // namespace limpet::object
