// The time machine, as an instance sees it: names for its states, and the wish to begin with one of them next time.
#include <utility>

#include "object/bookmark.h"
#include "object/mutations.h"
#include "object/object_storage.h"

namespace limpet::object {

// Writes that come after the call reach the store after the mark: it is one of this instance's own states.
void ObjectStorage::Mark(OnMark done, uint32_t tries) {
  ReadId read = BeginRead();
  session_.Mark(id_, [this, read, tries, done = std::move(done)](Result<store::HistoryMark> mark) mutable {
    EndRead(read);
    if (shut_) return;
    bool again = !mark.has_value() && mark.error().code() == ErrorCode::kUnavailable && tries < kReadTriesMax;
    if (!again) return done(std::move(mark));
    TryAgain(mark.error(), tries,
             [this, tries, done = std::move(done)]() mutable { Mark(std::move(done), tries + 1); });
  });
}

Storage::Now<std::string> ObjectStorage::CurrentBookmark(const InputLock& lock, OnAnswer<std::string> done) {
  if (shut_) return *shut_;
  auto ask = [this, next = Hold(lock, false), done = std::move(done)]() mutable {
    Mark([this, next = std::move(next), done = std::move(done)](Result<store::HistoryMark> mark) mutable {
      if (!mark.has_value()) return Answer<std::string>(std::move(next), std::move(done), std::move(mark).error());
      Answer<std::string>(std::move(next), std::move(done), FormatBookmark(id_, {.moment = mark.value().now}));
    });
  };
  bool waits = cache_.last_write() > cache_.durable() && !LIMPET_MUTANT(bookmark_before_durable);
  if (waits) {
    waiting_.push_back({cache_.last_write(), std::move(ask)});
  } else {
    ask();
  }
  return std::nullopt;
}

Storage::Now<std::string> ObjectStorage::BookmarkForTime(const InputLock& lock, int64_t ms,
                                                         OnAnswer<std::string> done) {
  if (shut_) return *shut_;
  uint64_t at = ms < 0 ? 0 : static_cast<uint64_t>(ms);
  Mark([this, at, next = Hold(lock, false), done = std::move(done)](Result<store::HistoryMark> mark) mutable {
    if (!mark.has_value()) return Answer<std::string>(std::move(next), std::move(done), std::move(mark).error());
    if (Result<Done> checked = CheckBookmark({.moment = at}, mark.value()); !checked.has_value()) {
      return Answer<std::string>(std::move(next), std::move(done), std::move(checked).error());
    }
    ReadId read = BeginRead();
    session_.Scan(id_, LastRecordUpTo(at),
                  [this, at, read, mark = mark.value(), next = std::move(next),
                   done = std::move(done)](Result<store::ScanPage> page) mutable {
                    EndRead(read);
                    Result<std::string> text = std::string();
                    if (page.has_value()) {
                      std::optional<Bytes> before;
                      if (!page.value().pairs.empty()) before = page.value().pairs[0].first;
                      Result<uint64_t> moment = MomentAt(at, before, mark);
                      text = moment.has_value() ? Result(FormatBookmark(id_, {.moment = moment.value()}))
                                                : Result<std::string>(std::move(moment).error());
                    } else {
                      text = std::move(page).error();
                    }
                    Answer<std::string>(std::move(next), std::move(done), std::move(text));
                  });
  });
  return std::nullopt;
}

// A write like others: it can be rolled back. It is answered when it is durable, because what follows is an abort,
// which takes back what is not. (In a transaction nothing is, before its end.)
Storage::Now<std::string> ObjectStorage::RestoreOnNextStart(const InputLock& lock, const std::string& bookmark,
                                                            OnAnswer<std::string> done) {
  if (shut_) return *shut_;
  LIMPET_TRY(Bookmark target, ParseBookmark(id_, bookmark));
  Mark([this, target, next = Hold(lock, false), done = std::move(done)](Result<store::HistoryMark> mark) mutable {
    Result<Done> checked = mark.has_value() ? CheckBookmark(target, mark.value()) : Result<Done>(mark.error());
    if (!checked.has_value()) return Answer<std::string>(std::move(next), std::move(done), std::move(checked).error());
    const uint64_t asked = mark.value().now;
    bool open = cache_.has_open();
    cache_.PutMeta(Bytes(kRestoreKey), EncodeRestore({.target = target, .asked = asked}));
    Wrote();
    if (!open) Seal();
    auto answer = [this, asked, next = std::move(next), done = std::move(done)]() mutable {
      Answer<std::string>(std::move(next), std::move(done), FormatBookmark(id_, {.moment = asked, .undo = true}));
    };
    if (shut_) return;
    if (cache_.depth() > 0 || LIMPET_MUTANT(restore_told_before_durable)) return answer();
    waiting_.push_back({cache_.last_write(), std::move(answer)});
  });
  return std::nullopt;
}

}  // namespace limpet::object
