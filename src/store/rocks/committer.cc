#include "store/rocks/committer.h"

#include <rocksdb/iterator.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <chrono>
#include <semaphore>
#include <utility>

#include "store/limits.h"
#include "store/names.h"
#include "store/rocks/keys.h"
#include "store/unsettled.h"

namespace limpet::store::rocks {
namespace {

rocksdb::Slice ToSlice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
BytesView ToView(rocksdb::Slice slice) { return {slice.data(), slice.size()}; }

Error Reopening() { return Error(ErrorCode::kUnavailable, "the store is being reopened after a failed write"); }

size_t SpaceIndex(Space space) {
  return space == Space::kKv ? 0 : space == Space::kMeta ? 1 : space == Space::kPage ? 2 : 3;
}

}  // namespace

Committer::Committer(const RocksOptions& options, Folder& folder, Database& database,
                     UniqueFunction<void(NamespaceId)> reclaim)
    : options_(options),
      folder_(folder),
      database_(database),
      reclaim_(std::move(reclaim)),
      commits_total_(options.counters->Make(Counters::Kind::kCounter, "limpet_store_commits_total",
                                            "Batches of objects that became durable.")),
      groups_total_(options.counters->Make(Counters::Kind::kCounter, "limpet_store_groups_total",
                                           "Synced writes; each holds the batches that waited for it.")),
      bytes_total_(options.counters->Make(Counters::Kind::kCounter, "limpet_store_written_bytes_total",
                                          "Bytes handed to the log.")),
      history_total_(options.counters->Make(Counters::Kind::kCounter, "limpet_store_history_bytes_total",
                                            "Keys and values kept of what was changed: part of the bytes written.")),
      failures_total_(options.counters->Make(Counters::Kind::kCounter, "limpet_store_failures_total",
                                             "Writes that failed and made the store reopen.")),
      open_gauge_(options.counters->Make(Counters::Kind::kGauge, "limpet_store_open",
                                         "1 if the store serves, 0 while it is being reopened.")) {}

Committer::~Committer() { Stop(); }

void Committer::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<Done> Committer::Start() {
  LIMPET_TRY(Done opened, OpenAndLoad());
  thread_ = std::thread([this] { Run(); });
  return opened;
}

uint64_t Committer::Register(const std::shared_ptr<Port>& port) {
  std::lock_guard lock(mutex_);
  std::erase_if(ports_, [](const std::weak_ptr<Port>& known) { return known.expired(); });
  ports_.push_back(port);
  return failures_;
}

void Committer::Enqueue(Work work) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    wake = queue_.empty();
    queue_.push_back(std::move(work));
  }
  if (wake) wake_.notify_one();
}

void Committer::Hand(Handover handover) { Enqueue(std::move(handover)); }

Result<Claim> Committer::Acquire(uint32_t partition) {
  std::binary_semaphore finished(0);
  Result<Claim> acquired = Claim{.partition = partition};
  Enqueue(Control{.fill = [&](rocksdb::WriteBatch& batch) -> Result<Done> {
                    auto found = epochs_.find(partition);
                    acquired.value().epoch = (found == epochs_.end() ? 0 : found->second) + 1;
                    batch.Put(ToSlice(ClaimKey(partition)), EncodeNumber(acquired.value().epoch));
                    return Done{};
                  },
                  .done =
                      [&](Result<Done> written) {
                        if (written.has_value()) {
                          epochs_[partition] = acquired.value().epoch;
                        } else {
                          acquired = std::move(written).error();
                        }
                        finished.release();
                      }});
  finished.acquire();
  return acquired;
}

