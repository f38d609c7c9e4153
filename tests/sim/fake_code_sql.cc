// SQL of the simulated objects. What a statement changes is in the shadow as soon as it has succeeded.
#include <algorithm>

#include "sim/fake_code.h"
#include "sql/cursor.h"

namespace limpet::sim {
namespace {

constexpr char kSchema[] =
    "CREATE TABLE IF NOT EXISTS t(k TEXT PRIMARY KEY, v TEXT,"
    "  needs TEXT REFERENCES t(k) DEFERRABLE INITIALLY DEFERRED);"
    "CREATE INDEX IF NOT EXISTS t_v ON t(v)";
constexpr int kManyRows = 12;
constexpr size_t kManyBytes = 700;

}  // namespace

Result<FakeCode::Rows> FakeCode::Sql(const std::string& text, std::vector<sql::Binding> bindings) {
  LIMPET_TRY(sql::Database * database, instance_.storage().Sql());
  database->SetInterrupt([this] {
    if (place_->interrupts && place_->depth < 3) {
      ++place_->depth;
      place_->loop->RunReady();
      --place_->depth;
    }
    return instance_.broken();
  });
  Rows rows;
  auto run = [&]() -> Result<Done> {
    LIMPET_TRY(std::unique_ptr<sql::Cursor> cursor, database->Exec(text, bindings));
    while (cursor->has_row()) {
      std::vector<std::string>& row = rows.emplace_back();
      for (size_t i = 0; i < cursor->columns()->size(); ++i) row.emplace_back(cursor->Text(i));
      LIMPET_TRY(Done next, cursor->Next());
      (void)next;
    }
    return Done{};
  };
  Result<Done> done = run();
  lost_sql_ |= database->lost();
  if (!done.has_value()) return std::move(done).error();
  return rows;
}

void FakeCode::CheckSqlError(const Error& error) {
  if (error.code() == ErrorCode::kUnavailable) return;
  constexpr std::string_view kPage = "read page ";
  size_t at = error.message().find(kPage);
  uint32_t page = 0;
  if (at != std::string::npos) page = static_cast<uint32_t>(std::stoul(error.message().substr(at + kPage.size())));
  bool named = error.code() == ErrorCode::kCorrupt && place_->damaged(instance_.id(), page);
  if (!named) place_->model->Violate("SQL failed for a reason that is none: " + error.ToString());
}

bool FakeCode::DoSql(const RunRef& run, Step step, Lock& lock) {
  Result<Done> done = SqlStep(run, step, lock);
  if (done.has_value()) return !instance_.broken();
  if (!instance_.broken()) CheckSqlError(done.error());
  Fail(run, lock);
  return false;
}

Result<Done> FakeCode::SqlStep(const RunRef& run, Step step, Lock& lock) {
  bool reads = step.op == Op::kSqlRead || step.op == Op::kSqlRefused || step.op == Op::kSqlLong;
  if (!reads && (!shadow_.contains(kSchemaKey) || step.number % 4 == 0)) {
    LIMPET_TRY(Rows none, Sql(kSchema));
    (void)none;
    if (shadow_.emplace(kSchemaKey, "").second) {
      LIMPET_TRY(Done numbered, SqlNumber());
      (void)numbered;
    }
  }
  std::string key = "r" + std::to_string(step.number % 3);
  std::string filler(step.number / 4 % 3 == 0 ? step.number / 16 % 6000 : 0, 'x');
  switch (step.op) {
    case Op::kSqlPut: return SqlWrite(key, "row" + filler);
    case Op::kSqlDelete: return SqlWrite(step.number / 4 % 3 == 0 ? "m" : key, std::nullopt);
    case Op::kSqlMany: return SqlMany(step.number);
    case Op::kSqlRead: return SqlRead(step.number);
    case Op::kSqlRefused: return SqlRefused();
    case Op::kSqlLong: return SqlLong();
    case Op::kSqlSync: return SqlSync(step.number, lock);
    case Op::kSqlPair: {
      LIMPET_TRY(Done first, SqlWrite("p0", "pair"));
      LIMPET_TRY(first, SqlWrite("p1", "pair"));
      return first;
    }
    case Op::kSqlMixed: {
      bool early = step.number / 4 % 2 == 0;
      if (early) Write(lock, "k1", "mixed");
      LIMPET_TRY(Done wrote, SqlWrite(key, "mixed" + filler));
      if (!early) Write(lock, "k1", "mixed");
      if (step.number / 8 % 2 == 0) DoAlarm(run, {Op::kSetAlarm, step.number / 16}, lock);
      return wrote;
    }
    default:  // kSqlViolate
      LIMPET_TRY(Rows none, Sql("INSERT OR REPLACE INTO t(k, v, needs) VALUES('bad', '', 'nobody')"));
      (void)none;
      shadow_[RowKey(kBadRow)] = "";
      dirty_ = true;
      return Done{};
  }
}

Result<Done> FakeCode::SqlNumber() {
  uint64_t number = place_->model->NextWrite();
  std::string text = std::to_string(number);
  LIMPET_TRY(Rows none, Sql("INSERT OR REPLACE INTO t(k, v) VALUES('#w', ?)", {std::string_view(text)}));
  (void)none;
  shadow_[RowKey(kWriteKey)] = text;
  dirty_ = true;
  (before_.empty() ? confirmed_ : transaction_confirmed_) = number;
  return Done{};
}

Result<Done> FakeCode::SqlWrite(const std::string& key, std::optional<std::string> value) {
  LIMPET_TRY(Done numbered, SqlNumber());
  if (!value) {
    std::string end = key + "~";
    LIMPET_TRY(Rows none, Sql("DELETE FROM t WHERE k BETWEEN ? AND ?", {std::string_view(key), std::string_view(end)}));
    (void)none;
    std::erase_if(shadow_, [&](const auto& pair) { return pair.first.starts_with(RowKey(key)); });
    return numbered;
  }
  *value += shadow_[RowKey(kWriteKey)];
  std::string_view needs = "p1";
  std::vector<sql::Binding> bindings = {std::string_view(key), std::string_view(*value), std::monostate()};
  if (key == "p0") bindings.back() = needs;
  LIMPET_TRY(Rows none, Sql("INSERT OR REPLACE INTO t(k, v, needs) VALUES(?, ?, ?)", std::move(bindings)));
  (void)none;
  shadow_[RowKey(key)] = Short(*value);
  return numbered;
}

Result<Done> FakeCode::SqlMany(uint32_t number) {
  LIMPET_TRY(Done numbered, SqlNumber());
  std::string text = std::to_string(number) + std::string(kManyBytes, 'm');
  LIMPET_TRY(Rows none,
             Sql("WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                     std::to_string(9 + kManyRows) + ") INSERT OR REPLACE INTO t(k, v) SELECT 'm' || i, i || ? FROM n",
                 {std::string_view(text)}));
  (void)none;
  for (int i = 10; i < 10 + kManyRows; ++i) shadow_[RowKey("m" + std::to_string(i))] = Short(std::to_string(i) + text);
  return numbered;
}

