// Calls that lead to calls, so that a circle of them ends. What an event was called by is known from its request; since
// the events of an object share a context, it is kept in the event's async frame, beside what scripts keep there
// (builtins/async_context.ts), and follows it through promises and timers.
#include "api/io_context.h"

namespace limpet::api {
namespace {

// Whether the frame says more than CurrentDepth takes for granted.
constexpr uint8_t kCalledByWorker = 1;

v8::Local<v8::Value> DepthKey(v8::Isolate* isolate) { return v8::Null(isolate); }

}  // namespace

CallDepth DeeperWorker(CallDepth depth) {
  ++depth.workers;
  return depth;
}

Error TooDeep() {
  return Error::Script(
      "Error",
      "Subrequest depth limit exceeded. This request recursed through Workers too many times. This can "
      "happen e.g. if you have a Worker or Durable Object that calls other Workers or objects "
      "recursively.");
}

CallDepth IoContext::CurrentDepth() const {
  if (instance_ == nullptr) return depth;
  CallDepth current{.objects = kCalledByWorker};
  v8::Isolate* isolate = host_->isolate->raw();
  v8::Local<v8::Value> frame = js::Isolate::AsyncFrame(isolate), objects;
  if (!frame->IsMap()) return current;
  if (frame.As<v8::Map>()->Get(isolate->GetCurrentContext(), DepthKey(isolate)).ToLocal(&objects) &&
      objects->IsInt32()) {
    current.objects = static_cast<uint8_t>(objects.As<v8::Int32>()->Value());
  }
  return current;
}

DepthFrame::DepthFrame(js::Scope& scope, CallDepth called) {
  if (called.objects <= kCalledByWorker) return;
  v8::Isolate* isolate = scope.isolate();
  v8::Local<v8::Map> frame = v8::Map::New(isolate);
  if (frame->Set(scope.context(), DepthKey(isolate), v8::Integer::New(isolate, called.objects)).IsEmpty()) return;
  js::Isolate::SetAsyncFrame(isolate, frame);
  isolate_ = isolate;
}

DepthFrame::~DepthFrame() {
  if (isolate_ != nullptr) js::Isolate::SetAsyncFrame(isolate_, v8::Undefined(isolate_));
}

}  // namespace limpet::api
