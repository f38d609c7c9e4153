// Natives of cryptography that takes long: on the pool, so that the shard goes on meanwhile.
#include <memory>
#include <utility>

#include "api/crypto_key.h"
#include "api/io_natives.h"
#include "api/io_support.h"

namespace limpet::api {
namespace {

// Of the scripts of one isolate; what comes on top of that is done at once, on their own shard.
constexpr size_t kComputingMax = 64;

// Makes the native return a promise for what `compute` finds on the pool and `convert` makes of it. Returns nothing
// (and the native undefined) where no event runs, there is no pool, or it has enough to do.
template <typename Compute, typename Convert>
void ReturnComputed(Call& call, Compute compute, Convert convert) {
  IoContext* context = IoContext::Current(call.scope.isolate());
  if (context == nullptr || context->host().compute == nullptr || context->host().computing >= kComputingMax) return;
  std::optional<uint64_t> number = ReturnPromise(call, *context);
  if (!number) return;
  std::shared_ptr<IoHost> host = context->shared_host();
  ++host->computing;
  if (context->instance() != nullptr) context->instance()->Pin();
  loop::AsioLoop* loop = host->loop;
  loop::Pool* pool = host->compute;
  // Made and destroyed on the loop, where alone the host may be let go.
  auto finish = [weak = context->weak_from_this(), host = std::move(host), number = *number, where = context->where(),
                 convert](auto result) mutable {
    --host->computing;
    std::shared_ptr<IoContext> self = weak.lock();
    if (!self || self->ended()) return;
    if (self->instance() != nullptr) self->instance()->Unpin();
    self->Settle(number, where, [result = std::move(result), convert](js::Scope& scope) mutable {
      return convert(scope, std::move(result));
    });
  };
  pool->Run([loop, compute = std::move(compute), finish = std::move(finish)]() mutable {
    loop->Post([result = compute(), finish = std::move(finish)]() mutable { finish(std::move(result)); });
  });
}

// keyGenerateLater(bits, exponent): Promise<box | undefined> | undefined
void KeyGenerateLater(const Arguments& args) {
  Call call(args);
  if (!args[0]->IsInt32()) return;
  ReturnComputed(
      call,
      [bits = args[0].As<v8::Int32>()->Value(), exponent = js::CopyBytes(args[1])] {
        return GenerateRsa(bits, exponent);
      },
      [](js::Scope& scope, KeyPtr key) -> v8::MaybeLocal<v8::Value> {
        if (!key) return v8::Undefined(scope.isolate()).As<v8::Value>();
        return NewKeyBox(scope.isolate(), std::make_unique<Key>(std::move(key)));
      });
}

// cryptoPbkdf2Later(hash, password, salt, iterations, bytes): Promise<ArrayBuffer | undefined> | undefined
void Pbkdf2Later(const Arguments& args) {
  Call call(args);
  const EVP_MD* hash = HashByNumber(args[0]);
  if (hash == nullptr) return;
  // The memory is the isolate's from the start, so that its limit holds.
  v8::Local<v8::ArrayBuffer> out;
  if (!NewBuffer(args.GetIsolate(), call.Flags(4)).ToLocal(&out)) return;
  ReturnComputed(
      call,
      [hash, password = js::CopyBytes(args[1]), salt = js::CopyBytes(args[2]), iterations = call.Flags(3),
       store = out->GetBackingStore()]() mutable -> std::shared_ptr<v8::BackingStore> {
        bool done =
            DerivePbkdf2(hash, password, salt, iterations, static_cast<uint8_t*>(store->Data()), store->ByteLength());
        return done ? std::move(store) : nullptr;
      },
      [](js::Scope& scope, std::shared_ptr<v8::BackingStore> store) -> v8::MaybeLocal<v8::Value> {
        if (!store) return v8::Undefined(scope.isolate()).As<v8::Value>();
        return v8::ArrayBuffer::New(scope.isolate(), std::move(store)).As<v8::Value>();
      });
}

}  // namespace

void AddCryptoIoNatives(std::vector<js::NativeFunction>& natives) {
  natives.insert(natives.end(), {{"keyGenerateLater", KeyGenerateLater}, {"cryptoPbkdf2Later", Pbkdf2Later}});
}

}  // namespace limpet::api
