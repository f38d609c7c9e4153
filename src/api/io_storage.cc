// Natives of state.storage: between JavaScript values and object::Storage.
#include <algorithm>
#include <utility>

#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/values.h"

namespace limpet::api {
namespace {

// spec/api.md section 5: what production allows. A class of new_classes has the limits of the key-value backend, one of
// new_sqlite_classes those of SQLite.
constexpr size_t kKeyMax = 2048;
constexpr size_t kValueMax = 131'072;
constexpr size_t kTagBytes = 32;  // What serialising adds is not counted, so that 128 KiB of bytes can be stored.
constexpr size_t kSqlitePairMax = 2 * 1024 * 1024;

object::ReadOptions Read(uint32_t flags) { return {(flags & 1) != 0, (flags & 4) != 0}; }
object::WriteOptions Write(uint32_t flags) {
  return {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, (flags & 8) != 0};
}

}  // namespace

bool CheckKey(Call& call, const std::string& key) {
  if (key.size() <= kKeyMax) return true;
  js::ThrowRangeError(call.scope.isolate(), "Keys cannot be larger than " + std::to_string(kKeyMax) +
                                                " bytes. A key of size " + std::to_string(key.size()) +
                                                " was provided.");
  return false;
}

bool CheckValue(Call& call, const IoContext& context, const std::string& key, size_t bytes, bool single) {
  if (context.sqlite()) {
    if (key.size() + bytes <= kSqlitePairMax) return true;
    js::ThrowError(call.scope.isolate(), "string or blob too big: SQLITE_TOOBIG");
    return false;
  }
  if (bytes <= kValueMax + kTagBytes) return true;
  std::string limit = std::to_string(kValueMax);
  js::ThrowRangeError(call.scope.isolate(),
                      single ? "Values cannot be larger than " + limit + " bytes. A value of size " +
                                   std::to_string(bytes) + " was provided."
                             : "Value for key \"" + key + "\" is above the limit of " + limit + " bytes.");
  return false;
}

namespace {

// What one storage call needs: a promise that is settled now or by number later.
template <typename T>
class Pending {
 public:
  using Convert = v8::MaybeLocal<v8::Value> (*)(js::Scope&, const T&);

  Pending(Call& call, IoContext& context, Convert convert)
      : call_(call), context_(context), convert_(convert), number_(context.NextNumber()) {}
  bool Start() {
    if (!v8::Promise::Resolver::New(call_.scope.context()).ToLocal(&resolver_)) return false;
    call_.args.GetReturnValue().Set(resolver_->GetPromise());
    return true;
  }
  // The callback for object::Storage.
  object::Storage::OnAnswer<T> Later() {
    return [weak = context_.weak_from_this(), number = number_, convert = convert_](Result<T> answer,
                                                                                    object::InputLock lock) mutable {
      std::shared_ptr<IoContext> self = weak.lock();
      if (!self) return;
      self->SettleUnder(number, std::move(lock),
                        [answer = std::move(answer), convert](js::Scope& scope) mutable -> v8::MaybeLocal<v8::Value> {
                          if (!answer.has_value()) return Throw(scope, answer.error()), v8::MaybeLocal<v8::Value>();
                          return convert(scope, answer.value());
                        });
    };
  }
  // What the storage returned at once, or not.
  void Finish(object::Storage::Now<T> now) {
    if (!now) return context_.HoldResolver(number_, resolver_);
    SettleWith(call_.scope, resolver_, [&](js::Scope& scope) -> v8::MaybeLocal<v8::Value> {
      if (!now->has_value()) return Throw(scope, now->error()), v8::MaybeLocal<v8::Value>();
      return convert_(scope, now->value());
    });
  }

