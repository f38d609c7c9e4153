#include "object/object_storage.h"

#include <algorithm>
#include <utility>

#include "object/mutations.h"
#include "store/names.h"

namespace limpet::object {
namespace {

// What the last of the writes to the alarm makes of it.
std::optional<AlarmChange> AlarmIn(const std::vector<store::Write>& writes) {
  auto last = std::find_if(writes.rbegin(), writes.rend(),
                           [](const store::Write& write) { return write.space == store::Space::kAlarm; });
  if (last == writes.rend()) return std::nullopt;
  if (last->kind != store::Write::Kind::kPut) return AlarmChange{};
  return AlarmChange{.at_ms = static_cast<int64_t>(ReadBigEndian64(last->value))};
}

}  // namespace

// --- Continuing with an answer

ObjectStorage::Continue ObjectStorage::Hold(const InputLock& lock, bool allow_concurrency) {
  if (allow_concurrency || LIMPET_MUTANT(gate_open_during_read)) return {{}, lock.gate()};
  return {lock.AddRef(), lock.gate()};
}

// --- Reads

ObjectStorage::ReadId ObjectStorage::BeginRead() {
  // A read inside a transaction sees what the transaction wrote, which has no number yet: the newest number is right.
  return reads_.insert(reads_.end(), Read{cache_.last_write()});
}

void ObjectStorage::EndRead(ReadId read) {
  reads_.erase(read);
  if (shut_) return host_.Settled(nullptr);
  if (cache_.has_sealed()) host_.WantFlush();
}

bool ObjectStorage::TryAgain(const Error& error, uint32_t tries, UniqueFunction<void()> again) {
  if (error.code() != ErrorCode::kUnavailable || tries >= kReadTriesMax || shut_) return false;
  host_.loop().After(kReadPauseFirst * (1u << (tries - 1)), [alive = alive_, again = std::move(again)]() mutable {
    if (*alive) again();
  });
  return true;
}

void ObjectStorage::ReadValue(store::Space space, Bytes key, store::Session::OnValue done, uint32_t tries) {
  Bytes asked = key;
  auto answer = [this, space, key = std::move(key), done = std::move(done),
                 tries](Result<std::optional<Bytes>> value) mutable {
    if (value.has_value() || shut_ || value.error().code() != ErrorCode::kUnavailable || tries >= kReadTriesMax) {
      return done(std::move(value));
    }
    TryAgain(value.error(), tries, [this, space, key = std::move(key), done = std::move(done), tries]() mutable {
      ReadValue(space, std::move(key), std::move(done), tries + 1);
    });
  };
  session_.Get(id_, space, std::move(asked), std::move(answer));
}

std::optional<Result<std::optional<Bytes>>> ObjectStorage::Peek(BytesView key) {
  WriteCache::Lookup cached = cache_.Find(key);
  if (cached.known) return cached.value == nullptr ? std::optional<Bytes>() : std::optional<Bytes>(*cached.value);
  Result<std::optional<Bytes>> stored = session_.TryGet(id_, store::Space::kKv, key);
  if (!stored.has_value() && MustAsk(stored.error())) return std::nullopt;
  if (stored.has_value()) cache_.Learn(key, stored.value());
  return stored;
}

Storage::Now<std::optional<Bytes>> ObjectStorage::Get(const InputLock& lock, Bytes key, ReadOptions options,
                                                      OnAnswer<std::optional<Bytes>> done) {
  if (shut_) return *shut_;
  if (auto at_hand = Peek(key)) return at_hand;
  ReadId read = BeginRead();
  Bytes asked = key;
  ReadValue(store::Space::kKv, std::move(key),
            [this, read, key = std::move(asked), next = Hold(lock, options.allow_concurrency),
             done = std::move(done)](Result<std::optional<Bytes>> value) mutable {
              if (!shut_ && value.has_value()) cache_.Learn(key, value.value());
              EndRead(read);
              Answer(std::move(next), std::move(done), std::move(value));
            });
  return std::nullopt;
}

// Keys that the store had to be asked for, one read each, under one snapshot.
struct ObjectStorage::ManyRead {
  ReadId read;
  Pairs pairs;
  size_t waiting = 0;
  std::optional<Error> error;
  Continue next;
  OnAnswer<Pairs> done;
};

Storage::Now<Pairs> ObjectStorage::GetMany(const InputLock& lock, std::vector<Bytes> keys, ReadOptions options,
                                           OnAnswer<Pairs> done) {
  if (shut_) return *shut_;
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  Pairs found;
  std::vector<Bytes> unknown;
  for (Bytes& key : keys) {
    auto value = Peek(key);
    if (!value) {
      unknown.push_back(std::move(key));
    } else if (!value->has_value()) {
      return std::move(*value).error();
    } else if (value->value()) {
      found.emplace_back(std::move(key), *std::move(*value).value());
    }
  }
  if (unknown.empty()) return found;
  ReadMany(Hold(lock, options.allow_concurrency), std::move(found), std::move(unknown), std::move(done));
  return std::nullopt;
}

void ObjectStorage::ReadMany(Continue next, Pairs found, std::vector<Bytes> unknown, OnAnswer<Pairs> done) {
  auto many = std::make_shared<ManyRead>(
      ManyRead{BeginRead(), std::move(found), unknown.size(), std::nullopt, std::move(next), std::move(done)});
  for (Bytes& key : unknown) {
    Bytes asked = key;
    ReadValue(store::Space::kKv, std::move(asked),
              [this, many, key = std::move(key)](Result<std::optional<Bytes>> value) mutable {
                if (!value.has_value()) {
                  many->error = std::move(value).error();
                } else if (value.value()) {
                  many->pairs.emplace_back(std::move(key), *std::move(value).value());
                }
                if (--many->waiting > 0) return;
                EndRead(many->read);
                std::sort(many->pairs.begin(), many->pairs.end());
                if (many->error) return Answer<Pairs>(std::move(many->next), std::move(many->done), *many->error);
                Answer<Pairs>(std::move(many->next), std::move(many->done), std::move(many->pairs));
              });
  }
}

struct ObjectStorage::ListRead {
  ReadId read;
  ListMerge merge;
  Continue next;
  OnAnswer<Pairs> done;
};

Storage::Now<Pairs> ObjectStorage::List(const InputLock& lock, ListOptions list, ReadOptions options,
                                        OnAnswer<Pairs> done) {
  if (shut_) return *shut_;
  std::vector<WriteCache::Overlay> overlay = cache_.Range(list.start, list.end);
  ListMerge merge(std::move(list), std::move(overlay), cache_.hides_store());
  while (!merge.done()) {
    Result<store::ScanPage> page = session_.TryScan(id_, merge.NextPage());
    if (!page.has_value()) {
      if (!MustAsk(page.error())) return std::move(page).error();
      ReadPages(std::make_shared<ListRead>(
          ListRead{BeginRead(), std::move(merge), Hold(lock, options.allow_concurrency), std::move(done)}));
      return std::nullopt;
    }
    merge.AddPage(std::move(page).value());
  }
  return merge.TakePairs();
}

void ObjectStorage::ReadPages(std::shared_ptr<ListRead> read, uint32_t tries) {
  store::ScanOptions page = read->merge.NextPage();
  session_.Scan(id_, std::move(page), [this, read, tries](Result<store::ScanPage> page) {
    if (!page.has_value() && TryAgain(page.error(), tries, [this, read, tries] { ReadPages(read, tries + 1); })) {
      return;
    }
    if (!page.has_value()) {
      EndRead(read->read);
      return Answer<Pairs>(std::move(read->next), std::move(read->done), std::move(page).error());
    }
    read->merge.AddPage(std::move(page).value());
    if (!read->merge.done() && !shut_) return ReadPages(read);
    EndRead(read->read);
    Answer<Pairs>(std::move(read->next), std::move(read->done), read->merge.TakePairs());
  });
}

// --- Writes

void ObjectStorage::Wrote() {
  if (cache_.last_confirmed() > cache_.durable()) host_.WroteConfirmed(cache_.last_confirmed());
}

// What an open transaction wrote can't be sent before its end: to wait for it inside would be to wait for ever.
bool ObjectStorage::MustWait(const WriteOptions&) const {
  return cache_.depth() == 0 && cache_.dirty_bytes() > kDirtyBytesMax;
}

Storage::Now<Done> ObjectStorage::Put(const InputLock& lock, Pairs pairs, WriteOptions options, OnAnswer<Done> done) {
  if (shut_) return *shut_;
  uint64_t bytes = 0;
  for (const auto& [key, value] : pairs) bytes += key.size() + value.size();
  if (Result<Done> fits = MakeRoom(bytes); !fits.has_value()) return std::move(fits).error();
  for (auto& [key, value] : pairs) cache_.Put(std::move(key), std::move(value), !options.allow_unconfirmed);
  return AfterWrite(lock, options, std::move(done));
}

Storage::Now<Done> ObjectStorage::AfterWrite(const InputLock& lock, WriteOptions options, OnAnswer<Done> done) {
  Wrote();
  if (!MustWait(options)) return Done{};
  waiting_.push_back({0, [this, next = Hold(lock, options.allow_concurrency), done = std::move(done)]() mutable {
                        Answer<Done>(std::move(next), std::move(done), Done{});
                      }});
  return std::nullopt;
}

Storage::Now<uint64_t> ObjectStorage::Delete(const InputLock& lock, std::vector<Bytes> keys, WriteOptions options,
                                             OnAnswer<uint64_t> done) {
  if (shut_) return *shut_;
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  uint64_t existed = 0;
  std::vector<Bytes> unknown, present;
  for (Bytes& key : keys) {
    auto value = Peek(key);
    if (value && !value->has_value()) return std::move(*value).error();
    if (value && !value->value()) continue;  // Nothing to delete: an object that never wrote leaves nothing on disk.
    if (value) ++existed;
    (value ? present : unknown).push_back(std::move(key));
  }
  // The reads come first: they must see the state before this call.
  bool must_read = !unknown.empty();
  if (must_read) {
    std::vector<Bytes> asked = unknown;
    ReadMany(Hold(lock, options.allow_concurrency), {}, std::move(asked),
             [existed, done = std::move(done)](Result<Pairs> found, InputLock held) mutable {
               if (!found.has_value()) return done(std::move(found).error(), std::move(held));
               done(existed + found.value().size(), std::move(held));
             });
  }
  for (std::vector<Bytes>* part : {&present, &unknown}) {
    for (Bytes& key : *part) cache_.Delete(std::move(key), !options.allow_unconfirmed);
  }
  Wrote();
  if (must_read) return std::nullopt;
  if (!MustWait(options)) return existed;
  waiting_.push_back(
      // NOLINTNEXTLINE(bugprone-use-after-move): `done` went to ReadMany only if must_read.
      {0, [this, existed, next = Hold(lock, options.allow_concurrency), done = std::move(done)]() mutable {
         Answer<uint64_t>(std::move(next), std::move(done), existed);
       }});
  return std::nullopt;
}

Storage::Now<Done> ObjectStorage::DeleteAll(const InputLock& lock, WriteOptions options, OnAnswer<Done>) {
  if (shut_) return *shut_;
  if (cache_.depth() > 0) return Error::Script("Error", "Cannot call deleteAll() within a transaction");
  bool pages = sql_.MayHavePages() && !LIMPET_MUTANT(sql_survives_delete_all);
  sql_.Close();
  cache_.Clear(/*confirmed=*/true);  // allowUnconfirmed is ignored here, as in production.
  if (pages) cache_.ClearPages();
  if (options.alarm && MayHaveAlarm()) cache_.DeleteAlarm(/*confirmed=*/true);
  Wrote();
  return Done{};
}

Storage::Now<Done> ObjectStorage::Sync(const InputLock& lock, OnAnswer<Done> done) {
  if (shut_) return *shut_;
  if (cache_.last_write() <= cache_.durable()) return Done{};
  waiting_.push_back({cache_.last_write(), [this, next = Hold(lock, true), done = std::move(done)]() mutable {
                        Answer<Done>(std::move(next), std::move(done), Done{});
                      }});
  return std::nullopt;
}

// --- At once

Result<std::optional<Bytes>> ObjectStorage::GetNow(BytesView key) {
  if (shut_) return *shut_;
  if (auto at_hand = Peek(key)) return *std::move(at_hand);
  LIMPET_TRY(std::optional<Bytes> stored, session_.ReadNow(id_, store::Space::kKv, key));
  cache_.Learn(key, stored);
  return stored;
}

Result<Pairs> ObjectStorage::ListNow(ListOptions list) {
  if (shut_) return *shut_;
  std::vector<WriteCache::Overlay> overlay = cache_.Range(list.start, list.end);
  ListMerge merge(std::move(list), std::move(overlay), cache_.hides_store());
  while (!merge.done()) {
    LIMPET_TRY(store::ScanPage page, session_.ScanNow(id_, merge.NextPage()));
    merge.AddPage(std::move(page));
  }
  return merge.TakePairs();
}

Result<Done> ObjectStorage::PutNow(Bytes key, Bytes value) {
  if (shut_) return *shut_;
  LIMPET_TRY(Done fits, MakeRoom(key.size() + value.size()));
  (void)fits;
  cache_.Put(std::move(key), std::move(value), /*confirmed=*/true);
  Wrote();
  return Done{};
}

Result<bool> ObjectStorage::DeleteNow(Bytes key) {
  LIMPET_TRY(std::optional<Bytes> value, GetNow(key));
  if (!value) return false;
  cache_.Delete(std::move(key), /*confirmed=*/true);
  Wrote();
  return true;
}

void ObjectStorage::ServeWaiting() {
  // An answer runs a turn, which may add to the list or end everything: start anew after each.
  for (auto waiting = waiting_.begin(); waiting != waiting_.end() && !shut_;) {
    bool ready = waiting->write > 0 ? waiting->write <= cache_.durable() : cache_.dirty_bytes() <= kDirtyBytesMax;
    if (!ready) {
      ++waiting;
      continue;
    }
    UniqueFunction<void()> answer = std::move(waiting->answer);
    waiting_.erase(waiting);
    answer();
    waiting = waiting_.begin();
  }
}

// --- Transactions and commits

void ObjectStorage::WantFlush() {
  if (cache_.has_sealed() || cache_.has_hollow()) host_.WantFlush();
}

uint32_t ObjectStorage::BeginTransaction() {
  bool commits_sql = cache_.depth() == 0 && !LIMPET_MUTANT(sql_burst_in_transaction);
  if (shut_ || (commits_sql && !CommitSql())) return 0;
  uint32_t depth = cache_.Begin();
  sql_.Begin();
  WantFlush();
  return depth;
}

uint32_t ObjectStorage::BeginSyncTransaction() {
  if (shut_) return 0;
  uint32_t depth = cache_.Begin(WriteCache::Extent::kJoinsBurst);
  sql_.Begin();
  return depth;
}

Result<Done> ObjectStorage::CommitTransaction() {
  if (shut_) return *shut_;
  if (cache_.depth() > 0) {
    if (Result<Done> released = sql_.Release(); !released.has_value()) {
      cache_.Rollback();
      TransactionEnded(/*committed=*/false);
      return released;
    }
  }
  LIMPET_TRY(Done done, cache_.Commit());
  TransactionEnded(/*committed=*/true);
  if (cache_.depth() == 0 && !cache_.joins_burst()) {
    if (!CommitSql()) return *shut_;
    cache_.Seal();
  }
  Wrote();
  WantFlush();
  return done;
}

void ObjectStorage::RollbackTransaction() {
  if (shut_ || cache_.depth() == 0) return;
  bool whole_burst = cache_.depth() == 1 && !cache_.joins_burst();
  cache_.Rollback();
  TransactionEnded(/*committed=*/false);
  whole_burst |= cache_.depth() == 0 && LIMPET_MUTANT(sql_rollback_takes_burst);
  Result<Done> rolled_back = LIMPET_MUTANT(sql_rollback_keeps_rows) ? sql_.Release() : sql_.Rollback(whole_burst);
  if (!rolled_back.has_value()) host_.CannotCommit(rolled_back.error());
}

bool ObjectStorage::CommitSql() {
  Result<Done> committed = sql_.CommitBurst();
  if (LIMPET_MUTANT(sql_failure_ignored)) return true;
  if (!committed.has_value()) host_.CannotCommit(committed.error());
  return committed.has_value();
}

Result<sql::Database*> ObjectStorage::Sql() {
  if (shut_) return *shut_;
  if (cache_.dirty_bytes() > kSqlDirtyBytesMax) {
    return Error(ErrorCode::kOverloaded,
                 "Too much of what this Durable Object has written is not on disk yet. Await storage.sync() between "
                 "large writes.");
  }
  LIMPET_TRY(sql::Database * database, sql_.Open());
  // Others, or pairs, may have taken what was left, or given it back.
  if (host_.quota().shared() || SqlNearsQuota()) {
    LIMPET_TRY(uint64_t most, SqlBytesMax());
    database->SetBytesMax(most);
  }
  return database;
}

void ObjectStorage::Seal() {
  if (shut_) return;
  if (cache_.depth() == 0 && !LIMPET_MUTANT(sql_burst_forgotten) && !CommitSql()) return;
  cache_.Seal();
  WantFlush();
}

void ObjectStorage::AddName(std::vector<store::Write>* writes) {
  const std::optional<std::string>& name = host_.name();
  bool puts = std::ranges::any_of(*writes, [](const store::Write& w) { return w.kind == store::Write::Kind::kPut; });
  if (!puts) return;
  named_ = true;
  if (!name || name->size() > store::kNameBytesMax) return;
  Result<std::optional<Bytes>> stored = session_.TryGet(id_, store::Space::kMeta, store::kNameKey);
  if (stored.has_value() && stored.value() == *name) return;
  writes->push_back({store::Write::Kind::kPut, store::Space::kMeta, Bytes(store::kNameKey), *name});
}

void ObjectStorage::Flush() {
  if (shut_) return;
  if (cache_.SettleHollow()) {
    host_.WritesDurable(cache_.durable());
    ServeWaiting();
  }
  SendSealed();
}

void ObjectStorage::SendSealed() {
  if (shut_ || !cache_.has_sealed()) return;
  // A read shows the state as of its call. Later writes must not reach the store while it is under way.
  bool early = !reads_.empty() && cache_.sealed_last() > reads_.front().at;
  if (early && !LIMPET_MUTANT(read_sees_later_write)) return;
  // A batch under an older claim may yet be refused for its age; a later one under the renewed claim must not land
  // then.
  const store::Claim& claim = host_.claim();
  bool renewed = claim.epoch != sent_epoch_ || claim.valid_until != sent_valid_until_;
  if (commits_ > 0 && renewed) return;
  if (Result<Done> fits = CheckUnread(); !fits.has_value()) {
    (void)cache_.TakeSealed();  // No other way sends it: none of it may land.
    return host_.CannotCommit(fits.error());
  }
  sent_epoch_ = claim.epoch;
  sent_valid_until_ = claim.valid_until;
  WriteCache::Batch batch = cache_.TakeSealed();
  if (!named_) AddName(&batch.writes);
  uint64_t last = batch.last;
  size_t bytes = batch.bytes;
  std::optional<AlarmChange> alarm = batch.alarm ? AlarmIn(batch.writes) : std::nullopt;
  auto send = [&](std::vector<store::Write> writes, uint64_t upto, size_t size) {
    ++commits_;
    session_.Commit(host_.claim(), {id_, std::move(writes)}, [this, upto, size, alarm](Result<uint64_t> result) {
      if (alarm) host_.AlarmChanged(result.has_value() ? *alarm : AlarmChange{.known = false});
      OnCommit(upto, size, std::move(result));
    });
  };
  bool split = LIMPET_MUTANT(burst_split) && batch.writes.size() > 1;
  split |= LIMPET_MUTANT(delete_all_split) && batch.writes.size() > 1 &&
           batch.writes.front().kind == store::Write::Kind::kClear;
  split |=
      LIMPET_MUTANT(sql_pages_apart) && batch.writes.size() > 1 && batch.writes.back().space == store::Space::kPage;
  if (split) {
    std::vector<store::Write> first;
    first.push_back(std::move(batch.writes.front()));
    batch.writes.erase(batch.writes.begin());
    send(std::move(first), cache_.durable(), 0);
  }
  send(std::move(batch.writes), last, bytes);
  if (LIMPET_MUTANT(acknowledge_early)) host_.WritesDurable(last);
  host_.CommitSent();
}

void ObjectStorage::OnCommit(uint64_t last, size_t bytes, Result<uint64_t> result) {
  --commits_;
  if (LIMPET_MUTANT(failed_write_ignored) && !result.has_value()) result = 1;
  if (!result.has_value()) return host_.Settled(&result.error());
  if (shut_) return host_.Settled(nullptr);
  if (last > cache_.durable()) cache_.Durable(last, bytes);
  (void)cache_.SettleHollow();
  host_.WritesDurable(std::max(last, cache_.durable()));
  ServeWaiting();
  if (cache_.has_sealed()) host_.WantFlush();
  host_.Settled(nullptr);
}

void ObjectStorage::Shut(const Error& error) {
  if (shut_) return;
  shut_ = std::make_unique<Error>(error);
  if (LIMPET_MUTANT(abort_keeps_writes)) {
    cache_.Seal();
    shut_.reset();
    Flush();
    shut_ = std::make_unique<Error>(error);
  }
  if (LIMPET_MUTANT(old_write_lands_late) && cache_.has_sealed()) {
    session_.Commit(host_.claim(), {id_, cache_.TakeSealed().writes}, [](Result<uint64_t>) {});
  }
  sql_.Close();
  cache_.DropUnsealed();
  waiting_.clear();
}

}  // namespace limpet::object
