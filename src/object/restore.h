// Leads an object back to an earlier state: commits of what history says, while no instance of it lives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "object/alarm_change.h"
#include "object/bookmark.h"
#include "object/quota.h"
#include "store/engine.h"
#include "store/history.h"

namespace limpet::object {

// One restore. It lives in the callbacks of the session, on its loop, and goes with it.
class Restore final : public std::enable_shared_from_this<Restore> {
 public:
  struct Outcome {
    std::optional<AlarmChange> alarm;  // If it may have changed.
    uint64_t before = 0;               // The moment that leads back to what was there.
    std::optional<Error> refused;      // A restore that was recorded can't be done any more: it was struck off instead.
  };
  // An error: kUnavailable and the like, to be tried again, with what was recorded still there; or, if it was not
  // recorded, those of CheckBookmark and CheckReplacement: nothing was changed.
  using OnDone = UniqueFunction<void(Result<Outcome>)>;

  struct Options {
    bool recorded = false;  // The record of the restore is in the store.
    size_t commit_bytes = kRestoreCommitBytes;
    Quota quota = {};
  };
  // Session and claim outlive this.
  static void Run(store::Session& session, const store::Claim& claim, const ObjectId& id, PendingRestore restore,
                  Options options, OnDone done);

  Restore(store::Session& session, const store::Claim& claim, const ObjectId& id, PendingRestore restore,
          Options options, OnDone done)
      : session_(session), claim_(claim), id_(id), restore_(restore), options_(options), done_(std::move(done)) {}

 private:
  void UndoneRead(Result<std::optional<Bytes>> read);
  void Marked(Result<store::HistoryMark> mark);
  // Where the target leads, or why nowhere; nothing: the restore whose undoing it is never came.
  Result<std::optional<uint64_t>> Resolve(const store::HistoryMark& mark) const;
  // Nobody may see the half of it, whatever is in the way.
  bool must_end() const { return restore_.kind != PendingRestore::Kind::kRestore; }
  // A restore that can't be done is struck off its record; one without a record, or that must end, fails.
  void GiveUp(Error why);
  // Before the first change, if there are quotas: what the object would store. First from above, which needs no more
  // than history; then what is there and stays is counted. In restore_measure.cc.
  void Measure(store::ScanOptions at);
  void Measured(store::ScanOptions at, Result<store::ScanPage> page);
  void MeasureNext(store::ScanOptions at);
  void StrikeOff(Error why);
  void Empty();
  void Scan();
  void Scanned(Result<store::ScanPage> page);
  void Change(store::Write write);
  void Finish();
  void Commit(UniqueFunction<void()> then);
  void Fail(Error error) { done_(std::move(error)); }

  store::Session& session_;
  const store::Claim& claim_;
  const ObjectId id_;
  PendingRestore restore_;
  Options options_;
  OnDone done_;
  Undone undone_;
  store::Undo undo_;
  std::unique_ptr<store::Undo> measuring_;
  uint64_t measured_ = 0;  // Bytes.
  store::ScanOptions next_;
  std::vector<store::Write> writes_;
  size_t bytes_ = 0;
  Outcome outcome_;
};

}  // namespace limpet::object
