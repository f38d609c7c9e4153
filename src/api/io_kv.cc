// Natives of bindings to Workers KV: between JavaScript values and kv::Outlet.
#include <utility>

#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/values.h"
#include "kv/outlet.h"
#include "kv/rules.h"

namespace limpet::api {
namespace {

enum Flags : uint32_t { kAsBytes = 1, kWithMetadata = 2 };

Error FailedKv(const char* method, int status, std::string_view text) {
  return Error::Script("Error", std::string("KV ").append(method).append(" failed: ").append(std::to_string(status)) +
                                    " " + std::string(text));
}

Error FailedKv(const char* method, const Error& error) {
  if (error.code() == ErrorCode::kNotFound) return FailedKv(method, 404, error.message());
  if (error.code() == ErrorCode::kOverloaded) return FailedKv(method, 429, "Too Many Requests");
  return FailedKv(method, 500, "Internal Server Error");
}

// True, and an exception is pending: it is not allowed.
bool Refuses(Call& call, const char* method, const kv::Verdict& verdict) {
  if (verdict) Throw(call.scope, FailedKv(method, verdict->status, verdict->text));
  return verdict.has_value();
}

// What the first argument names. Null: an exception is pending.
std::shared_ptr<kv::Namespace> FindNamespace(Call& call, IoContext& context, const char* method) {
  const auto& namespaces = context.host().kv_namespaces;
  uint64_t index = call.Number(0);
  if (index >= namespaces.size()) {
    js::ThrowTypeError(call.scope.isolate(), "Illegal invocation");
    return nullptr;
  }
  if (namespaces[index] == nullptr) {
    Throw(call.scope, FailedKv(method, 404, "the KV namespace has been deleted"));
  }
  return namespaces[index];
}

// Which namespace and key a call is about: its first two arguments.
struct Subject {
  IoContext& context;
  std::shared_ptr<kv::Namespace> ns;
  std::string key;
};
// Nothing: an exception is pending.
std::optional<Subject> ReadSubject(Call& call, const char* method) {
  IoContext* context = call.Context();
  if (context == nullptr) return std::nullopt;
  std::shared_ptr<kv::Namespace> ns = FindNamespace(call, *context, method);
  if (ns == nullptr) return std::nullopt;
  std::string key = call.Text(1);
  if (Refuses(call, method, kv::CheckKey(key))) return std::nullopt;
  return Subject{*context, std::move(ns), std::move(key)};
}

// Makes the native return a promise, and gives the callback that settles it with what `convert(scope, T&&)` makes.
// Runs `start(outlet, callback)` once what was written before is durable: a call to KV can be seen from outside.
template <typename T, typename Convert, typename Start>
void ReturnLater(Call& call, IoContext& context, const char* method, Convert convert, Start start) {
  std::optional<uint64_t> number = ReturnPromise(call, context);
  if (!number) return;
  if (context.instance() != nullptr) context.instance()->Pin();
  auto done = [weak = context.weak_from_this(), number = *number, where = context.where(), method,
               convert = std::move(convert)](Result<T> answer) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self || self->ended()) return;
    if (self->instance() != nullptr) self->instance()->Unpin();
    self->Settle(number, where,
                 [answer = std::move(answer), method,
                  convert = std::move(convert)](js::Scope& scope) mutable -> v8::MaybeLocal<v8::Value> {
                   if (answer.has_value()) return convert(scope, std::move(answer).value());
                   Throw(scope, FailedKv(method, answer.error()));
                   return {};
                 });
  };
  context.WhenDurable([weak = context.weak_from_this(), done = std::move(done),
                       start = std::move(start)](Result<Done> durable) mutable {
    std::shared_ptr<IoContext> self = weak.lock();
    if (self && durable.has_value()) start(*self->host().kv, std::move(done));
  });
}

