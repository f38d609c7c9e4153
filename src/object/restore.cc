#include "object/restore.h"

#include <algorithm>
#include <utility>

#include "object/mutations.h"

namespace limpet::object {
namespace {

using store::Space;
using store::Write;

}  // namespace

void Restore::Run(store::Session& session, const store::Claim& claim, const ObjectId& id, PendingRestore restore,
                  Options options, OnDone done) {
  auto self = std::make_shared<Restore>(session, claim, id, restore, options, std::move(done));
  if (restore.kind == PendingRestore::Kind::kFilled) return self->Empty();
  session.Get(id, Space::kMeta, Bytes(kUndoneKey),
              [self](Result<std::optional<Bytes>> read) { self->UndoneRead(std::move(read)); });
}

void Restore::UndoneRead(Result<std::optional<Bytes>> read) {
  if (!read.has_value()) return Fail(std::move(read).error());
  if (read.value()) {
    Result<Undone> undone = DecodeUndone(*read.value());
    if (!undone.has_value()) return Fail(std::move(undone).error());
    undone_ = std::move(undone).value();
  }
  session_.Mark(id_, [self = shared_from_this()](Result<store::HistoryMark> mark) { self->Marked(std::move(mark)); });
}

Result<std::optional<uint64_t>> Restore::Resolve(const store::HistoryMark& mark) const {
  uint64_t moment = restore_.target.moment;
  if (restore_.target.undo) {
    auto found = std::ranges::find(undone_, moment, &Undone::value_type::first);
    if (found == undone_.end()) return std::optional<uint64_t>();
    moment = found->second;
  }
  // What has begun must end, though its moment may have grown too old meanwhile: records outlast the window.
  if (restore_.begun == 0 && !must_end()) {
    LIMPET_TRY(Done checked, CheckBookmark({.moment = moment}, mark));
    (void)checked;
  }
  return std::optional<uint64_t>(moment);
}

void Restore::Marked(Result<store::HistoryMark> mark) {
  if (!mark.has_value()) {
    // Without history, what was kept before is still there, and nothing is added to it.
    if (mark.error().code() != ErrorCode::kConflict) return Fail(std::move(mark).error());
    if (!must_end()) return GiveUp(std::move(mark).error());
    mark = store::HistoryMark{.now = UINT64_MAX - 1};
  }
  Result<std::optional<uint64_t>> moment = Resolve(mark.value());
  if (!moment.has_value()) return GiveUp(std::move(moment).error());
  if (!moment.value() && !options_.recorded)
    return Fail(Error::Script("Error", "The restore of this bookmark never came."));
  const bool fresh = restore_.begun == 0;
  if (fresh || LIMPET_MUTANT(restore_forgets_its_begin)) restore_.begun = mark.value().now;
  outcome_.before = restore_.begun;
  if (!moment.value()) return Finish();
  next_.space = Space::kHistory;
  next_.start = store::Undo::Start(*moment.value());
  if (LIMPET_MUTANT(restore_misses_a_slot)) next_.start = store::Undo::Start(*moment.value() + 5);
  next_.end = store::Undo::Start(restore_.begun);
  next_.bytes_max = options_.commit_bytes / 4;
  next_.once = true;
  if (!fresh || must_end() || options_.quota.none() || LIMPET_MUTANT(restore_over_quota)) return Scan();
  measuring_ = std::make_unique<store::Undo>();
  Measure(next_);
}

void Restore::GiveUp(Error why) {
  return options_.recorded && !must_end() ? StrikeOff(std::move(why)) : Fail(std::move(why));
}

// It is as if the object had never been.
void Restore::Empty() {
  outcome_.alarm = AlarmChange{};
  for (Space space : {Space::kKv, Space::kPage, Space::kAlarm, Space::kHistory}) {
    writes_.push_back({Write::Kind::kClear, space, {}, {}});
  }
  Finish();
}

void Restore::StrikeOff(Error why) {
  outcome_.refused = std::move(why);
  writes_.clear();
  writes_.push_back({Write::Kind::kDelete, Space::kMeta, Bytes(kRestoreKey), {}});
  Commit([self = shared_from_this()] { self->done_(std::move(self->outcome_)); });
}

void Restore::Scan() {
  session_.Scan(id_, next_,
                [self = shared_from_this()](Result<store::ScanPage> page) { self->Scanned(std::move(page)); });
}

void Restore::Scanned(Result<store::ScanPage> page) {
  if (!page.has_value()) return Fail(std::move(page).error());
  std::vector<store::Undo::Change> changes;
  Result<Done> added = undo_.Add(page.value(), changes);
  if (!added.has_value()) return GiveUp(std::move(added).error());
  if (undo_.nothing()) {
    writes_.clear();
    outcome_.alarm = AlarmChange{};
    for (Space space : {Space::kKv, Space::kPage, Space::kAlarm}) {
      writes_.push_back({Write::Kind::kClear, space, {}, {}});
    }
    return Finish();
  }
  for (store::Undo::Change& change : changes) {
    if (LIMPET_MUTANT(restore_forgets_pages) && change.space == Space::kPage) continue;
    if (LIMPET_MUTANT(restore_keeps_new_keys) && !change.before) continue;
    Change({change.before ? Write::Kind::kPut : Write::Kind::kDelete, change.space, std::move(change.key),
            std::move(change.before).value_or(Bytes())});
  }
  if (page.value().complete) return Finish();
  next_.start = page.value().pairs.back().first + '\0';
  if (bytes_ < options_.commit_bytes) return Scan();
  writes_.push_back({Write::Kind::kPut, Space::kMeta, Bytes(kRestoreKey), EncodeRestore(restore_)});
  options_.recorded = true;
  Commit([self = shared_from_this()] { self->Scan(); });
}

void Restore::Change(store::Write write) {
  if (write.space == Space::kAlarm) {
    if (LIMPET_MUTANT(restore_forgets_alarm)) return;
    outcome_.alarm = AlarmChange{};
    if (write.kind == Write::Kind::kPut) outcome_.alarm->at_ms = static_cast<int64_t>(ReadBigEndian64(write.value));
  }
  bytes_ += write.key.size() + write.value.size();
  writes_.push_back(std::move(write));
}

void Restore::Finish() {
  // Also of one that was recorded before this one came from outside: the last counts.
  if (!LIMPET_MUTANT(restore_comes_again)) {
    writes_.push_back({Write::Kind::kDelete, Space::kMeta, Bytes(kRestoreKey), {}});
  }
  if (restore_.asked != 0 && !LIMPET_MUTANT(restore_not_undone)) {
    undone_.emplace_back(restore_.asked, restore_.begun);
    if (undone_.size() > kUndoneMax) undone_.erase(undone_.begin());
    writes_.push_back({Write::Kind::kPut, Space::kMeta, Bytes(kUndoneKey), EncodeUndone(undone_)});
  }
  Commit([self = shared_from_this()] { self->done_(std::move(self->outcome_)); });
}

void Restore::Commit(UniqueFunction<void()> then) {
  bytes_ = 0;
  if (writes_.empty()) return then();
  session_.Commit(claim_, {id_, std::exchange(writes_, {})},
                  [self = shared_from_this(), then = std::move(then)](Result<uint64_t> committed) mutable {
                    if (!committed.has_value()) return self->Fail(std::move(committed).error());
                    then();
                  });
}

}  // namespace limpet::object
