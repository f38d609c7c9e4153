// What a commit changes is read first and kept: see store/history.h.
#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "store/rocks/committer.h"
#include "store/rocks/keys.h"

namespace limpet::store::rocks {
namespace {

uint64_t Ms(Duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

bool Forgets(const ObjectBatch& batch) {
  return std::ranges::any_of(batch.writes, [](const Write& write) { return write.space == Space::kHistory; });
}

Bytes SavedKey(Space space, BytesView key) {
  Bytes saved(1, static_cast<char>(space));
  saved += key;
  return saved;
}

}  // namespace

HistoryMark Committer::MarkNow(ObjectState& state) {
  uint64_t now = Tick();
  uint64_t window = Ms(options_.history);
  HistoryMark mark;
  ForgetSaved(state);
  mark.now = now_ms_ = state.history.Mark(now);
  mark.oldest = std::max({now > window ? now - window : 0, history_since_, state.history.oldest});
  return mark;
}

bool Committer::NeedsGroupWritten(const Group& group, const ObjectBatch& batch) {
  if (!KeepsHistory(batch.object.ns) || !group.objects.contains(batch.object)) return false;
  // What is not kept begins no slot: else an object with nothing else would have a write for each of its commits.
  auto kept = [](const Write& write) { return KeepsHistory(write.space); };
  if (std::ranges::none_of(batch.writes, kept) && !Forgets(batch)) return false;
  ObjectState* state = states_.Find(batch.object);
  if (state == nullptr || state->stale || state->saved.size() >= kSlotKeysMax || Forgets(batch)) return true;
  return KeepsHistoryOf(batch.object) && state->history.BeginsSlot(Tick());
}

Result<Done> Committer::AddHistory(Group& group, const ObjectBatch& batch, ObjectState& state) {
  if (!KeepsHistory(batch.object.ns)) return Done{};
  HistoryState& history = state.history;
  bool keeps = KeepsHistoryOf(batch.object);
  // In a group that holds earlier commits of the object NeedsGroupWritten has looked, at the same time.
  bool written = !group.objects.contains(batch.object);
  if (written && (state.stale || state.saved.size() >= kSlotKeysMax)) {
    ForgetSaved(state);
    history.open = false;
  }
  if (Forgets(batch)) {
    ForgetSaved(state);
    history.Forget(Tick());
    keeps = false;
  }
  auto kept = [](const Write& write) { return KeepsHistory(write.space); };
  if (std::ranges::none_of(batch.writes, kept)) return Done{};
  // What a clear has kept in slices is in a slot of its own, however long that took.
  if (keeps && written && ending_ == nullptr && history.BeginsSlot(Tick())) {
    bool is_new = state.number == 0;
    ForgetSaved(state);
    history.BeginSlot(Tick(), is_new);
    if (is_new) {
      Bytes birth = BirthKey(history.last);
      group.batch.Put(PairKey(batch.object, Space::kHistory, birth), rocksdb::Slice());
      history_total_.Add(static_cast<int64_t>(kObjectPrefixBytes + 1 + birth.size()));
    }
  }
  keeps = keeps && !history.birth;
  std::set<Space> cleared;
  for (const Write& write : batch.writes) {
    if (!kept(write)) continue;
    if (write.kind != Write::Kind::kClear) {
      LIMPET_TRY(Done saved, SaveOne(group, batch, state, write, keeps, cleared.contains(write.space)));
      (void)saved;
      continue;
    }
    if (keeps && ending_ == nullptr) {
      LIMPET_TRY(Done saved, SaveCleared(group, batch.object, state, write.space));
      (void)saved;
    }
    CountClear(group, batch.object.ns, state, write.space);
    cleared.insert(write.space);
  }
  // What a clear has taken away is not in `saved`: the next commit begins a slot of its own. At the birth all is.
  if (!cleared.empty() && !history.birth) state.stale = true;
  return Done{};
}

Result<Done> Committer::SaveOne(Group& group, const ObjectBatch& batch, ObjectState& state, const Write& write,
                                bool keeps, bool after_clear) {
  Bytes key = SavedKey(write.space, write.key);
  uint64_t after = write.kind == Write::Kind::kPut ? write.key.size() + write.value.size() : 0;
  uint64_t before = 0;
  if (auto known = state.saved.find(key); known != state.saved.end()) {
    before = std::exchange(known->second, after);
  } else {
    if (!state.history.birth) {
      LIMPET_TRY(std::optional<Bytes> held,
                 ReadValue(database_, PairKey(batch.object, write.space, write.key), rocksdb::kReadAllTier));
      if (held && !after_clear) before = write.key.size() + held->size();
      if (keeps) {
        Bytes record = PairKey(batch.object, Space::kHistory, HistoryKey(state.history.last, write.space, write.key));
        Bytes value = HistoryValue(held);
        history_total_.Add(static_cast<int64_t>(record.size() + value.size()));
        group.batch.Put(record, value);
      }
    }
    state.saved.emplace(std::move(key), after);
    ++saved_keys_;
  }
  Count(group, batch.object.ns, state, write.space, before, after);
  return Done{};
}

// Records may reach the disk before the clear does: they say what is there until then. Each write is synced, as all
// are.
Result<Done> Committer::SaveCleared(Group& group, const ObjectId& object, ObjectState& state, Space space) {
  ScanOptions next;
  next.space = space;
  next.bytes_max = kClearSliceBytes;
  size_t total = 0;
  for (;;) {
    LIMPET_TRY(ScanPage page, ReadRange(database_, object, next, rocksdb::kReadAllTier));
    rocksdb::WriteBatch ahead;
    rocksdb::WriteBatch& into = page.complete ? group.batch : ahead;
    for (const auto& [key, value] : page.pairs) {
      if (state.saved.contains(SavedKey(space, key))) continue;
      Bytes record = PairKey(object, Space::kHistory, HistoryKey(state.history.last, space, key));
      into.Put(record, HistoryValue(value));
      total += record.size() + value.size() + 1;
    }
    if (!page.complete) {
      LIMPET_TRY(Done written, WriteSynced(ahead));
      (void)written;
    }
    if (total > kClearKeptBytesMax) {
      state.history.oldest = state.history.last + 1;
      break;
    }
    if (page.complete) break;
    next.start = page.pairs.back().first + '\0';
  }
  history_total_.Add(static_cast<int64_t>(total));
  return Done{};
}

void Committer::ForgetSaved(ObjectState& state) {
  saved_keys_ -= std::min(saved_keys_, state.saved.size());
  state.saved.clear();
  state.stale = false;
}

// History that was off for a while has a gap; one that was kept for a shorter time is gone for good.
Result<Done> Committer::LoadHistoryRecord() {
  LIMPET_TRY(std::optional<Bytes> read, ReadValue(database_, HistoryRecordKey(), rocksdb::kReadAllTier));
  uint64_t since = 0, window = 0;
  if (read) {
    BytesView bytes = *read;
    std::optional<uint64_t> first = TakeNumber(bytes);
    std::optional<uint64_t> second = first ? TakeNumber(bytes) : std::nullopt;
    if (!second || !bytes.empty()) return Error(ErrorCode::kCorrupt, "a record of history that is none");
    since = *first;
    window = *second;
  }
  now_ms_ = std::max(now_ms_, since);
  uint64_t now = Tick();
  const uint64_t wanted = Ms(options_.history);
  if (window == 0) {
    since = now;
  } else if (wanted > window && now > window) {
    since = std::max(since, now - window);
  }
  history_since_ = since;
  Bytes record = EncodeNumber(since) + EncodeNumber(wanted);
  if (read == record) return Done{};
  rocksdb::WriteBatch batch;
  batch.Put(HistoryRecordKey(), record);
  return WriteSynced(batch);
}

}  // namespace limpet::store::rocks
