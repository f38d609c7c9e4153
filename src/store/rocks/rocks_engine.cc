#include "store/rocks/rocks_engine.h"

#include <rocksdb/options.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "loop/pool.h"
#include "store/limits.h"
#include "store/rocks/committer.h"
#include "store/rocks/database.h"
#include "store/rocks/folder.h"
#include "store/rocks/keys.h"
#include "store/session_link.h"

namespace limpet::store {
namespace {

using rocks::CommitAnswer;
using rocks::Committer;
using rocks::Database;
using rocks::Port;

// Callbacks stay here, on the loop's thread; other threads know them by ticket.
class RocksSession final : public Session, private rocks::CommitReceiver {
 public:
  RocksSession(Database& database, Committer& committer, loop::Pool& pool, std::atomic<int64_t>& sessions,
               loop::Loop& loop)
      : database_(database),
        committer_(committer),
        pool_(pool),
        sessions_(sessions),
        loop_(loop),
        link_(std::make_shared<SessionLink>(loop)),
        port_(std::make_shared<Port>(Port{link_, this})),
        failures_heard_(committer.Register(port_)) {
    sessions_.fetch_add(1);
  }
  ~RocksSession() override {
    HandOver();
    link_->Close();
    sessions_.fetch_sub(1);
  }

  Result<std::optional<Bytes>> TryGet(const ObjectId& object, Space space, BytesView key) override {
    return rocks::ReadValue(database_, rocks::PairKey(object, space, key), rocksdb::kBlockCacheTier);
  }

  void Get(const ObjectId& object, Space space, Bytes key, OnValue done) override {
    uint64_t ticket = next_ticket_++;
    values_.emplace(ticket, std::move(done));
    pool_.Run([this, link = link_, &database = database_, ticket, record = rocks::PairKey(object, space, key)] {
      link->Post([this, ticket, read = rocks::ReadValue(database, record, rocksdb::kReadAllTier)]() mutable {
        Answer(values_, ticket, std::move(read));
      });
    });
  }

  Result<ScanPage> TryScan(const ObjectId& object, const ScanOptions& options) override {
    return rocks::ReadRange(database_, object, options, rocksdb::kBlockCacheTier);
  }

  void Scan(const ObjectId& object, ScanOptions options, OnPage done) override {
    uint64_t ticket = next_ticket_++;
    pages_.emplace(ticket, std::move(done));
    pool_.Run([this, link = link_, &database = database_, ticket, object, options = std::move(options)] {
      link->Post([this, ticket, read = rocks::ReadRange(database, object, options, rocksdb::kReadAllTier)]() mutable {
        Answer(pages_, ticket, std::move(read));
      });
    });
  }

  void ScanAlarms(std::optional<AlarmEntry> after, size_t limit, OnAlarms done) override {
    uint64_t ticket = next_ticket_++;
    alarms_.emplace(ticket, std::move(done));
    pool_.Run([this, link = link_, &database = database_, ticket, after, limit] {
      link->Post([this, ticket, read = rocks::ReadAlarms(database, after, limit, false)]() mutable {
        Answer(alarms_, ticket, std::move(read));
      });
    });
  }

  Result<std::optional<Bytes>> ReadNow(const ObjectId& object, Space space, BytesView key) override {
    return rocks::ReadValue(database_, rocks::PairKey(object, space, key), rocksdb::kReadAllTier);
  }

  Result<ScanPage> ScanNow(const ObjectId& object, const ScanOptions& options) override {
    return rocks::ReadRange(database_, object, options, rocksdb::kReadAllTier);
  }

  Result<Totals> TotalsNow(const ObjectId& object) override {
    Totals totals;
    if (!KeepsHistory(object.ns)) return totals;
    committer_.AddSums(object.ns, &totals);
    LIMPET_TRY(std::optional<Bytes> read,
               rocks::ReadValue(database_, rocks::CommitNumberKey(object), rocksdb::kReadAllTier));
    if (!read) return totals;
    std::optional<rocks::ObjectRecord> record = rocks::DecodeObject(*read);
    if (!record) return Error(ErrorCode::kCorrupt, "a commit number that is none");
    totals.commits = record->number;
    if (record->bytes) {
      totals.object = *record->bytes;
    } else {
      LIMPET_TRY(totals.object, rocks::CountObject(database_, object));
    }
    return totals;
  }

