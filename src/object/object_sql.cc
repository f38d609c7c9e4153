#include "object/object_sql.h"

#include <cstring>
#include <utility>

namespace limpet::object {

Result<sql::Database*> ObjectSql::Open() {
  if (database_ != nullptr) return database_.get();
  LIMPET_TRY(database_, sql::Database::Open(*this));
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
    if (pending.content != nullptr) std::memcpy(into.data(), pending.content->data(), into.size());
    return pending.content != nullptr;
  }
  LIMPET_TRY(std::optional<Bytes> stored, session_.ReadPage(id_, number));
  if (!stored) return false;
  if (stored->size() != into.size())
    return Error(ErrorCode::kCorrupt, "it has " + std::to_string(stored->size()) + " bytes");
  std::memcpy(into.data(), stored->data(), into.size());
  return true;
}

void ObjectSql::WritePages(std::vector<sql::PageWrite> pages) {
  for (sql::PageWrite& page : pages) cache_.PutPage(page.number, std::move(page.content));
  host_.SqlWrote();
}

void ObjectSql::WriteBegins() {
  cache_.Reserve(/*confirmed=*/true);
  host_.SqlWrote();
}

}  // namespace limpet::object