void Committer::Drop(NamespaceId ns, UniqueFunction<void(Result<Done>)> done) {
  if (ns == kEngineNamespace) return done(Error(ErrorCode::kInvalidArgument, "the last namespace is the store's own"));
  // One range tombstone makes all of it unreadable at once. The marker lasts until its space has been given back.
  Enqueue(Control{.fill = [ns](rocksdb::WriteBatch& batch) -> Result<Done> {
                    batch.DeleteRange(NamespaceStart(ns), NamespaceStart({ns.value + 1}));
                    batch.Put(DropKey(ns), rocksdb::Slice());
                    batch.Delete(UsedKey(ns));
                    return Done{};
                  },
                  .done =
                      [this, ns, done = std::move(done)](Result<Done> written) mutable {
                        states_.Clear();
                        if (written.has_value()) DropSums(ns);
                        if (written.has_value()) reclaim_(ns);
                        done(std::move(written));
                      }});
}

void Committer::Mark(const ObjectId& object, Session::OnMark done) { Enqueue(Asked{object, std::move(done)}); }

void Committer::ForgetAlarms(AlarmPage entries) {
  Enqueue(Control{.fill = [entries = std::move(entries)](rocksdb::WriteBatch& batch) -> Result<Done> {
                    for (const AlarmEntry& entry : entries) batch.Delete(ToSlice(AlarmKey(entry)));
                    return Done{};
                  },
                  .done = [](Result<Done>) {}});  // The same.
}

void Committer::Reclaimed(NamespaceId ns) {
  Enqueue(Control{.fill = [ns](rocksdb::WriteBatch& batch) -> Result<Done> {
                    batch.Delete(DropKey(ns));
                    return Done{};
                  },
                  .done = [](Result<Done>) {}});  // If it failed, the next start does it again.
}

void Committer::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto something = [this] { return stopping_ || !queue_.empty() || !stalls_.empty(); };
    if (IsOpen()) {
      wake_.wait(lock, something);
    } else {
      wake_.wait_for(lock, backoff_, something);
    }
    if (queue_.empty() && stalls_.empty() && stopping_) return;
    std::vector<Work> works = std::exchange(queue_, {});
    lock.unlock();
    if (IsOpen()) {
      Process(std::move(works));
      if (IsOpen()) StepStall();
    } else {
      RefuseAll(works);
      TryReopen();
    }
    lock.lock();
  }
}

void Committer::Process(std::vector<Work> works) {
  Group group;
  for (Work& work : works) {
    if (auto* handover = std::get_if<Handover>(&work)) {
      Add(group, *handover);
      continue;
    }
    if (auto* asked = std::get_if<Asked>(&work)) {
      if (Stalls(*asked)) continue;
      if (!IsOpen()) {
        asked->done(Reopening());
      } else if (!KeepsHistoryOf(asked->object)) {
        asked->done(
            Error(ErrorCode::kConflict, "This server keeps no history (it was started with --history-days 0)."));
      } else {
        Result<ObjectState*> state = StateOf(asked->object);
        asked->done(state.has_value() ? Result<HistoryMark>(MarkNow(*state.value())) : std::move(state).error());
      }
      continue;
    }
    Flush(group);
    ProcessControl(std::get<Control>(work));
  }
  Flush(group);
  if (saved_keys_ <= kSavedKeysMax) return;
  states_.Clear();  // Nothing of it is only here.
  saved_keys_ = 0;
}

// Adds a session's commits; a group that is full is written on the way. What comes from before the last failure is
// dropped: HearFailures answers it.
void Committer::Add(Group& group, Handover& handover) {
  group.answers.emplace_back(handover.port, std::vector<CommitAnswer>());
  for (Handover::Commit& commit : handover.commits) {
    if (handover.failures_heard != failures_) return;
    if (Stalls(handover, commit)) continue;
    if (group.batch.GetDataSize() >= kGroupBytesMax || NeedsGroupWritten(group, commit.batch)) {
      Flush(group);
      group.answers.emplace_back(handover.port, std::vector<CommitAnswer>());
      if (!IsOpen()) return;
    }
    Result<uint64_t> answer = AddCommit(group, commit);
    if (!answer && answer.error().code() == ErrorCode::kUnavailable) {
      group = Group();
      return Fail(answer.error());
    }
    group.answers.back().second.push_back({commit.ticket, std::move(answer)});
  }
}

