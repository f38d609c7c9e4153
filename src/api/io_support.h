// What the I/O natives share: the current context or a thrown error, arguments, promises.
#pragma once

#include <v8.h>

#include <limits>
#include <optional>
#include <string>

#include "api/errors.h"
#include "api/io_context.h"
#include "js/isolate.h"

namespace limpet::api {

inline constexpr const char* kOtherContextError =
    "Cannot perform I/O on behalf of a different Durable Object. I/O objects (such as streams, request/response "
    "bodies, and others) created in the context of one Durable Object cannot be accessed from a different Durable "
    "Object in the same isolate. This is a limitation of Cloudflare Workers which allows us to improve overall "
    "performance.";
inline constexpr const char* kOtherRequestError =
    "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and "
    "others) created in the context of one request handler cannot be accessed from a different request's handler. This "
    "is a limitation of Cloudflare Workers which allows us to improve overall performance.";

using Arguments = v8::FunctionCallbackInfo<v8::Value>;

// The scope of a native call.
struct Call {
  explicit Call(const Arguments& arguments)
      : args(arguments),
        scope(js::Isolate::From(arguments.GetIsolate()), arguments.GetIsolate(),
              arguments.GetIsolate()->GetCurrentContext()) {}
  const Arguments& args;
  js::Scope scope;

  // The context, or nothing with the global-scope error thrown (spec/api.md section 1).
  IoContext* Context() {
    IoContext* context = IoContext::Current(scope.isolate());
    if (context == nullptr) js::ThrowError(scope.isolate(), kGlobalScopeError);
    return context;
  }
  // The same, and it is an object's; a stateless event can't have got hold of a storage.
  IoContext* ObjectContext() {
    IoContext* context = Context();
    if (context != nullptr && context->instance() == nullptr) {
      js::ThrowError(scope.isolate(), kOtherContextError);
      return nullptr;
    }
    return context;
  }
  // The context of the object whose `currentObject` was the number at `index`.
  IoContext* OwnerContext(int index) {
    IoContext* context = Context();
    if (context == nullptr || (context->object_number() != 0 && context->object_number() == Number(index))) {
      return context;
    }
    js::ThrowError(scope.isolate(), context->object_number() == 0 ? kOtherRequestError : kOtherContextError);
    return nullptr;
  }
  std::string Text(int index) { return js::ToUtf8(scope.isolate(), args[index]); }
  // As native.d.ts has them; none if the argument is missing.
  net::ContentCodings Codings(int index) {
    uint64_t bits = Number(index);
    return {.gzip = (bits & 1) != 0, .brotli = (bits & 2) != 0};
  }
  // What is no number is 0; a number that is none of uint64_t's is the largest, which nothing is numbered by.
  uint64_t Number(int index) {
    if (!args[index]->IsNumber()) return 0;
    double value = args[index].As<v8::Number>()->Value();
    return value > -1 && value < 0x1p64 ? static_cast<uint64_t>(value) : std::numeric_limits<uint64_t>::max();
  }
  uint32_t Flags(int index) { return args[index]->IsUint32() ? args[index].As<v8::Uint32>()->Value() : 0; }
};

// Makes the native return a promise, which Settle and its kin settle under this number. Nothing: V8 is being ended.
inline std::optional<uint64_t> ReturnPromise(Call& call, IoContext& context) {
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(call.scope.context()).ToLocal(&resolver)) return std::nullopt;
  uint64_t number = context.NextNumber();
  context.HoldResolver(number, resolver);
  call.args.GetReturnValue().Set(resolver->GetPromise());
  return number;
}

// The body that `number` names, free to be read; else an exception is pending.
inline IoContext::InBody* TakeForReading(Call& call, IoContext& context, uint64_t number) {
  IoContext::InBody* body = context.FindBody(number);
  if (body == nullptr) {
    js::ThrowError(call.scope.isolate(), context.instance() != nullptr ? kOtherContextError : kOtherRequestError);
    return nullptr;
  }
  if (body->reading) {
    js::ThrowTypeError(call.scope.isolate(), "This ReadableStream is currently locked to a reader.");
    return nullptr;
  }
  net::ContentCoding coding = std::exchange(body->coding, net::ContentCoding::kIdentity);
  if (coding != net::ContentCoding::kIdentity) body->body = net::DecodeContent(std::move(body->body), coding);
  return body;
}

}  // namespace limpet::api