  void Mark(const ObjectId& object, OnMark done) override {
    uint64_t ticket = next_ticket_++;
    marks_.emplace(ticket, std::move(done));
    committer_.Mark(object, [this, link = link_, ticket](Result<HistoryMark> mark) mutable {
      link->Post([this, ticket, mark = std::move(mark)]() mutable { Answer(marks_, ticket, std::move(mark)); });
    });
  }

  void Commit(const Claim& claim, ObjectBatch batch, OnCommit done) override {
    auto builds_on_failed = [&](const Outstanding& failed) { return failed.object == batch.object; };
    if (std::any_of(failing_.begin(), failing_.end(), builds_on_failed)) {
      failing_.push_back({batch.object, std::move(done)});
      return;
    }
    uint64_t ticket = next_ticket_++;
    commits_.emplace(ticket, Outstanding{batch.object, std::move(done)});
    if (Result<Done> checked = CheckBatch(batch); !checked) {
      link_->Post(
          [this, ticket, error = std::move(checked).error()]() mutable { AnswerCommit({ticket, std::move(error)}); });
      return;
    }
    if (outgoing_.empty()) {
      loop_.AtTurnEnd([this, link = link_] {
        if (link->open()) HandOver();
      });
    }
    outgoing_.push_back({ticket, claim, std::move(batch)});
  }

 private:
  struct Outstanding {
    ObjectId object;
    OnCommit done;
  };

  void HandOver() {
    if (!outgoing_.empty()) committer_.Hand({port_, failures_heard_, std::exchange(outgoing_, {})});
  }

  void Answered(std::vector<CommitAnswer> answers) override {
    std::shared_ptr<SessionLink> link = link_;  // A callback may destroy this session.
    for (CommitAnswer& answer : answers) {
      if (!link->open()) return;
      AnswerCommit(std::move(answer));
    }
  }

  void AnswerCommit(CommitAnswer answer) {
    auto found = commits_.find(answer.ticket);
    if (found == commits_.end()) return;  // HearFailures answered it.
    OnCommit done = std::move(found->second.done);
    commits_.erase(found);
    done(std::move(answer.result));
  }

  void HearFailures(uint64_t count) override {
    failures_heard_ = count;
    outgoing_.clear();
    for (auto& [ticket, outstanding] : std::exchange(commits_, {})) failing_.push_back(std::move(outstanding));
    TellFailing();
  }

  // What an object commits while a failed batch of its is still untold fails, too. That may be in one of these calls,
  // so the list may grow: one round a turn.
  void TellFailing() {
    std::shared_ptr<SessionLink> link = link_;
    for (size_t round = failing_.size(); round > 0; --round) {
      OnCommit done = std::move(failing_.front().done);
      failing_.pop_front();
      done(Error(ErrorCode::kUnavailable, "the disk failed a write; whether this one is stored is not known"));
      if (!link->open()) return;
    }
    if (!failing_.empty()) link->Post([this] { TellFailing(); });
  }

  template <typename Callbacks, typename Value>
  static void Answer(Callbacks& callbacks, uint64_t ticket, Value value) {
    auto found = callbacks.find(ticket);
    LIMPET_CHECK(found != callbacks.end());
    auto done = std::move(found->second);
    callbacks.erase(found);
    done(std::move(value));
  }

  Database& database_;
  Committer& committer_;
  loop::Pool& pool_;
  std::atomic<int64_t>& sessions_;
  loop::Loop& loop_;
  std::shared_ptr<SessionLink> link_;
  std::shared_ptr<Port> port_;
  uint64_t failures_heard_;
  uint64_t next_ticket_ = 1;
  std::unordered_map<uint64_t, OnValue> values_;
  std::unordered_map<uint64_t, OnPage> pages_;
  std::unordered_map<uint64_t, OnAlarms> alarms_;
  std::unordered_map<uint64_t, OnMark> marks_;
  std::map<uint64_t, Outstanding> commits_;
  std::deque<Outstanding> failing_;  // To be told so.
  std::vector<rocks::Handover::Commit> outgoing_;
};

class RocksEngine final : public Engine {
 public:
  RocksEngine(RocksOptions options, std::unique_ptr<rocks::Folder> folder)
      : options_(std::move(options)),
        folder_(std::move(folder)),
        database_(options_),
        committer_(std::make_unique<Committer>(options_, *folder_, database_, [this](NamespaceId ns) { Reclaim(ns); })),
        reclaimer_(std::make_unique<loop::Pool>(1)),
        pool_(std::make_unique<loop::Pool>(options_.pool_threads)) {}
  ~RocksEngine() override {
    LIMPET_CHECK(sessions_.load() == 0);
    stopping_ = true;
    pool_.reset();
    if (Database::Use use = database_.Enter()) use->DisableManualCompaction();
    committer_->Stop();
    reclaimer_.reset();
    database_.Close();
  }