Result<uint64_t> Committer::AddCommit(Group& group, const Handover::Commit& commit) {
  auto epoch = epochs_.find(commit.claim.partition);
  uint64_t current = epoch == epochs_.end() ? 0 : epoch->second;
  bool holds = current != 0 && commit.claim.epoch == current && options_.clock->Now() < commit.claim.valid_until;
  if (!holds) return Fenced(commit.claim, current);

  const ObjectId& object = commit.batch.object;
  if (corrupt_.contains(object)) return Error(ErrorCode::kCorrupt, "the object's records are damaged: see the log");
  group.batch.SetSavePoint();
  Result<ObjectState*> state = StateOf(object);
  Result<Done> added = Done{};
  if (!state.has_value()) added = std::move(state).error();
  if (added.has_value()) added = AddWrites(group, commit.batch, *state.value());
  if (!added) {
    if (added.error().code() != ErrorCode::kCorrupt) return std::move(added).error();
    // It was never written, but its object's next batches may be waiting behind it: none of them may pass.
    group.batch.RollbackToSavePoint();
    corrupt_.insert(object);
    options_.logger->Write(LogLevel::kError, "store", added.error().ToString());
    return std::move(added).error();
  }
  group.batch.PopSavePoint();
  ObjectState& now = *state.value();
  uint64_t number = ++now.number;  // If the write fails, all are forgotten.
  ObjectRecord record{.number = number, .last = now.history.last, .oldest = now.history.oldest};
  if (KeepsHistory(object.ns)) record.bytes = now.bytes;
  group.batch.Put(CommitNumberKey(object), EncodeObject(record));
  group.objects.insert(object);
  ++group.commits;
  return number;
}

Result<ObjectState*> Committer::StateOf(const ObjectId& object) {
  if (ObjectState* known = states_.Find(object)) return known;
  LIMPET_TRY(std::optional<Bytes> read, ReadValue(database_, CommitNumberKey(object), rocksdb::kReadAllTier));
  if (!read) return &states_.Add(object, {});
  std::optional<ObjectRecord> record = DecodeObject(*read);
  if (!record) return Error(ErrorCode::kCorrupt, "a commit number that is none");
  ObjectState state{.number = record->number, .history = {.last = record->last, .oldest = record->oldest}};
  if (record->bytes) {
    state.bytes = *record->bytes;
  } else if (KeepsHistory(object.ns)) {
    LIMPET_TRY(state.bytes, CountObject(database_, object));
    state.joins_sums = true;
  }
  return &states_.Add(object, std::move(state));
}

Result<Done> Committer::AddWrites(Group& group, const ObjectBatch& batch, ObjectState& state) {
  if (std::exchange(state.joins_sums, false)) {
    group.used[batch.object.ns.value] += static_cast<int64_t>(state.bytes.sum());
  }
  LIMPET_TRY(Done kept, AddHistory(group, batch, state));
  (void)kept;
  size_t first[4] = {0, 0, 0, 0};  // By space: writes before its last kClear have no effect.
  const Write* alarm = nullptr;    // Only the last of them counts.
  for (size_t i = 0; i < batch.writes.size(); ++i) {
    if (batch.writes[i].space == Space::kAlarm) {
      alarm = &batch.writes[i];
      continue;
    }
    if (batch.writes[i].kind == Write::Kind::kClear) first[SpaceIndex(batch.writes[i].space)] = i;
  }
  for (size_t i = 0; i < batch.writes.size(); ++i) {
    const Write& write = batch.writes[i];
    if (write.space == Space::kAlarm) continue;
    if (i < first[SpaceIndex(write.space)]) continue;
    if (write.kind == Write::Kind::kClear) {
      LIMPET_TRY(Done cleared, AddClear(group, batch.object, write.space));
      (void)cleared;
    } else if (write.kind == Write::Kind::kPut) {
      group.batch.Put(PairKey(batch.object, write.space, write.key), write.value);
      if (write.space != Space::kMeta) continue;
      if (write.key == kNameKey) group.batch.Put(NameIndexRecord(write.value, batch.object), rocksdb::Slice());
      if (write.key == kRestoreKey) group.batch.Put(UnsettledRecord(batch.object), rocksdb::Slice());
    } else {
      group.batch.Delete(PairKey(batch.object, write.space, write.key));
      if (write.space == Space::kMeta && write.key == kRestoreKey) group.batch.Delete(UnsettledRecord(batch.object));
    }
  }
  return alarm == nullptr ? Done{} : AddAlarm(group, batch.object, *alarm);
}

