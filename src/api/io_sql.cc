// Natives of state.storage.sql and state.storage.kv: what a script may not await. Rows cross as flat arrays of values.
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "api/crypto_support.h"
#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/values.h"
#include "sql/database.h"

namespace limpet::api {
namespace {

// What a script's cursor holds: boxes are freed on any thread, the cursor on the loop's.
struct CursorHandle {
  std::weak_ptr<IoContext> context;
  loop::Loop* loop;
  uint64_t number;
};

void ReleaseCursor(void* held) {
  std::unique_ptr<CursorHandle> handle(static_cast<CursorHandle*>(held));
  loop::Loop* loop = handle->loop;
  loop->Post([context = std::move(handle->context), number = handle->number] {
    if (std::shared_ptr<IoContext> alive = context.lock()) alive->cursors().Erase(number);
  });
}

// Null: an exception is pending.
sql::Cursor* CursorOf(Call& call, int index) {
  auto* handle = static_cast<CursorHandle*>(Unbox(call.args[index]));
  IoContext* context = IoContext::Current(call.scope.isolate());
  std::unique_ptr<sql::Cursor>* found =
      handle == nullptr || context == nullptr ? nullptr : context->cursors().Find(handle->number);
  if (found != nullptr) return found->get();
  js::ThrowError(call.scope.isolate(), kOtherContextError);
  return nullptr;
}

// Empty: an exception is pending.
v8::MaybeLocal<v8::Value> ValueOf(v8::Isolate* isolate, const sql::Cursor& cursor, size_t column) {
  switch (cursor.Type(column)) {
    case sql::ColumnType::kNull: return v8::Null(isolate).As<v8::Value>();
    case sql::ColumnType::kInteger:
      return v8::Number::New(isolate, static_cast<double>(cursor.Integer(column))).As<v8::Value>();
    case sql::ColumnType::kReal: return v8::Number::New(isolate, cursor.Real(column)).As<v8::Value>();
    case sql::ColumnType::kText: {
      BytesView text = cursor.Text(column);
      return js::IsAscii(text) ? js::FromLatin1(isolate, text).As<v8::Value>()
                               : js::FromUtf8(isolate, text).As<v8::Value>();
    }
    case sql::ColumnType::kBlob: {
      BytesView bytes = cursor.Blob(column);
      v8::Local<v8::ArrayBuffer> buffer;
      if (!NewBuffer(isolate, bytes.size()).ToLocal(&buffer)) return {};
      std::copy(bytes.begin(), bytes.end(), static_cast<char*>(buffer->Data()));
      return buffer.As<v8::Value>();
    }
  }
  return v8::Undefined(isolate).As<v8::Value>();
}

// Adds the row that the cursor stands on. False: an exception is pending.
bool AddRow(js::Scope& scope, const sql::Cursor& cursor, v8::LocalVector<v8::Value>& to) {
  for (size_t column = 0; column < cursor.columns()->size(); ++column) {
    v8::Local<v8::Value> value;
    if (!ValueOf(scope.isolate(), cursor, column).ToLocal(&value)) return false;
    to.push_back(value);
  }
  return true;
}

v8::Local<v8::Array> ToArray(js::Scope& scope, v8::LocalVector<v8::Value>& values) {
  return v8::Array::New(scope.isolate(), values.data(), values.size());
}

// The arguments of a statement; texts and bytes stay where they are until it has been run.
class Bindings {
 public:
  // Values are numbers, strings, null, undefined or bytes: the built-ins see to it.
  Bindings(Call& call, v8::Local<v8::Value> list) {
    if (!list->IsArray()) return;
    v8::Local<v8::Array> array = list.As<v8::Array>();
    values_.reserve(array->Length());
    for (uint32_t i = 0; i < array->Length(); ++i) {
      v8::Local<v8::Value> value;
      if (!array->Get(call.scope.context(), i).ToLocal(&value)) return;
      values_.push_back(Of(call, value));
    }
  }
  std::span<const sql::Binding> values() const { return values_; }