  Result<Done> Start() { return committer_->Start(); }

  std::unique_ptr<Session> Attach(loop::Loop& loop) override {
    return std::make_unique<RocksSession>(database_, *committer_, *pool_, sessions_, loop);
  }

  Result<Claim> Acquire(uint32_t partition) override { return committer_->Acquire(partition); }

  void DropNamespace(NamespaceId ns, loop::Loop& loop, UniqueFunction<void(Result<Done>)> done) override {
    committer_->Drop(ns, [&loop, done = std::move(done)](Result<Done> dropped) mutable {
      loop.Post([done = std::move(done), dropped = std::move(dropped)]() mutable { done(std::move(dropped)); });
    });
  }

  Result<std::vector<ObjectId>> ListObjects(NamespaceId ns, std::optional<ObjectId> after, size_t limit) override {
    if (ns == kEngineNamespace) return std::vector<ObjectId>();
    return rocks::ReadObjects(database_, ns, after, limit);
  }

  void CountTogether(const std::vector<NamespaceId>& namespaces) override { committer_->CountTogether(namespaces); }

  std::map<NamespaceId, uint64_t> Stored() override { return committer_->Stored(); }

  std::string Statistics() override {
    std::string text;
    Database::Use use = database_.Enter();
    if (!use) return text;
    for (const char* name :
         {"estimate-num-keys", "cur-size-all-mem-tables", "total-sst-files-size", "live-sst-files-size",
          "block-cache-usage", "num-running-compactions", "estimate-pending-compaction-bytes"}) {
      uint64_t value = 0;
      if (use->GetIntProperty(std::string("rocksdb.") + name, &value))
        text += std::string(name) + " " + std::to_string(value) + "\n";
    }
    return text;
  }

 private:
  // Gives the space of a dropped namespace back. (DeleteFilesInRange would be faster, but may delete the tombstone and
  // leave a key that it covers, in a file that reaches beyond the range.)
  void Reclaim(NamespaceId ns) {
    if (stopping_) return;  // The marker stays: the next start does it.
    reclaimer_->Run([this, ns] {
      if (!ReclaimAlarms(ns)) return;
      Database::Use use = database_.Enter();
      if (!use || stopping_) return;
      const Bytes start = rocks::NamespaceStart(ns);
      const Bytes end = rocks::NamespaceStart({ns.value + 1});
      const rocksdb::Slice from(start), to(end);
      rocksdb::CompactRangeOptions options;
      options.exclusive_manual_compaction = false;
      options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
      if (use->CompactRange(options, &from, &to).ok()) committer_->Reclaimed(ns);
    });
  }

  // The index of alarms is by time: those of one namespace are found by reading all of it. False: not now.
  bool ReclaimAlarms(NamespaceId ns) {
    constexpr size_t kPage = 4096;
    std::optional<AlarmEntry> after;
    for (;;) {
      Result<AlarmPage> page = rocks::ReadAlarms(database_, after, kPage, true);
      if (!page || stopping_) return false;
      if (!page.value().empty()) after = page.value().back();
      bool last = page.value().size() < kPage;
      std::erase_if(page.value(), [ns](const AlarmEntry& entry) { return entry.object.ns != ns; });
      if (!page.value().empty()) committer_->ForgetAlarms(std::move(page).value());
      if (last) return true;
    }
  }

  const RocksOptions options_;
  std::unique_ptr<rocks::Folder> folder_;
  Database database_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<loop::Pool> reclaimer_;
  std::unique_ptr<loop::Pool> pool_;
  std::atomic<int64_t> sessions_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace

Result<std::unique_ptr<Engine>> OpenRocksEngine(RocksOptions options) {
  LIMPET_CHECK(options.logger != nullptr && options.counters != nullptr && options.clock != nullptr);
  std::string dir = options.dir;
  Result<std::unique_ptr<rocks::Folder>> folder = rocks::Folder::Open(dir);
  if (!folder) return std::move(folder).error().While("open the store");
  auto engine = std::make_unique<RocksEngine>(std::move(options), std::move(folder).value());
  if (Result<Done> started = engine->Start(); !started) return std::move(started).error().While("open the store");
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace limpet::store