Result<Done> Committer::AddAlarm(Group& group, const ObjectId& object, const Write& write) {
  const Bytes record = PairKey(object, Space::kAlarm, {});
  std::optional<uint64_t> before;
  if (auto found = group.alarms.find(object); found != group.alarms.end()) {
    before = found->second;
  } else {
    LIMPET_TRY(std::optional<Bytes> stored, ReadValue(database_, record, rocksdb::kReadAllTier));
    if (stored && stored->size() < kAlarmTimeBytes) return Error(ErrorCode::kCorrupt, "an alarm that is none");
    if (stored) before = ReadBigEndian64(*stored);
  }
  std::optional<uint64_t> after;
  if (write.kind == Write::Kind::kPut) after = ReadBigEndian64(write.value);
  group.alarms[object] = after;
  if (before && before != after) group.batch.Delete(ToSlice(AlarmKey({*before, object})));
  if (after) {
    if (before != after) group.batch.Put(ToSlice(AlarmKey({*after, object})), rocksdb::Slice());
    group.batch.Put(ToSlice(record), ToSlice(write.value));
  } else if (before) {
    group.batch.Delete(ToSlice(record));
  }
  return Done{};
}

// The name of an object never changes, so it is taken out of the index with the object's records alone. (One that is
// still on its way with this group stays: it leads to an object without data.)
Result<Done> Committer::ForgetName(Group& group, const ObjectId& object) {
  LIMPET_TRY(std::optional<Bytes> name,
             ReadValue(database_, PairKey(object, Space::kMeta, kNameKey), rocksdb::kReadAllTier));
  if (name) group.batch.Delete(NameIndexRecord(*name, object));
  return Done{};
}

// Key by key if they are few and all in the database; what the group itself wrote to the object only a range can catch.
Result<Done> Committer::AddClear(Group& group, const ObjectId& object, Space space) {
  if (space == Space::kMeta) {
    LIMPET_TRY(Done forgotten, ForgetName(group, object));
    (void)forgotten;
    group.batch.Delete(UnsettledRecord(object));
  }
  std::optional<ScanPage> page;
  if (!group.objects.contains(object)) {
    ScanOptions all;
    all.space = space;
    all.limit = kClearOneByOneMax + 1;
    LIMPET_TRY(page, ReadRange(database_, object, all, rocksdb::kReadAllTier));
  }
  if (page && page->complete && page->pairs.size() <= kClearOneByOneMax) {
    for (const auto& [key, value] : page->pairs) group.batch.Delete(PairKey(object, space, key));
  } else {
    group.batch.DeleteRange(PairKey(object, space, {}), SpaceEnd(object, space));
  }
  return Done{};
}

void Committer::Flush(Group& flushed) {
  Group group = std::exchange(flushed, Group());
  Result<Done> written = Done{};
  PutSums(group);
  if (group.commits > 0) written = WriteSynced(group.batch);
  if (!written) return Fail(written.error());
  SumsWritten(group);
  commits_total_.Add(static_cast<int64_t>(group.commits));
  for (auto& [port, answers] : group.answers) {
    if (answers.empty()) continue;
    port->link->Post([receiver = port->receiver, answers = std::move(answers)]() mutable {
      receiver->Answered(std::move(answers));
    });
  }
}

Result<Done> Committer::WriteSynced(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  groups_total_.Add();
  bytes_total_.Add(static_cast<int64_t>(batch.GetDataSize()));
  rocksdb::Status status = database_.db().Write(options, &batch);
  if (status.ok()) return Done{};
  return Error(ErrorCode::kUnavailable, "write: " + status.ToString());
}