Result<Done> FakeCode::SqlRefused() {
  if (!shadow_.contains(kSchemaKey)) return SqlRead(0);
  if (!shadow_.contains(RowKey(kWriteKey))) return Done{};
  Result<Rows> rows = Sql("INSERT INTO t(k, v) VALUES('half', 'a row'), ('#w', 'the number is there already')");
  if (rows.has_value()) {
    place_->model->Violate("a row was taken whose key is there");
    return Done{};
  }
  if (rows.error().code() != ErrorCode::kScript) return std::move(rows).error();
  if (rows.error().message().find("UNIQUE constraint failed: t.k") == std::string::npos) CheckSqlError(rows.error());
  return Done{};
}

Result<Done> FakeCode::SqlRead(uint32_t number) {
  bool by_index = number % 2 == 0;
  Result<Rows> rows = Sql(by_index ? "SELECT k, v FROM t INDEXED BY t_v WHERE v >= ''" : "SELECT k, v FROM t");
  if (!shadow_.contains(kSchemaKey)) {
    if (rows.has_value()) {
      place_->model->Violate("a table is there that nobody made");
      return Done{};
    }
    if (rows.error().code() != ErrorCode::kScript) return std::move(rows).error();
    if (rows.error().message().find("no such table: t") == std::string::npos) CheckSqlError(rows.error());
    return Done{};
  }
  if (!rows.has_value()) return std::move(rows).error();
  Pairs got, want;
  for (const auto& row : rows.value()) got[RowKey(row[0])] = Short(row[1]);
  for (const auto& [key, value] : shadow_) {
    if (key.starts_with(kRowPrefix)) want.emplace(key, value);
  }
  if (got != want) place_->model->Violate("SELECT answered other rows than were written");
  return Done{};
}

void FakeCode::EndBurst() {
  if (shadow_.contains(kSchemaKey) && place_->loop->random().Below(4) == 0) {
    Result<Done> wrote = SqlWrite("r1", "before");
    if (!wrote.has_value()) CheckSqlError(wrote.error());
  }
  if (Doomed()) return WillReset();
  Completed();
}

// Whatever happens meanwhile, it is in one state.
Result<Done> FakeCode::SqlLong() {
  if (!shadow_.contains(kSchemaKey)) return Done{};
  std::string before = std::to_string(
      std::ranges::count_if(shadow_, [](const auto& pair) { return pair.first.starts_with(kRowPrefix); }));
  LIMPET_TRY(Rows rows, Sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) "
                            "SELECT max(i) || '', (SELECT count(*) FROM t) || '' FROM n"));
  if (rows[0][1] != before) place_->model->Violate("a query saw what came after its beginning");
  return Done{};
}

// Begins, writes, and ends in the same turn.
Result<Done> FakeCode::SqlSync(uint32_t number, Lock& lock) {
  Pairs before = shadow_;
  uint64_t confirmed = confirmed_, transaction_confirmed = transaction_confirmed_;
  object::Storage& storage = instance_.storage();
  storage.BeginSyncTransaction();
  bool commits = number % 2 == 0;
  auto inside = [&]() -> Result<Done> {
    if (number / 2 % 2 == 0) Write(lock, "k2", "sync");
    LIMPET_TRY(Done done, SqlWrite("r0", "sync"));
    if (number > 0 && number / 4 % 3 == 0) {
      LIMPET_TRY(done, SqlSync(number / 16, lock));
    }
    if (!commits && number / 4 % 3 == 1) {
      LIMPET_TRY(Rows none, Sql("INSERT OR REPLACE INTO t(k, v, needs) VALUES('bad', '', 'nobody')"));
      (void)none;
    }
    if (number / 4 % 2 == 0) Write(lock, "k3", "sync");
    LIMPET_TRY(done, SqlWrite("r2", "sync"));
    return done;
  };
  Result<Done> done = inside();
  if (instance_.broken()) return done;
  if (done.has_value() && commits) return storage.CommitTransaction();
  storage.RollbackTransaction();
  shadow_ = std::move(before);
  confirmed_ = confirmed;
  transaction_confirmed_ = transaction_confirmed;
  return done;
}

}  // namespace limpet::sim