v8::Local<v8::Value> TextOrUndefined(js::Scope& scope, const std::optional<std::string>& text) {
  if (!text) return v8::Undefined(scope.isolate());
  return js::FromUtf8(scope.isolate(), *text);
}

v8::MaybeLocal<v8::Value> ToJs(js::Scope& scope, const std::optional<kv::Value>& found, uint32_t flags) {
  v8::Isolate* isolate = scope.isolate();
  if (!found) return v8::Null(isolate).As<v8::Value>();
  v8::Local<v8::Value> value;
  if ((flags & kAsBytes) != 0) {
    v8::Local<v8::Uint8Array> bytes = js::ToUint8Array(isolate, found->bytes);
    if (bytes.IsEmpty()) return {};
    value = bytes->Buffer();
  } else {
    value = js::FromUtf8(isolate, found->bytes);  // A byte order mark stays.
  }
  if ((flags & kWithMetadata) == 0) return value;
  v8::Local<v8::Value> both[] = {value, TextOrUndefined(scope, found->entry.metadata)};
  return v8::Array::New(isolate, both, 2).As<v8::Value>();
}

// nsGet(ns, key, flags, cacheTtl)
void NsGet(const Arguments& args) {
  constexpr const char* kMethod = "GET";
  Call call(args);
  std::optional<Subject> subject = ReadSubject(call, kMethod);
  if (!subject) return;
  auto& [context, ns, key] = *subject;
  uint32_t flags = call.Flags(2);
  if (args[3]->IsNumber() &&
      Refuses(call, kMethod, kv::CheckCacheTtl(static_cast<int64_t>(args[3].As<v8::Number>()->Value())))) {
    return;
  }
  // What memory knows a stateless event gets at once.
  if (context.instance() == nullptr) {
    Result<std::optional<kv::Value>> found = context.host().kv->TryFind(*ns, key);
    if (found.has_value() || found.error().code() != ErrorCode::kWouldBlock) {
      v8::Local<v8::Promise::Resolver> resolver;
      if (!v8::Promise::Resolver::New(call.scope.context()).ToLocal(&resolver)) return;
      args.GetReturnValue().Set(resolver->GetPromise());
      return SettleWith(call.scope, resolver, [&](js::Scope& scope) -> v8::MaybeLocal<v8::Value> {
        if (found.has_value()) return ToJs(scope, found.value(), flags);
        Throw(scope, FailedKv(kMethod, found.error()));
        return {};
      });
    }
  }
  ReturnLater<std::optional<kv::Value>>(
      call, context, kMethod,
      [flags](js::Scope& scope, const std::optional<kv::Value>& found) { return ToJs(scope, found, flags); },
      [ns = std::move(ns), key = std::move(key)](kv::Outlet& outlet, kv::Outlet::OnValue done) mutable {
        outlet.Find(*ns, std::move(key), std::move(done));
      });
}

std::optional<std::string> OptionalText(Call& call, int index) {
  if (!call.args[index]->IsString()) return std::nullopt;
  return call.Text(index);
}

void ReturnWritten(Call& call, IoContext& context, const char* method, std::shared_ptr<kv::Namespace> ns,
                   kv::Writer::Change change) {
  ReturnLater<Done>(
      call, context, method,
      [](js::Scope& scope, Done) -> v8::MaybeLocal<v8::Value> {
        return v8::Undefined(scope.isolate()).As<v8::Value>();
      },
      [ns = std::move(ns), change = std::move(change)](kv::Outlet& outlet, kv::Outlet::OnDone done) mutable {
        std::vector<kv::Writer::Change> changes;
        changes.push_back(std::move(change));
        outlet.Write(std::move(ns), std::move(changes), std::move(done));
      });
}