void Committer::ProcessControl(Control& control) {
  if (!IsOpen()) return control.done(Reopening());
  rocksdb::WriteBatch batch;
  Result<Done> outcome = control.fill(batch);
  if (outcome.has_value()) {
    outcome = WriteSynced(batch);
    if (!outcome) Fail(outcome.error());
  }
  control.done(std::move(outcome));
}

// While the database is closed.
void Committer::RefuseAll(std::vector<Work>& works) {
  bool fresh = false;
  for (Work& work : works) {
    if (auto* asked = std::get_if<Asked>(&work)) {
      asked->done(Reopening());
    } else if (auto* control = std::get_if<Control>(&work)) {
      control->done(Reopening());
    } else {
      fresh = fresh || std::get<Handover>(work).failures_heard == failures_;
    }
  }
  // A refusal is a failure of its own, or a later batch of the same object could pass before its session hears of it.
  if (fresh) Announce();
}

// The write may be in the log or not: only a replay tells. Until then nobody reads.
void Committer::Fail(const Error& error) {
  options_.logger->Write(LogLevel::kError, "store", error.ToString() + "; reopening the database");
  failures_total_.Add();
  open_.store(false, std::memory_order_relaxed);
  open_gauge_.Set(0);
  database_.Close();
  states_.Clear();
  EndStalls();
  backoff_ = Duration::zero();
  Announce();
}

void Committer::Announce() {
  std::vector<std::shared_ptr<Port>> ports;
  uint64_t count = 0;
  {
    std::lock_guard lock(mutex_);
    count = ++failures_;
    for (const std::weak_ptr<Port>& known : ports_) {
      if (std::shared_ptr<Port> port = known.lock()) ports.push_back(std::move(port));
    }
  }
  for (const std::shared_ptr<Port>& port : ports) {
    port->link->Post([receiver = port->receiver, count] { receiver->HearFailures(count); });
  }
}

void Committer::TryReopen() {
  Result<Done> opened = OpenAndLoad();
  if (opened.has_value()) {
    options_.logger->Write(LogLevel::kInfo, "store", "the database is open again");
    return;
  }
  database_.Close();
  backoff_ =
      backoff_ == Duration::zero() ? options_.reopen_backoff : std::min(2 * backoff_, options_.reopen_backoff_max);
  options_.logger->Write(LogLevel::kError, "store", opened.error().ToString() + "; trying again");
}

Result<Done> Committer::OpenAndLoad() {
  LIMPET_TRY(Done opened, database_.Open(folder_));
  epochs_.clear();
  std::vector<NamespaceId> dropped;
  std::unique_ptr<rocksdb::Iterator> at(database_.db().NewIterator(rocksdb::ReadOptions()));
  for (at->Seek(ClaimKey(0)); at->Valid() && ToView(at->key()) < ClaimsEnd(); at->Next()) {
    std::optional<uint32_t> partition = PartitionOfClaimKey(ToView(at->key()));
    std::optional<uint64_t> epoch = DecodeNumber(ToView(at->value()));
    if (!partition || !epoch) return Error(ErrorCode::kCorrupt, "a claim record that is none");
    epochs_[*partition] = *epoch;
  }
  for (at->Seek(DropKey({0})); at->Valid() && ToView(at->key()) < DropsEnd(); at->Next()) {
    std::optional<NamespaceId> ns = NamespaceOfDropKey(ToView(at->key()));
    if (!ns) return Error(ErrorCode::kCorrupt, "a drop record that is none");
    dropped.push_back(*ns);
  }
  if (!at->status().ok()) return StatusError(at->status(), "read the store's own records");
  LIMPET_TRY(Done loaded, LoadHistoryRecord());
  (void)loaded;
  LIMPET_TRY(Done summed, LoadSums());
  (void)summed;
  open_.store(true, std::memory_order_relaxed);
  open_gauge_.Set(1);
  for (NamespaceId ns : dropped) reclaim_(ns);
  return opened;
}

}  // namespace limpet::store::rocks