 private:
  sql::Binding Of(Call& call, v8::Local<v8::Value> value) {
    if (value->IsNumber()) return value.As<v8::Number>()->Value();
    if (value->IsString()) return std::string_view(texts_.emplace_back(js::ToUtf8(call.scope.isolate(), value)));
    if (js::IsBytes(value)) return sql::Blob{texts_.emplace_back(js::CopyBytes(value))};
    return std::monostate();
  }
  std::vector<sql::Binding> values_;
  std::deque<std::string> texts_;
};

// Null: an exception is pending.
sql::Database* DatabaseOf(Call& call, IoContext& context) {
  Result<sql::Database*> database = context.instance()->storage().Sql();
  if (!database.has_value()) {
    Throw(call.scope, database.error());
    return nullptr;
  }
  if (database.value()->has_interrupt()) return database.value();
  database.value()->SetInterrupt([isolate = &call.scope.host()] { return isolate->Poll(); });
  return database.value();
}

// sqlExec(owner, text, bindings): [columns, row | undefined, rowsRead, rowsWritten, box | undefined]
void SqlExec(const Arguments& args) {
  Call call(args);
  IoContext* context = call.OwnerContext(0);
  if (context == nullptr) return;
  sql::Database* database = DatabaseOf(call, *context);
  if (database == nullptr) return;
  v8::Isolate* isolate = call.scope.isolate();
  std::string text = call.Text(1);
  Bindings bindings(call, args[2]);
  Result<std::unique_ptr<sql::Cursor>> run = database->Exec(text, bindings.values());
  if (!run.has_value()) return Throw(call.scope, run.error());
  std::unique_ptr<sql::Cursor> cursor = std::move(run).value();
  v8::LocalVector<v8::Value> columns(isolate);
  for (const std::string& name : *cursor->columns()) columns.push_back(js::FromUtf8(isolate, name));
  v8::Local<v8::Value> row = v8::Undefined(isolate);
  v8::Local<v8::Value> box = row;
  auto read = static_cast<double>(cursor->rows_read());
  auto written = static_cast<double>(cursor->rows_written());
  if (cursor->has_row()) {
    v8::LocalVector<v8::Value> values(isolate);
    if (!AddRow(call.scope, *cursor, values)) return;
    row = ToArray(call.scope, values);
    uint64_t number = context->NextNumber();
    auto handle = std::make_unique<CursorHandle>(CursorHandle{context->weak_from_this(), context->host().loop, number});
    context->cursors().Emplace(number, std::move(cursor));
    if (!NewBox(isolate, handle.release(), ReleaseCursor).ToLocal(&box)) return;
  }
  v8::Local<v8::Value> parts[] = {ToArray(call.scope, columns), row, v8::Number::New(isolate, read),
                                  v8::Number::New(isolate, written), box};
  args.GetReturnValue().Set(v8::Array::New(isolate, parts, std::size(parts)));
}

// sqlStep(box): row | undefined. Leaves the row that the cursor stands on.
void SqlStep(const Arguments& args) {
  Call call(args);
  sql::Cursor* cursor = CursorOf(call, 0);
  if (cursor == nullptr) return;
  if (Result<Done> next = cursor->Next(); !next.has_value()) return Throw(call.scope, next.error());
  if (!cursor->has_row()) return;
  v8::LocalVector<v8::Value> values(call.scope.isolate());
  if (AddRow(call.scope, *cursor, values)) args.GetReturnValue().Set(ToArray(call.scope, values));
}

// sqlRest(box): all rows behind the one that the cursor stands on, flat.
void SqlRest(const Arguments& args) {
  Call call(args);
  sql::Cursor* cursor = CursorOf(call, 0);
  if (cursor == nullptr) return;
  v8::LocalVector<v8::Value> values(call.scope.isolate());
  for (;;) {
    if (Result<Done> next = cursor->Next(); !next.has_value()) return Throw(call.scope, next.error());
    if (!cursor->has_row()) break;
    if (!AddRow(call.scope, *cursor, values)) return;
  }
  args.GetReturnValue().Set(ToArray(call.scope, values));
}

// sqlCounts(box): [rowsRead, rowsWritten]
void SqlCounts(const Arguments& args) {
  Call call(args);
  sql::Cursor* cursor = CursorOf(call, 0);
  if (cursor == nullptr) return;
  v8::Isolate* isolate = call.scope.isolate();
  v8::Local<v8::Value> pair[] = {v8::Number::New(isolate, static_cast<double>(cursor->rows_read())),
                                 v8::Number::New(isolate, static_cast<double>(cursor->rows_written()))};
  args.GetReturnValue().Set(v8::Array::New(isolate, pair, 2));
}

// sqlEnd(box): its counts. Forgets the rows that are left.
void SqlEnd(const Arguments& args) {
  SqlCounts(args);
  auto* handle = static_cast<CursorHandle*>(Unbox(args[0]));
  IoContext* context = IoContext::Current(args.GetIsolate());
  if (handle != nullptr && context != nullptr) context->cursors().Erase(handle->number);
}

// sqlSize(owner): number
void SqlSize(const Arguments& args) {
  Call call(args);
  IoContext* context = call.OwnerContext(0);
  sql::Database* database = context == nullptr ? nullptr : DatabaseOf(call, *context);
  if (database == nullptr) return;
  Result<uint64_t> size = database->SizeBytes();
  if (!size.has_value()) return Throw(call.scope, size.error());
  args.GetReturnValue().Set(static_cast<double>(size.value()));
}

// kvGet(owner, key): unknown
void KvGet(const Arguments& args) {
  Call call(args);
  IoContext* context = call.OwnerContext(0);
  if (context == nullptr) return;
  std::string key = call.Text(1);
  if (!CheckKey(call, key)) return;
  Result<std::optional<Bytes>> stored = context->instance()->storage().GetNow(key);
  if (!stored.has_value()) return Throw(call.scope, stored.error());
  v8::Local<v8::Value> value;
  if (stored.value() && Deserialize(call.scope, *stored.value()).ToLocal(&value)) args.GetReturnValue().Set(value);
}

// kvPut(owner, key, value)
void KvPut(const Arguments& args) {
  Call call(args);
  IoContext* context = call.OwnerContext(0);
  if (context == nullptr) return;
  std::string key = call.Text(1);
  if (!CheckKey(call, key)) return;
  std::optional<Bytes> bytes = Serialize(call.scope, args[2]);
  if (!bytes || !CheckValue(call, *context, key, bytes->size(), true)) return;
  if (context->ended()) return;  // A getter of the value's may have ended the instance.
  Result<Done> put = context->instance()->storage().PutNow(std::move(key), *std::move(bytes));
  if (!put.has_value()) Throw(call.scope, put.error());
}

// kvDelete(owner, key): boolean
void KvDelete(const Arguments& args) {
  Call call(args);
  IoContext* context = call.OwnerContext(0);
  if (context == nullptr) return;
  std::string key = call.Text(1);
  if (!CheckKey(call, key)) return;
  Result<bool> existed = context->instance()->storage().DeleteNow(std::move(key));
  if (!existed.has_value()) return Throw(call.scope, existed.error());
  args.GetReturnValue().Set(existed.value());
}

v8::MaybeLocal<v8::Value> FlatPairs(js::Scope& scope, const object::Pairs& pairs) {
  std::vector<v8::Local<v8::Value>> flat;
  flat.reserve(pairs.size() * 2);
  for (auto& [key, bytes] : pairs) {
    v8::Local<v8::Value> value;
    if (!Deserialize(scope, bytes).ToLocal(&value)) return {};
    flat.push_back(js::FromUtf8(scope.isolate(), key));
    flat.push_back(value);
  }
  return v8::Array::New(scope.isolate(), flat.data(), flat.size()).As<v8::Value>();
}

// kvList(start, end, startAfter, prefix, reverse, limit): [key, value, …]
void KvList(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  object::ListOptions options = ReadListOptions(call);
  v8::Local<v8::Value> flat = v8::Array::New(call.scope.isolate());
  if (!options.end || *options.end > options.start) {
    Result<object::Pairs> pairs = context->instance()->storage().ListNow(std::move(options));
    if (!pairs.has_value()) return Throw(call.scope, pairs.error());
    if (!FlatPairs(call.scope, pairs.value()).ToLocal(&flat)) return;
  }
  args.GetReturnValue().Set(flat);
}

// kvChanges(): number. Another one when a pair may have changed.
void KvChanges(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context != nullptr) args.GetReturnValue().Set(static_cast<double>(context->instance()->storage().changes()));
}

}  // namespace

void AddSqlNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"sqlExec", SqlExec});
  natives.push_back({"sqlStep", SqlStep});
  natives.push_back({"sqlRest", SqlRest});
  natives.push_back({"sqlCounts", SqlCounts});
  natives.push_back({"sqlEnd", SqlEnd});
  natives.push_back({"sqlSize", SqlSize});
  natives.push_back({"kvGet", KvGet});
  natives.push_back({"kvPut", KvPut});
  natives.push_back({"kvDelete", KvDelete});
  natives.push_back({"kvList", KvList});
  natives.push_back({"kvChanges", KvChanges});
}

}  // namespace limpet::api
