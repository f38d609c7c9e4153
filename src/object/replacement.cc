#include "object/replacement.h"

#include <utility>

#include "object/mutations.h"
#include "store/names.h"

namespace limpet::object {
namespace {

using store::Space;
using store::Write;

constexpr Space kContent[] = {Space::kKv, Space::kPage, Space::kAlarm};

Error Stopping() { return Error(ErrorCode::kUnavailable, "The server is shutting down.").With(Error::kRetryable); }

}  // namespace

void Replacement::Start() {
  Result<store::Totals> totals = session_.TotalsNow(id_);
  if (!totals.has_value()) return Fail(std::move(totals).error());
  before_ = totals.value();
  looks_left_ = std::size(kContent);
  for (Space space : kContent) {
    store::ScanOptions one;
    one.space = space;
    one.limit = 1;
    session_.Scan(id_, one, [self = shared_from_this()](Result<store::ScanPage> page) { self->Looked(page); });
  }
}

void Replacement::Looked(const Result<store::ScanPage>& page) {
  if (looks_left_ == 0) return;
  if (!page.has_value()) {
    looks_left_ = 0;
    return Fail(page.error());
  }
  stores_ = stores_ || !page.value().pairs.empty();
  if (--looks_left_ > 0) return;
  if (stores_ && options_.only_if_new) {
    return Fail(Error(ErrorCode::kConflict, "The Durable Object stores something already."));
  }
  session_.Mark(id_, [self = shared_from_this()](Result<store::HistoryMark> mark) { self->Marked(std::move(mark)); });
}

void Replacement::Marked(Result<store::HistoryMark> mark) {
  if (!mark.has_value() && mark.error().code() != ErrorCode::kConflict) return Fail(std::move(mark).error());
  if (mark.has_value()) moment_ = mark.value().now;
  Pull();
}

void Replacement::Pull() {
  source_->Next([&loop = loop_, self = weak_from_this()](Result<ContentSource::Slice> slice) mutable {
    loop.Post([self = std::move(self), slice = std::move(slice)]() mutable {
      if (std::shared_ptr<Replacement> alive = self.lock()) alive->Pulled(std::move(slice));
    });
  });
}

void Replacement::Pulled(Result<ContentSource::Slice> slice) {
  if (stopping_) return Fail(Stopping());
  if (!slice.has_value()) return Undo(std::move(slice).error());
  if (Result<Done> counted = Count(slice.value()); !counted.has_value()) return Undo(std::move(counted).error());
  if (staged_) return Put(std::move(slice).value());
  if (Result<Done> begun = Begin(slice.value()); !begun.has_value()) return Fail(std::move(begun).error());
  if (!staged_ || !stores_) return Put(std::move(slice).value());
  first_ = std::move(slice).value();
  old_.space = kContent[0];
  old_.bytes_max = options_.commit_bytes;
  old_.once = true;
  ClearOld();
}

Result<Done> Replacement::Count(const ContentSource::Slice& slice) {
  for (const Write& write : slice.writes) {
    if (write.space == Space::kAlarm) {
      alarm_.at_ms = static_cast<int64_t>(ReadBigEndian64(write.value));
    } else {
      bytes_ += write.key.size() + write.value.size();
    }
    keys_ += write.space == Space::kKv ? 1 : 0;
  }
  Result<Done> fits = CheckReplacement(options_.quota, before_, bytes_);
  return fits.has_value() ? fits : Error(ErrorCode::kOverloaded, fits.error().message());
}

// One commit does if there is no more, and little to be cleared: a clear of much may lose what was there before.
Result<Done> Replacement::Begin(const ContentSource::Slice& first) {
  staged_ = !first.last || before_.object.sum() > options_.commit_bytes;
  if (!staged_) return Done{};
  if (stores_ && moment_ == 0) {
    return Error(ErrorCode::kConflict,
                 "The server keeps no history: what the object stores could not be had back if this failed half way. "
                 "Delete the object first.");
  }
  bool filled = moment_ == 0;
  record_.kind = filled ? PendingRestore::Kind::kFilled : PendingRestore::Kind::kReplaced;
  record_.target.moment = moment_;
  return Done{};
}

// Key by key, since a clear of much keeps no history.
void Replacement::ClearOld() {
  session_.Scan(id_, old_,
                [self = shared_from_this()](Result<store::ScanPage> page) { self->OldRead(std::move(page)); });
}

void Replacement::OldRead(Result<store::ScanPage> page) {
  if (stopping_) return Fail(Stopping());
  if (!page.has_value()) return Undo(std::move(page).error());
  std::vector<Write> writes;
  for (auto& [key, value] : page.value().pairs) {
    writes.push_back({Write::Kind::kDelete, old_.space, std::move(key), {}});
  }
  if (old_.space == Space::kKv) keys_ += writes.size();
  if (keys_ > store::kUndoKeysMax) {
    return Undo(Error(ErrorCode::kOverloaded, "More than " + std::to_string(store::kUndoKeysMax) + " pairs change."));
  }
  if (!page.value().complete) {
    old_.start = writes.back().key + '\0';
  } else if (old_.space != kContent[std::size(kContent) - 1]) {
    old_.space = old_.space == kContent[0] ? kContent[1] : kContent[2];
    old_.start.clear();
  } else {
    ContentSource::Slice first = std::move(first_);
    first.writes.insert(first.writes.begin(), std::make_move_iterator(writes.begin()),
                        std::make_move_iterator(writes.end()));
    return Put(std::move(first));
  }
  Commit(std::move(writes), &Replacement::ClearOld);
}

void Replacement::Put(ContentSource::Slice slice) {
  std::vector<Write> writes = std::move(slice.writes);
  if (!staged_ && stores_) {
    std::vector<Write> clear;
    for (Space space : kContent) clear.push_back({Write::Kind::kClear, space, {}, {}});
    writes.insert(writes.begin(), clear.begin(), clear.end());
  }
  if (slice.last && !options_.name.empty() && options_.name.size() <= store::kNameBytesMax) {
    writes.push_back({Write::Kind::kPut, Space::kMeta, Bytes(store::kNameKey), options_.name});
  }
  if (slice.last && !LIMPET_MUTANT(replacement_comes_undone)) {
    writes.push_back({Write::Kind::kDelete, Space::kMeta, Bytes(kRestoreKey), {}});
  }
  Commit(std::move(writes), slice.last ? &Replacement::Finish : &Replacement::Pull);
}

void Replacement::Commit(std::vector<Write> writes, void (Replacement::*then)()) {
  if (writes.empty()) return (this->*then)();
  bool records = staged_ && !touched_ && !LIMPET_MUTANT(replacement_not_recorded);
  if (records) {
    writes.insert(writes.begin(), {Write::Kind::kPut, Space::kMeta, Bytes(kRestoreKey), EncodeRestore(record_)});
  }
  touched_ = true;
  session_.Commit(claim_, {id_, std::move(writes)},
                  [self = shared_from_this(), then](Result<uint64_t> committed) mutable {
                    if (!committed.has_value()) return self->Undo(std::move(committed).error());
                    (self.get()->*then)();
                  });
}

void Replacement::Finish() { std::exchange(done_, {})(alarm_, Done{}); }

void Replacement::Fail(Error error) {
  std::optional<AlarmChange> alarm;
  if (touched_) alarm = AlarmChange{.known = false};
  std::exchange(done_, {})(alarm, std::move(error));
}

// If that fails, too, the record is still there: whoever comes next makes another try.
void Replacement::Undo(Error why) {
  if (!touched_ || !staged_ || stopping_) return Fail(std::move(why));
  Restore::Run(session_, claim_, id_, record_, {true, options_.commit_bytes},
               [self = shared_from_this(), why = std::move(why)](Result<Restore::Outcome>) mutable {
                 self->Fail(std::move(why));
               });
}

}  // namespace limpet::object
