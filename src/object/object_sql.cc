#include "object/object_sql.h"

#include <utility>

#include "base/check.h"
#include "object/mutations.h"
#include "sql/page_record.h"

namespace limpet::object {

Result<sql::Database*> ObjectSql::Open() {
  if (database_ != nullptr) return database_.get();
  sql::DatabaseOptions options;
  LIMPET_TRY(options.database_bytes_max, host_.SqlBytesMax());
#ifdef LIMPET_MUTANTS
  if (ActiveMutations().sql_cache_bytes > 0) options.cache_bytes = ActiveMutations().sql_cache_bytes;
#endif
  LIMPET_TRY(database_, sql::Database::Open(*this, options));
  for (uint32_t i = 0; i < cache_.depth(); ++i) database_->Begin();
  return database_.get();
}

Result<Done> ObjectSql::Rollback(bool whole_burst) {
  if (database_ == nullptr) return Done{};
  return whole_burst ? database_->RollbackAll() : database_->Rollback();
}

bool ObjectSql::MayHavePages() {
  if (database_ != nullptr || cache_.has_pages()) return true;
  Bytes first;
  AppendBigEndian64(first, 1);
  Result<std::optional<Bytes>> page = session_.TryGet(id_, store::Space::kPage, first);
  return !page.has_value() || page.value().has_value();
}

void ObjectSql::Close() {
  if (database_ == nullptr) return;
  if (database_->running()) return database_->Interrupt();
  database_.reset();
}

Result<bool> ObjectSql::ReadPage(uint32_t number, std::span<char, sql::kPageBytes> into) {
  WriteCache::PageLookup pending = cache_.FindPage(number);
  if (pending.known) {
    if (pending.content != nullptr) LIMPET_CHECK(sql::UnpackPage(*pending.content, into));
    return pending.content != nullptr;
  }
  Result<std::optional<Bytes>> read = session_.ReadPage(id_, number);
  if (LIMPET_MUTANT(sql_damage_is_empty) && !read.has_value()) return false;
  LIMPET_TRY(std::optional<Bytes> stored, std::move(read));
  if (!stored) return false;
  if (!sql::UnpackPage(*stored, into))
    return Error(ErrorCode::kCorrupt, "its record of " + std::to_string(stored->size()) + " bytes is none");
  return true;
}

void ObjectSql::WritePages(std::vector<sql::PageWrite> pages) {
  uint64_t bytes = 0;
  for (sql::PageWrite& page : pages) {
    Bytes packed = page.content.empty() ? Bytes() : sql::PackPage(page.content);
    if (!packed.empty()) bytes += sizeof(uint64_t) + packed.size();
    cache_.PutPage(page.number, std::move(packed));
  }
  host_.SqlWrote(bytes);
}

void ObjectSql::WriteBegins() {
  if (LIMPET_MUTANT(sql_write_unannounced)) return;
  cache_.Reserve(/*confirmed=*/true);
  host_.SqlWrote(0);
}

}  // namespace limpet::object
