#include "store/history.h"

namespace limpet::store {

namespace {

constexpr size_t kSlotBytes = 8;

bool IsKept(char space) {
  return space == static_cast<char>(Space::kKv) || space == static_cast<char>(Space::kPage) ||
         space == static_cast<char>(Space::kAlarm);
}

}  // namespace

Bytes HistoryKey(uint64_t slot, Space space, BytesView key) {
  Bytes whole = BirthKey(slot);
  whole += static_cast<char>(space);
  whole += key;
  return whole;
}

Bytes BirthKey(uint64_t slot) {
  Bytes key;
  AppendBigEndian64(key, slot);
  return key;
}

Bytes HistoryValue(const std::optional<Bytes>& before) { return before ? '\1' + *before : Bytes(1, '\0'); }

std::optional<HistoryRecord> ParseHistory(BytesView key, BytesView value) {
  if (key.size() < kSlotBytes) return std::nullopt;
  HistoryRecord record;
  record.slot = ReadBigEndian64(key);
  if (key.size() == kSlotBytes) {
    record.birth = true;
    return record;
  }
  if (!IsKept(key[kSlotBytes]) || value.empty() || static_cast<uint8_t>(value[0]) > 1) return std::nullopt;
  if (value[0] == 0 && value.size() > 1) return std::nullopt;
  record.space = static_cast<Space>(key[kSlotBytes]);
  record.key = key.substr(kSlotBytes + 1);
  if (value[0] == 1) record.before = value.substr(1);
  return record;
}

// Of a page that `seen_pages_` can name.
std::optional<uint64_t> Undo::PageNumber(Space space, BytesView key) {
  constexpr uint64_t kPagesMax = uint64_t{1} << 24;  // 64 GiB; a larger number is no page of ours.
  if (space != Space::kPage || key.size() != 8) return std::nullopt;
  uint64_t number = ReadBigEndian64(key);
  if (number >= kPagesMax) return std::nullopt;
  return number;
}

bool Undo::Changes(Space space, BytesView key) const {
  if (std::optional<uint64_t> page = PageNumber(space, key)) return *page < seen_pages_.size() && seen_pages_[*page];
  return seen_.contains(Bytes(1, static_cast<char>(space)).append(key));
}

bool Undo::See(const HistoryRecord& record, BytesView space_and_key) {
  std::optional<uint64_t> page = PageNumber(record.space, record.key);
  if (!page) return seen_.insert(Bytes(space_and_key)).second;
  if (seen_pages_.size() <= *page) seen_pages_.resize(*page + 1);
  if (seen_pages_[*page]) return false;
  seen_pages_[*page] = true;
  return true;
}

Result<Done> Undo::Add(const ScanPage& page, std::vector<Change>& changes) {
  for (const auto& [key, value] : page.pairs) {
    if (nothing_) break;
    std::optional<HistoryRecord> record = ParseHistory(key, value);
    if (!record) return Error(ErrorCode::kCorrupt, "a record of history that is none");
    // What was kept before a birth is of an object that stored nothing either, but for what the birth undoes.
    nothing_ = record->birth;
    if (record->birth || !See(*record, BytesView(key).substr(kSlotBytes))) continue;
    if (seen_.size() > kUndoKeysMax) {
      return Error(ErrorCode::kOverloaded, "more than " + std::to_string(kUndoKeysMax) + " keys have changed since");
    }
    std::optional<Bytes> before;
    if (record->before) before.emplace(*record->before);
    changes.push_back({record->space, Bytes(record->key), std::move(before)});
  }
  return Done{};
}

}  // namespace limpet::store
