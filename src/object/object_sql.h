// The SQL database of an object: opened on first use, over the write cache and the store. What SQL changes in a burst
// joins the burst's other writes when it is sealed.
#pragma once

#include <memory>

#include "base/ids.h"
#include "object/write_cache.h"
#include "sql/database.h"
#include "store/engine.h"

namespace limpet::object {

// One thread. `host`, the cache, the session and the id outlive it.
class ObjectSql final : sql::Pages {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    virtual Result<uint64_t> SqlBytesMax() = 0;  // How large the database may be now.
    // So many bytes of pages; none: it is about to. The write cache has a number for it.
    virtual void SqlWrote(uint64_t bytes) = 0;
  };
  ObjectSql(Host& host, WriteCache& cache, store::Session& session, const ObjectId& id)
      : host_(host), cache_(cache), session_(session), id_(id) {}

  // Errors: kCorrupt, kUnavailable (try again).
  Result<sql::Database*> Open();
  sql::Database* database() { return database_.get(); }  // Null: not open.
  bool in_transaction() const { return database_ != nullptr && database_->in_transaction(); }

  // Follow the write cache's.
  void Begin() {
    if (database_ != nullptr) database_->Begin();
  }
  Result<Done> Release() { return database_ == nullptr ? Done{} : database_->Release(); }
  Result<Done> Rollback(bool whole_burst);
  // Outside of savepoints: what was changed is in the write cache, in the burst under way. An error: reset the object.
  Result<Done> CommitBurst() { return database_ == nullptr ? Done{} : database_->Commit(); }

  // There may be pages, of this database or in the store.
  bool MayHavePages();
  // Forgets what is not committed. A statement that runs (this is inside of it, from its interrupt) is ended first; the
  // database then goes with this.
  void Close();

 private:
  Result<bool> ReadPage(uint32_t number, std::span<char, sql::kPageBytes> into) override;
  void WritePages(std::vector<sql::PageWrite> pages) override;
  void WriteBegins() override;

  Host& host_;
  WriteCache& cache_;
  store::Session& session_;
  const ObjectId& id_;
  std::unique_ptr<sql::Database> database_;
};

}  // namespace limpet::object