 private:
  Call& call_;
  IoContext& context_;
  Convert convert_;
  uint64_t number_;
  v8::Local<v8::Promise::Resolver> resolver_;
};

v8::MaybeLocal<v8::Value> OneValue(js::Scope& scope, const std::optional<Bytes>& value) {
  if (!value) return v8::Undefined(scope.isolate()).As<v8::Value>();
  return Deserialize(scope, *value);
}

v8::MaybeLocal<v8::Value> MapOfPairs(js::Scope& scope, const object::Pairs& pairs) {
  v8::Local<v8::Map> map = v8::Map::New(scope.isolate());
  for (auto& [key, bytes] : pairs) {
    v8::Local<v8::Value> value;
    if (!Deserialize(scope, bytes).ToLocal(&value)) return {};
    if (map->Set(scope.context(), js::FromUtf8(scope.isolate(), key), value).IsEmpty()) return {};
  }
  return map.As<v8::Value>();
}

v8::MaybeLocal<v8::Value> Nothing(js::Scope& scope, const Done&) {
  return v8::Undefined(scope.isolate()).As<v8::Value>();
}

v8::MaybeLocal<v8::Value> Count(js::Scope& scope, const uint64_t& count) {
  return v8::Number::New(scope.isolate(), static_cast<double>(count)).As<v8::Value>();
}

v8::MaybeLocal<v8::Value> Any(js::Scope& scope, const uint64_t& count) {
  return v8::Boolean::New(scope.isolate(), count > 0).As<v8::Value>();
}

// The strings of an array; nothing if an exception is pending.
std::optional<std::vector<Bytes>> Keys(Call& call, v8::Local<v8::Value> value) {
  std::vector<Bytes> keys;
  if (!value->IsArray()) return keys;
  v8::Local<v8::Array> array = value.As<v8::Array>();
  for (uint32_t i = 0; i < array->Length(); ++i) {
    v8::Local<v8::Value> key;
    if (!array->Get(call.scope.context(), i).ToLocal(&key)) return std::nullopt;
    keys.push_back(js::ToUtf8(call.scope.isolate(), key));
    if (!CheckKey(call, keys.back())) return std::nullopt;
  }
  return keys;
}

// storageGet(owner, key, flags)
void StorageGet(const Arguments& args) {
  Call call(args);
  IoContext* context = call.OwnerContext(0);
  if (context == nullptr) return;
  std::string key = call.Text(1);
  if (!CheckKey(call, key)) return;
  Pending<std::optional<Bytes>> pending(call, *context, OneValue);
  if (!pending.Start()) return;
  pending.Finish(
      context->instance()->storage().Get(context->lock(), std::move(key), Read(call.Flags(2)), pending.Later()));
}

void StorageGetMany(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  std::optional<std::vector<Bytes>> keys = Keys(call, args[0]);
  if (!keys) return;
  Pending<object::Pairs> pending(call, *context, MapOfPairs);
  if (!pending.Start()) return;
  pending.Finish(
      context->instance()->storage().GetMany(context->lock(), *std::move(keys), Read(call.Flags(1)), pending.Later()));
}

// The first byte string after all that begin with `prefix`; nothing if there is none.
std::optional<Bytes> AfterPrefix(Bytes prefix) {
  while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xFF) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
  return prefix;
}

}  // namespace

object::ListOptions ReadListOptions(Call& call) {
  const Arguments& args = call.args;
  object::ListOptions options;
  options.start = call.Text(0);
  if (args[2]->IsTrue()) options.start.push_back('\0');  // The next key in byte order.
  if (args[1]->IsString()) options.end = call.Text(1);
  Bytes prefix = call.Text(3);
  options.start = std::max(options.start, prefix);
  if (std::optional<Bytes> after = prefix.empty() ? std::nullopt : AfterPrefix(prefix)) {
    options.end = options.end ? std::min(*options.end, *after) : *after;
  }
  options.reverse = args[4]->IsTrue();
  if (args[5]->IsNumber()) {
    // More than any object can have; the cast must stay in range.
    options.limit = static_cast<uint64_t>(std::min(args[5].As<v8::Number>()->Value(), 9e15));
  }
  return options;
}

namespace {

// storageList(start, end, startAfter, prefix, reverse, limit, flags)
void StorageList(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  object::ListOptions options = ReadListOptions(call);
  Pending<object::Pairs> pending(call, *context, MapOfPairs);
  if (!pending.Start()) return;
  if (options.end && *options.end <= options.start) return pending.Finish(Result<object::Pairs>(object::Pairs()));
  pending.Finish(
      context->instance()->storage().List(context->lock(), std::move(options), Read(call.Flags(6)), pending.Later()));
}

// storagePut(owner, [key, value, …], flags)
void StoragePut(const Arguments& args) {
  Call call(args);
  IoContext* context = call.OwnerContext(0);
  if (context == nullptr || !args[1]->IsArray()) return;
  v8::Local<v8::Array> flat = args[1].As<v8::Array>();
  bool single = flat->Length() == 2;
  object::Pairs pairs;
  pairs.reserve(flat->Length() / 2);
  for (uint32_t i = 0; i + 1 < flat->Length(); i += 2) {
    v8::Local<v8::Value> key;
    v8::Local<v8::Value> value;
    if (!flat->Get(call.scope.context(), i).ToLocal(&key)) return;
    if (!flat->Get(call.scope.context(), i + 1).ToLocal(&value)) return;
    std::string name = js::ToUtf8(call.scope.isolate(), key);
    if (!CheckKey(call, name)) return;
    std::optional<Bytes> bytes = Serialize(call.scope, value);
    if (!bytes || !CheckValue(call, *context, name, bytes->size(), single)) return;
    pairs.emplace_back(std::move(name), *std::move(bytes));
  }
  // Serialising runs getters of the script, which may have ended the instance.
  if (context->ended() || context->instance() == nullptr) return;
  Pending<Done> pending(call, *context, Nothing);
  if (!pending.Start()) return;
  pending.Finish(
      context->instance()->storage().Put(context->lock(), std::move(pairs), Write(call.Flags(2)), pending.Later()));
}

// storageDelete(keys, flags, single)
void StorageDelete(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  std::optional<std::vector<Bytes>> keys = Keys(call, args[0]);
  if (!keys) return;
  Pending<uint64_t> pending(call, *context, args[2]->IsTrue() ? Any : Count);
  if (!pending.Start()) return;
  pending.Finish(
      context->instance()->storage().Delete(context->lock(), *std::move(keys), Write(call.Flags(1)), pending.Later()));
}

void StorageDeleteAll(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  Pending<Done> pending(call, *context, Nothing);
  if (!pending.Start()) return;
  pending.Finish(context->instance()->storage().DeleteAll(context->lock(), Write(call.Flags(0)), pending.Later()));
}

v8::MaybeLocal<v8::Value> TimeOrNull(js::Scope& scope, const std::optional<int64_t>& ms) {
  if (!ms) return v8::Null(scope.isolate()).As<v8::Value>();
  return v8::Number::New(scope.isolate(), static_cast<double>(*ms)).As<v8::Value>();
}

void StorageGetAlarm(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  Pending<std::optional<int64_t>> pending(call, *context, TimeOrNull);
  if (!pending.Start()) return;
  pending.Finish(context->instance()->storage().GetAlarm(context->lock(), Read(call.Flags(0)), pending.Later()));
}

// storageSetAlarm(ms, flags): a whole number in the range of a Date.
void StorageSetAlarm(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr || !args[0]->IsNumber()) return;
  auto ms = static_cast<int64_t>(args[0].As<v8::Number>()->Value());
  Pending<Done> pending(call, *context, Nothing);
  if (!pending.Start()) return;
  pending.Finish(context->instance()->storage().SetAlarm(context->lock(), ms, Write(call.Flags(1)), pending.Later()));
}

