// What is done to an object's storage between two instances of it: deletes, restores, replacements.
#include <utility>

#include "base/check.h"
#include "object/alarm_record.h"
#include "object/mutations.h"
#include "object/shard_impl.h"

namespace limpet::object {
namespace {

Error Reset(std::string why) {
  return Error(ErrorCode::kUnavailable, "Durable Object reset because " + std::move(why))
      .With(Error::kRetryable)
      .With(Error::kObjectReset);
}

std::string ShownId(const ObjectId& id) { return ToHex(BytesView(reinterpret_cast<const char*>(id.base.data()), 8)); }

UniqueFunction<void(Result<uint64_t>)> WithoutNumber(UniqueFunction<void(Result<Done>)> done) {
  return [done = std::move(done)](Result<uint64_t> result) mutable {
    done(result.has_value() ? Result<Done>(Done{}) : Result<Done>(std::move(result).error()));
  };
}

}  // namespace

void ShardImpl::Delete(const ObjectId& id, UniqueFunction<void(Result<Done>)> done) {
  AddUpkeep(id, {.done = WithoutNumber(std::move(done))}, Reset("it was deleted."));
}

void ShardImpl::RestoreTo(const ObjectId& id, Bookmark target, UniqueFunction<void(Result<uint64_t>)> done) {
  AddUpkeep(id, {.target = target, .done = std::move(done)}, Reset("its storage was restored to an earlier state."));
}

void ShardImpl::Apply(const ObjectId& id, Change change, UniqueFunction<void(Result<Done>)> done) {
  AddUpkeep(id, {.change = std::move(change), .done = WithoutNumber(std::move(done))},
            Reset("its storage was replaced."));
}

// Whoever uses the object has settled it, or does so first.
void ShardImpl::Settle(const ObjectId& id, UniqueFunction<void(Result<Done>)> done) {
  if (Find(id) != nullptr || LIMPET_MUTANT(nothing_settled)) {
    return deferred_.Later([done = std::move(done)]() mutable { done(Done{}); });
  }
  AddUpkeep(id, {.settles = true, .done = WithoutNumber(std::move(done))}, Reset("its storage was settled."));
}

void ShardImpl::AddUpkeep(const ObjectId& id, Upkeep upkeep, Error reset) {
  if (draining_ && !LIMPET_MUTANT(delete_while_draining)) {  // It might count as drained already.
    return deferred_.Later([done = std::move(upkeep.done)]() mutable {
      done(Error(ErrorCode::kUnavailable, "The server is shutting down.").With(Error::kRetryable));
    });
  }
  Slot& slot = FindOrMake(id);
  slot.upkeep.push_back(std::move(upkeep));
  if (slot.instance != nullptr && LIMPET_MUTANT(restore_beside_instance)) return StartUpkeep(slot);
  if (LIMPET_MUTANT(delete_before_settled) && !slot.busy) StartUpkeep(slot);
  if (slot.instance != nullptr && !LIMPET_MUTANT(delete_spares_instance)) slot.instance->Break(std::move(reset));
  CheckLater(slot);
}

void ShardImpl::FailUpkeep(Slot& slot, const Error& error) {
  for (Upkeep& upkeep : std::exchange(slot.upkeep, {})) {
    deferred_.Later([done = std::move(upkeep.done), error]() mutable { done(error); });
  }
}

// No instance lives, and none of its commits is on the way.
void ShardImpl::StartUpkeep(Slot& slot) {
  DropSockets(slot);
  slot.busy = true;
  slot.no_restore = false;
  const Upkeep& first = slot.upkeep.front();
  if (!first.target && first.change.content == nullptr && !first.settles) return DeleteNow(slot.id);
  session_->Get(slot.id, store::Space::kMeta, Bytes(kRestoreKey),
                [this, id = slot.id](Result<std::optional<Bytes>> record) { SettleFirst(id, std::move(record)); });
}

// What is half done is undone before anything else; and what is replaced has no restore before it any more.
void ShardImpl::SettleFirst(const ObjectId& id, Result<std::optional<Bytes>> record) {
  Slot* slot = Find(id);
  LIMPET_CHECK(slot != nullptr && slot->busy && !slot->upkeep.empty());
  if (!record.has_value()) return UpkeepEnded(id, std::move(record).error());
  if (!record.value() && slot->upkeep.front().settles) return StrikeOff(id);
  if (!record.value()) return RunUpkeep(id);
  Result<PendingRestore> restore = DecodeRestore(*record.value());
  if (!restore.has_value()) return UpkeepEnded(id, std::move(restore).error());
  const Upkeep& first = slot->upkeep.front();
  const bool asked = restore.value().kind == PendingRestore::Kind::kRestore;
  if (asked && first.target) return RunUpkeep(id);
  // The object's next instance begins with it, as its script was told.
  if (asked && restore.value().begun == 0 && first.settles) return UpkeepEnded(id, uint64_t{0});
  Restore::Run(*session_, claim_, id, restore.value(), {true, options_.restore_commit_bytes, options_.quota},
               [this, id](Result<Restore::Outcome> ended) {
                 AlarmChanged(id, {.known = false});
                 if (ended.has_value()) return RunUpkeep(id);
                 UpkeepEnded(id, std::move(ended).error());
               });
}

// The index of what is half done (store/unsettled.h) knew more than there is.
void ShardImpl::StrikeOff(const ObjectId& id) {
  std::vector<store::Write> writes;
  writes.push_back({store::Write::Kind::kDelete, store::Space::kMeta, Bytes(kRestoreKey), {}});
  session_->Commit(claim_, {id, std::move(writes)},
                   [this, id](Result<uint64_t> result) { UpkeepEnded(id, std::move(result)); });
}

void ShardImpl::RunUpkeep(const ObjectId& id) {
  Slot* slot = Find(id);
  LIMPET_CHECK(slot != nullptr && slot->busy && !slot->upkeep.empty());
  Upkeep& first = slot->upkeep.front();
  if (first.settles) return UpkeepEnded(id, uint64_t{0});
  if (first.target) {
    return Restore::Run(*session_, claim_, id, {.target = *first.target},
                        {false, options_.restore_commit_bytes, options_.quota},
                        [this, id](Result<Restore::Outcome> ended) {
                          AlarmChange unknown{.known = false};
                          if (!ended.has_value()) AlarmChanged(id, unknown);
                          if (ended.has_value() && ended.value().alarm) AlarmChanged(id, *ended.value().alarm);
                          UpkeepEnded(id, ended.has_value() ? Result<uint64_t>(ended.value().before)
                                                            : Result<uint64_t>(std::move(ended).error()));
                        });
  }
  Replacement::Options options{first.change.only_if_new, options_.restore_commit_bytes, options_.quota,
                               std::move(first.change.name)};
  auto ended = [this, id](std::optional<AlarmChange> alarm, Result<Done> result) {
    if (alarm) AlarmChanged(id, *alarm);
    UpkeepEnded(id, result.has_value() ? Result<uint64_t>(0) : Result<uint64_t>(std::move(result).error()));
  };
  slot->replacement = std::make_shared<Replacement>(loop_, *session_, claim_, id, std::move(first.change.content),
                                                    std::move(options), std::move(ended));
  if (draining_) slot->replacement->Stop();
  slot->replacement->Start();
}

void ShardImpl::DeleteNow(const ObjectId& id) {
  std::vector<store::Write> writes;
  for (store::Space space :
       {store::Space::kKv, store::Space::kMeta, store::Space::kPage, store::Space::kAlarm, store::Space::kHistory}) {
    if (LIMPET_MUTANT(delete_spares_pages) && space == store::Space::kPage) continue;
    writes.push_back({store::Write::Kind::kClear, space, {}, {}});
  }
  session_->Commit(claim_, {id, std::move(writes)}, [this, id](Result<uint64_t> result) {
    AlarmChanged(id, result.has_value() ? AlarmChange{} : AlarmChange{.known = false});
    UpkeepEnded(id, std::move(result));
  });
}

void ShardImpl::UpkeepEnded(const ObjectId& id, Result<uint64_t> result) {
  Slot* slot = Find(id);
  LIMPET_CHECK(slot != nullptr && slot->busy && !slot->upkeep.empty());
  slot->busy = false;
  slot->replacement.reset();
  Upkeep ended = std::move(slot->upkeep.front());
  slot->upkeep.pop_front();
  CheckLater(*slot);
  ended.done(std::move(result));
}

// --- Restores that instances asked for

bool ShardImpl::RestoreFirst(Slot& slot) {
  if (std::exchange(slot.no_restore, false) || LIMPET_MUTANT(restore_skipped)) return false;
  Result<std::optional<Bytes>> record = session_->TryGet(slot.id, store::Space::kMeta, kRestoreKey);
  if (record.has_value() && !record.value()) return false;
  slot.busy = true;
  if (record.has_value()) {
    StartRestore(slot.id, std::move(record));
  } else {
    AskForRestore(slot.id, 1);
  }
  return true;
}

void ShardImpl::AskForRestore(const ObjectId& id, uint32_t tries) {
  session_->Get(id, store::Space::kMeta, Bytes(kRestoreKey),
                [this, id, tries](Result<std::optional<Bytes>> record) mutable {
                  bool again = !record.has_value() && record.error().code() == ErrorCode::kUnavailable;
                  if (!again || tries >= kReadTriesMax) return StartRestore(id, std::move(record));
                  loop_.After(kReadPauseFirst * (1u << (tries - 1)), [self = self_, id, tries] {
                    if (*self != nullptr) (*self)->AskForRestore(id, tries + 1);
                  });
                });
}

void ShardImpl::StartRestore(const ObjectId& id, Result<std::optional<Bytes>> record) {
  Slot* slot = Find(id);
  LIMPET_CHECK(slot != nullptr && slot->busy && slot->instance == nullptr);
  if (!record.has_value()) return RestoreEnded(id, std::move(record).error());
  if (!record.value()) {
    slot->busy = false;
    slot->no_restore = true;
    return CheckLater(*slot);
  }
  Result<PendingRestore> restore = DecodeRestore(*record.value());
  if (!restore.has_value()) return RestoreEnded(id, std::move(restore).error());
  Restore::Run(*session_, claim_, id, restore.value(), {true, options_.restore_commit_bytes, options_.quota},
               [this, id](Result<Restore::Outcome> ended) { RestoreEnded(id, std::move(ended)); });
}

void ShardImpl::RestoreEnded(const ObjectId& id, Result<Restore::Outcome> ended) {
  Slot* slot = Find(id);
  LIMPET_CHECK(slot != nullptr && slot->busy && slot->instance == nullptr);
  slot->busy = false;
  if (!ended.has_value()) {
    // It stays recorded: whoever comes next makes another try.
    AlarmChanged(id, {.known = false});
    Error why = WriteFailed(id, ended.error());
    FailInbox(*slot, why);
    return CheckLater(*slot);
  }
  if (ended.value().refused) {
    logger_.Write(LogLevel::kError, "object",
                  "a restore could not be done, the object starts with what is there; id = " + ShownId(id) + ": " +
                      ended.value().refused->message());
  }
  if (ended.value().alarm) AlarmChanged(id, *ended.value().alarm);
  slot->no_restore = true;
  CheckLater(*slot);
}

}  // namespace limpet::object
