#include "js/snapshot.h"

#include <node.h>

#include "js/foreground.h"

namespace limpet::js {
namespace {

Error BuiltinsFailed(v8::Isolate* isolate, v8::Local<v8::Context> context, v8::TryCatch& caught) {
  std::string text = "unknown";
  v8::Local<v8::Value> stack;
  if (caught.StackTrace(context).ToLocal(&stack) && stack->IsString()) {
    text = ToUtf8(isolate, stack);
  } else if (caught.HasCaught()) {
    text = ToUtf8(isolate, caught.Exception());
  }
  return Error(ErrorCode::kInternal, "the built-ins failed: " + text);
}

v8::MaybeLocal<v8::Object> MakeNatives(v8::Isolate* isolate, v8::Local<v8::Context> context,
                                       const std::vector<NativeFunction>& natives) {
  v8::Local<v8::Object> object = v8::Object::New(isolate);
  for (const NativeFunction& native : natives) {
    v8::Local<v8::Function> function;
    v8::Local<v8::String> name = Literal(isolate, native.name);
    if (!v8::Function::New(context, native.callback, {}, 0, v8::ConstructorBehavior::kThrow).ToLocal(&function)) {
      return {};
    }
    function->SetName(name);
    if (object->Set(context, name, function).IsNothing()) return {};
  }
  return object;
}

// Runs `(native) => hooks` in `context`.
Result<v8::Local<v8::Object>> RunBuiltins(v8::Isolate* isolate, v8::Local<v8::Context> context,
                                          const Runtime::Options& options) {
  v8::TryCatch caught(isolate);
  v8::ScriptOrigin origin(Literal(isolate, "limpet:builtins"));
  v8::ScriptCompiler::Source source(FromUtf8(isolate, options.builtins), origin);
  v8::Local<v8::Script> script;
  v8::Local<v8::Value> setup;
  v8::Local<v8::Value> native;
  v8::Local<v8::Object> natives;
  v8::Local<v8::Value> hooks;
  if (!v8::ScriptCompiler::Compile(context, &source).ToLocal(&script) || !script->Run(context).ToLocal(&setup)) {
    return BuiltinsFailed(isolate, context, caught);
  }
  if (!setup->IsFunction()) return Error(ErrorCode::kInternal, "the built-ins are no function");
  if (!MakeNatives(isolate, context, options.natives).ToLocal(&natives))
    return BuiltinsFailed(isolate, context, caught);
  native = natives;
  if (!setup.As<v8::Function>()->Call(context, v8::Undefined(isolate), 1, &native).ToLocal(&hooks)) {
    return BuiltinsFailed(isolate, context, caught);
  }
  isolate->PerformMicrotaskCheckpoint();
  if (!hooks->IsObject()) return Error(ErrorCode::kInternal, "the built-ins returned no object");
  return hooks.As<v8::Object>();
}

Result<std::vector<size_t>> FillCreator(v8::SnapshotCreator& creator, const Runtime::Options& options) {
  v8::Isolate* isolate = creator.GetIsolate();
  isolate->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  v8::HandleScope handles(isolate);
  v8::Local<v8::Context> context = v8::Context::New(isolate);
  std::vector<size_t> indices;
  {
    v8::Context::Scope entered(context);
    LIMPET_TRY(v8::Local<v8::Object> hooks, RunBuiltins(isolate, context, options));
    for (const char* name : options.hooks) {
      v8::Local<v8::Value> hook;
      if (!hooks->Get(context, Literal(isolate, name)).ToLocal(&hook) || !hook->IsFunction()) {
        return Error(ErrorCode::kInternal, std::string("the built-ins returned no function ") + name);
      }
      indices.push_back(creator.AddData(context, hook.As<v8::Function>()));
    }
  }
  creator.SetDefaultContext(context);
  return indices;
}

}  // namespace

Result<std::unique_ptr<Snapshot>> Snapshot::Make(const Runtime::Options& options) {
  std::unique_ptr<Snapshot> snapshot(new Snapshot);
  for (const NativeFunction& native : options.natives) {
    snapshot->references_.push_back(reinterpret_cast<intptr_t>(native.callback));
  }
  snapshot->references_.push_back(0);

  PlatformDelegate delegate(nullptr, nullptr);
  std::unique_ptr<v8::ArrayBuffer::Allocator> buffers(v8::ArrayBuffer::Allocator::NewDefaultAllocator());
  v8::Isolate* isolate = v8::Isolate::Allocate();
  options.platform->RegisterIsolate(isolate, &delegate);
  v8::Isolate::CreateParams params;
  params.external_references = snapshot->references_.data();
  params.array_buffer_allocator = buffers.get();
  Error failure(ErrorCode::kInternal, "V8 made no snapshot");
  {
    v8::SnapshotCreator creator(isolate, params);
    Result<std::vector<size_t>> hooks = FillCreator(creator, options);
    bool filled = hooks.has_value();
    if (filled) {
      snapshot->hooks_ = std::move(hooks).value();
    } else {
      failure = std::move(hooks).error();
      // The creator wants to make a blob once it has begun.
      v8::HandleScope handles(isolate);
      creator.SetDefaultContext(v8::Context::New(isolate));
    }
    snapshot->blob_ = creator.CreateBlob(v8::SnapshotCreator::FunctionCodeHandling::kKeep);
    if (filled && snapshot->blob_.data != nullptr) failure = Error(ErrorCode::kInternal, "");
  }
  options.platform->DisposeIsolate(isolate);
  if (!failure.message().empty()) return failure;
  return snapshot;
}

}  // namespace limpet::js