// nsPut(ns, key, value, expiration, expirationTtl, metadata)
void NsPut(const Arguments& args) {
  constexpr const char* kMethod = "PUT";
  Call call(args);
  std::optional<Subject> subject = ReadSubject(call, kMethod);
  if (!subject) return;
  auto& [context, ns, key] = *subject;
  kv::Value value;
  std::optional<std::string> at = OptionalText(call, 3);
  std::optional<std::string> ttl = OptionalText(call, 4);
  uint64_t now = context.host().kv->NowSeconds();
  if (Refuses(call, kMethod, kv::ReadExpiration(ttl, at, now, &value.entry.expiration))) return;
  value.entry.metadata = OptionalText(call, 5);
  if (value.entry.metadata && Refuses(call, kMethod, kv::CheckMetadata(value.entry.metadata->size()))) return;
  if (args[2]->IsString()) {
    value.bytes = call.Text(2);
    if (Refuses(call, kMethod, kv::CheckValue(value.bytes.size()))) return;
  } else {
    HeapView storage;
    BytesView bytes = Contents(args[2], storage);
    if (Refuses(call, kMethod, kv::CheckValue(bytes.size()))) return;
    value.bytes = Bytes(bytes);
  }
  ReturnWritten(call, context, kMethod, std::move(ns), {std::move(key), std::move(value)});
}

// nsDelete(ns, key)
void NsDelete(const Arguments& args) {
  constexpr const char* kMethod = "DELETE";
  Call call(args);
  std::optional<Subject> subject = ReadSubject(call, kMethod);
  if (!subject) return;
  auto& [context, ns, key] = *subject;
  ReturnWritten(call, context, kMethod, std::move(ns), {std::move(key), std::nullopt});
}

// [cursor, name, expiration, metadata, …]; a cursor is the last key in hex, undefined at the end.
v8::MaybeLocal<v8::Value> ToJs(js::Scope& scope, const kv::ListPage& page) {
  v8::Isolate* isolate = scope.isolate();
  std::vector<v8::Local<v8::Value>> flat;
  flat.reserve(1 + 3 * page.keys.size());
  std::optional<std::string> cursor;
  if (!page.complete) cursor = ToHex(page.keys.back().first);
  flat.push_back(TextOrUndefined(scope, cursor));
  for (const auto& [key, entry] : page.keys) {
    flat.push_back(js::FromUtf8(isolate, key));
    flat.push_back(v8::Number::New(isolate, static_cast<double>(entry.expiration)));
    flat.push_back(TextOrUndefined(scope, entry.metadata));
  }
  return v8::Array::New(isolate, flat.data(), flat.size()).As<v8::Value>();
}

// nsList(ns, prefix, limit, cursor)
void NsList(const Arguments& args) {
  constexpr const char* kMethod = "GET";
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  std::shared_ptr<kv::Namespace> ns = FindNamespace(call, *context, kMethod);
  if (ns == nullptr) return;
  kv::ListOptions options{.prefix = call.Text(1)};
  if (args[2]->IsNumber()) {
    auto limit = static_cast<int64_t>(args[2].As<v8::Number>()->Value());
    if (Refuses(call, kMethod, kv::CheckListLimit(limit))) return;
    options.limit = static_cast<size_t>(limit);
  }
  if (Refuses(call, kMethod, kv::CheckPrefix(options.prefix))) return;
  if (args[3]->IsString()) {
    options.after = FromHex(call.Text(3));
    if (!options.after) return Throw(call.scope, FailedKv(kMethod, 400, "Invalid cursor"));
  }
  ReturnLater<kv::ListPage>(
      call, *context, kMethod, [](js::Scope& scope, const kv::ListPage& page) { return ToJs(scope, page); },
      [ns = std::move(ns), options = std::move(options)](kv::Outlet& outlet, kv::Outlet::OnPage done) mutable {
        outlet.List(*ns, std::move(options), std::move(done));
      });
}

}  // namespace

void AddKvNatives(std::vector<js::NativeFunction>& natives) {
  natives.insert(natives.end(), {{"nsGet", NsGet}, {"nsPut", NsPut}, {"nsDelete", NsDelete}, {"nsList", NsList}});
}

}  // namespace limpet::api
