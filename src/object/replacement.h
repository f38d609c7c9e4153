// Replaces all that an object stores by what a source gives, while no instance of it lives: whole or not at all.
//
// What fits into one commit is one. Else the first commit records that a replacement is under way, and how to undo it
// (PendingRestore); the last one strikes the record off. A record that is found later, after a crash or a failed
// undoing, is carried out before anything else is done with the object. (docs/decisions/0012.)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "loop/loop.h"
#include "object/alarm_change.h"
#include "object/bookmark.h"
#include "object/content_source.h"
#include "object/quota.h"
#include "object/restore.h"
#include "store/engine.h"

namespace limpet::object {

// Lives as long as somebody holds it, on the session's loop; destroyed early, it leaves the record behind.
class Replacement final : public std::enable_shared_from_this<Replacement> {
 public:
  struct Options {
    bool only_if_new = false;
    size_t commit_bytes = kRestoreCommitBytes;
    Quota quota = {};
    std::string name = {};  // Stored with it; empty: what is known of the object's name stays.
  };
  // The alarm, if it may have changed, and how it ended. Errors: kConflict (`only_if_new`, and the object stores
  // something; the object stores something, and without history it could not be had back), kOverloaded (a quota, or
  // more than kUndoKeysMax keys), those of the source and of Commit. After an error the object is as before, or will
  // be when it is used next.
  using OnDone = UniqueFunction<void(std::optional<AlarmChange>, Result<Done>)>;

  // Session and claim outlive this.
  Replacement(loop::Loop& loop, store::Session& session, const store::Claim& claim, const ObjectId& id,
              std::shared_ptr<ContentSource> source, Options options, OnDone done)
      : loop_(loop),
        session_(session),
        claim_(claim),
        id_(id),
        source_(std::move(source)),
        options_(std::move(options)),
        done_(std::move(done)) {}

  // No record of another one is left.
  void Start();
  // It ends soon, with kUnavailable; what it has begun is undone when the object is used next.
  void Stop() { stopping_ = true; }

 private:
  void Looked(const Result<store::ScanPage>& page);
  void Marked(Result<store::HistoryMark> mark);
  void Pull();
  void Pulled(Result<ContentSource::Slice> slice);
  Result<Done> Count(const ContentSource::Slice& slice);
  Result<Done> Begin(const ContentSource::Slice& first);
  void ClearOld();
  void OldRead(Result<store::ScanPage> page);
  void Put(ContentSource::Slice slice);
  void Commit(std::vector<store::Write> writes, void (Replacement::*then)());
  void Finish();
  void Undo(Error why);
  void Fail(Error error);

  loop::Loop& loop_;
  store::Session& session_;
  const store::Claim& claim_;
  const ObjectId id_;
  const std::shared_ptr<ContentSource> source_;
  const Options options_;
  OnDone done_;
  bool stopping_ = false;
  bool stores_ = false;         // The object stored something.
  size_t looks_left_ = 0;       // Of the spaces.
  store::Totals before_;        // What it stored.
  uint64_t moment_ = 0;         // ... and when; 0: the engine keeps no history.
  uint64_t bytes_ = 0;          // Of what came so far.
  size_t keys_ = 0;             // Of pairs, that were changed.
  bool touched_ = false;        // A commit was sent.
  bool staged_ = false;         // It is more than one.
  PendingRestore record_;       // If so.
  ContentSource::Slice first_;  // While the old pairs and pages go.
  store::ScanOptions old_;
  AlarmChange alarm_;
};

}  // namespace limpet::object
