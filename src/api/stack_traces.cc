#include "api/stack_traces.h"

#include "api/hooks.h"
#include "api/io_support.h"

namespace limpet::api {

void HideBuiltinFrames(v8::Isolate* isolate) {
  isolate->SetPrepareStackTraceCallback([](v8::Local<v8::Context> context, v8::Local<v8::Value> error,
                                           v8::Local<v8::Array> sites) -> v8::MaybeLocal<v8::Value> {
    v8::Isolate* isolate = v8::Isolate::GetCurrent();
    js::Scope scope(js::Isolate::From(isolate), isolate, context);
    return CallHook(scope, kPrepareStack, {error, sites});
  });
}

}  // namespace limpet::api
