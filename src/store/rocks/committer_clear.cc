// Clears of much, which go on over many turns of the committer.
#include <algorithm>
#include <utility>

#include "store/rocks/committer.h"
#include "store/rocks/keys.h"

namespace limpet::store::rocks {

std::vector<Space> Committer::ClearsMuch(const ObjectBatch& batch, const ObjectState& state) {
  std::vector<Space> spaces;
  if (state.history.birth && !state.history.BeginsSlot(Tick())) return spaces;  // Nothing of it is kept.
  bool much = false;
  for (const Write& write : batch.writes) {
    if (write.space == Space::kHistory) return {};  // Likewise.
    if (write.kind != Write::Kind::kClear || (write.space != Space::kKv && write.space != Space::kPage)) continue;
    if (std::ranges::find(spaces, write.space) == spaces.end()) spaces.push_back(write.space);
    much |= (write.space == Space::kKv ? state.bytes.pairs : state.bytes.pages) > kClearSliceBytes;
  }
  return much ? spaces : std::vector<Space>();
}

bool Committer::Stalls(const Handover& handover, Handover::Commit& commit) {
  if (!stalls_.empty()) {
    if (auto found = stalls_.find(commit.batch.object); found != stalls_.end()) {
      Handover alone{handover.port, handover.failures_heard, {}};
      alone.commits.push_back(std::move(commit));
      found->second.behind.emplace_back(std::move(alone));
      return true;
    }
  }
  auto clears = [](const Write& write) { return write.kind == Write::Kind::kClear; };
  if (!KeepsHistoryOf(commit.batch.object) || std::ranges::none_of(commit.batch.writes, clears)) return false;
  if (ending_ != nullptr) return false;  // It is the one whose slices are written.
  Result<ObjectState*> state = StateOf(commit.batch.object);
  if (!state.has_value()) return false;  // AddCommit says why.
  Stall stall;
  stall.spaces = ClearsMuch(commit.batch, *state.value());
  if (stall.spaces.empty()) return false;
  stall.clear = Handover{handover.port, handover.failures_heard, {}};
  ForgetSaved(*state.value());
  state.value()->history.BeginSlot(Tick(), false);
  stall.slot = state.value()->history.last;
  stall.next.space = stall.spaces.back();
  stall.next.bytes_max = kClearSliceBytes;
  stall.next.once = true;
  ObjectId object = commit.batch.object;
  stall.clear.commits.push_back(std::move(commit));
  stalls_.emplace(object, std::move(stall));
  return true;
}

bool Committer::Stalls(Asked& asked) {
  auto found = stalls_.find(asked.object);
  if (found == stalls_.end()) return false;
  found->second.behind.emplace_back(std::move(asked));
  return true;
}

// The records say what is there until the clear lands: they are true before it does, too. Nothing else changes the
// object meanwhile.
Result<bool> Committer::KeepSlice(const ObjectId& object, Stall& stall) {
  Space space = stall.spaces.back();
  LIMPET_TRY(ScanPage page, ReadRange(database_, object, stall.next, rocksdb::kReadAllTier));
  rocksdb::WriteBatch slice;
  size_t bytes = 0;
  for (const auto& [key, value] : page.pairs) {
    Bytes record = PairKey(object, Space::kHistory, HistoryKey(stall.slot, space, key));
    slice.Put(record, HistoryValue(value));
    bytes += record.size() + value.size() + 1;
  }
  LIMPET_TRY(Done written, WriteSynced(slice));
  (void)written;
  history_total_.Add(static_cast<int64_t>(bytes));
  stall.kept_bytes += bytes;
  if (!page.complete && stall.kept_bytes <= kClearKeptBytesMax) {
    stall.next.start = page.pairs.back().first + '\0';
    return false;
  }
  stall.lost = stall.lost || !page.complete;
  stall.spaces.pop_back();
  stall.kept_bytes = 0;
  if (stall.spaces.empty()) return true;
  stall.next.space = stall.spaces.back();
  stall.next.start.clear();
  return false;
}

void Committer::StepStall() {
  if (stalls_.empty()) return;
  auto first = stalls_.begin();
  const ObjectId object = first->first;
  Result<bool> last = KeepSlice(object, first->second);
  if (!last.has_value() && last.error().code() != ErrorCode::kCorrupt) return Fail(last.error());
  if (last.has_value() && !last.value()) return;
  Stall stall = std::move(first->second);
  stalls_.erase(first);
  Group group;
  if (Result<ObjectState*> state = StateOf(object); state.has_value()) {
    HistoryState& history = state.value()->history;
    history.last = stall.slot;
    history.open = true;
    history.birth = false;
    if (stall.lost || !last.has_value()) history.oldest = stall.slot + 1;
  }
  ending_ = &stall;
  Add(group, stall.clear);
  ending_ = nullptr;
  Flush(group);
  Process(std::move(stall.behind));
}

void Committer::EndStalls() {
  for (auto& [object, stall] : std::exchange(stalls_, {})) {
    for (Work& work : stall.behind) {
      if (auto* asked = std::get_if<Asked>(&work)) {
        asked->done(Error(ErrorCode::kUnavailable, "the store is being reopened after a failed write"));
      }
    }
  }
}

}  // namespace limpet::store::rocks
