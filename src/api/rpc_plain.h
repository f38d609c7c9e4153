// The messages of a plain call, one whose arguments and result are values alone (docs/formats/rpc.md, "A plain call").
// Whatever holds something that has to be described (values.h, HostObjects) goes by a session instead.
//
// Threading: inside a turn. Getters of a value run while it is written.
#pragma once

#include <v8.h>

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "js/isolate.h"

namespace limpet::api {

// As `kMessageBytesMax` in builtins/rpc_values.ts.
inline constexpr size_t kPlainBytesMax = 32 * 1024 * 1024;

// Whether a message is a plain call or its answer.
bool IsPlain(BytesView message);

// `args`: a list of primitives, or what PackArguments gave. Nothing: it is neither.
std::optional<Bytes> WritePlainCall(js::Scope& scope, v8::Local<v8::String> method, v8::Local<v8::Value> args);
// Nothing: the value is not plain, or over the limit. No exception is pending, but for the end of JavaScript.
std::optional<Bytes> WritePlainAnswer(js::Scope& scope, v8::Local<v8::Value> value);
// The same of a list of arguments: a text of one byte a character.
v8::MaybeLocal<v8::String> PackArguments(js::Scope& scope, v8::Local<v8::Value> args);
// Back again. Empty: an exception is pending.
v8::MaybeLocal<v8::Value> UnpackArguments(js::Scope& scope, v8::Local<v8::String> packed);

struct PlainCall {
  v8::Local<v8::String> method;
  v8::Local<v8::Value> args;  // A list.
};
// Of a message that IsPlain. Nothing: an exception is pending.
std::optional<PlainCall> ReadPlainCall(js::Scope& scope, BytesView message);
v8::MaybeLocal<v8::Value> ReadPlainAnswer(js::Scope& scope, BytesView message);

// An operation of a session (builtins/rpc_session.ts) whose values are primitives: most of what follows the first
// message. V8's serializer asks the allocator for 8 KiB each time. Nothing: it is another one. No exception is pending.
std::optional<Bytes> WritePlainOperation(js::Scope& scope, v8::Local<v8::Value> operation);
bool IsPlainOperation(BytesView bytes);
// Of such bytes. Empty: an exception is pending.
v8::MaybeLocal<v8::Value> ReadPlainOperation(js::Scope& scope, BytesView bytes);

}  // namespace limpet::api