void StorageDeleteAlarm(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  Pending<Done> pending(call, *context, Nothing);
  if (!pending.Start()) return;
  pending.Finish(context->instance()->storage().DeleteAlarm(context->lock(), Write(call.Flags(0)), pending.Later()));
}

void StorageSync(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  Pending<Done> pending(call, *context, Nothing);
  if (!pending.Start()) return;
  pending.Finish(context->instance()->storage().Sync(context->lock(), pending.Later()));
}

v8::MaybeLocal<v8::Value> OneText(js::Scope& scope, const std::string& text) {
  return js::FromUtf8(scope.isolate(), text).As<v8::Value>();
}

void StorageCurrentBookmark(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  Pending<std::string> pending(call, *context, OneText);
  if (!pending.Start()) return;
  pending.Finish(context->instance()->storage().CurrentBookmark(context->lock(), pending.Later()));
}

// storageBookmarkForTime(ms): a whole number in the range of a Date.
void StorageBookmarkForTime(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr || !args[0]->IsNumber()) return;
  auto ms = static_cast<int64_t>(args[0].As<v8::Number>()->Value());
  Pending<std::string> pending(call, *context, OneText);
  if (!pending.Start()) return;
  pending.Finish(context->instance()->storage().BookmarkForTime(context->lock(), ms, pending.Later()));
}

void StorageRestore(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  std::string bookmark = call.Text(0);
  Pending<std::string> pending(call, *context, OneText);
  if (!pending.Start()) return;
  pending.Finish(context->instance()->storage().RestoreOnNextStart(context->lock(), bookmark, pending.Later()));
}

void TxnBegin(const Arguments& args) {
  Call call(args);
  if (IoContext* context = call.ObjectContext()) {
    args.GetReturnValue().Set(context->instance()->storage().BeginTransaction());
  }
}

void TxnBeginSync(const Arguments& args) {
  Call call(args);
  if (IoContext* context = call.ObjectContext()) {
    args.GetReturnValue().Set(context->instance()->storage().BeginSyncTransaction());
  }
}

void TxnCommit(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  Result<Done> done = context->instance()->storage().CommitTransaction();
  if (!done.has_value()) Throw(call.scope, done.error());
}

void TxnRollback(const Arguments& args) {
  Call call(args);
  if (IoContext* context = call.ObjectContext()) context->instance()->storage().RollbackTransaction();
}

}  // namespace

void AddStorageNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"storageGet", StorageGet});
  natives.push_back({"storageGetMany", StorageGetMany});
  natives.push_back({"storageList", StorageList});
  natives.push_back({"storagePut", StoragePut});
  natives.push_back({"storageDelete", StorageDelete});
  natives.push_back({"storageDeleteAll", StorageDeleteAll});
  natives.push_back({"storageGetAlarm", StorageGetAlarm});
  natives.push_back({"storageSetAlarm", StorageSetAlarm});
  natives.push_back({"storageDeleteAlarm", StorageDeleteAlarm});
  natives.push_back({"storageSync", StorageSync});
  natives.push_back({"storageCurrentBookmark", StorageCurrentBookmark});
  natives.push_back({"storageBookmarkForTime", StorageBookmarkForTime});
  natives.push_back({"storageRestore", StorageRestore});
  natives.push_back({"txnBegin", TxnBegin});
  natives.push_back({"txnBeginSync", TxnBeginSync});
  natives.push_back({"txnCommit", TxnCommit});
  natives.push_back({"txnRollback", TxnRollback});
}

}  // namespace limpet::api
