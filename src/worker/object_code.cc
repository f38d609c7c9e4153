// A Durable Object's JavaScript, as the object layer drives it.
#include <memory>
#include <optional>
#include <utility>

#include "api/hooks.h"
#include "api/script_sockets.h"
#include "object/shard.h"
#include "worker/tracing.h"
#include "worker/version.h"

namespace limpet::worker {
namespace {

constexpr uint16_t kCloseServiceRestart = 1012;  // RFC 6455's registry.

class ObjectCode final : public object::Code {
 public:
  ObjectCode(std::shared_ptr<Version> version, std::shared_ptr<const ObjectClass> object_class,
             object::Instance& instance)
      : version_(std::move(version)), class_(std::move(object_class)), instance_(instance) {}

  ~ObjectCode() override {
    if (context_ && instance_.replaced())
      context_->CloseSockets(kCloseServiceRestart, object::CodeUpdatedError().message());
    if (context_) context_->End(Error(ErrorCode::kCanceled, "The Durable Object was stopped.").With(Error::kRetryable));
    object_.Reset();
    context_ = nullptr;
  }

  void Start(object::InputLock lock, UniqueFunction<void(Result<Done>)> done) override {
    Result<std::shared_ptr<LoadedScript>> loaded = version_->Use();
    if (!loaded.has_value()) return done(std::move(loaded).error());
    loaded_ = loaded.value();
    context_ = std::make_shared<api::IoContext>(loaded_, &instance_, class_->sqlite, nullptr);
    auto shared_done = std::make_shared<UniqueFunction<void(Result<Done>)>>(std::move(done));
    context_->on_forced_end = [shared_done](Error error) {
      if (*shared_done) std::exchange(*shared_done, nullptr)(std::move(error));
    };
    context_->RunTurn(std::move(lock), [this, shared_done](js::Scope& scope) {
      std::optional<Result<Done>> constructed = Construct(scope);
      if (!constructed) return;  // The end of the turn tells.
      context_->on_forced_end = nullptr;
      if (*shared_done) std::exchange(*shared_done, nullptr)(*std::move(constructed));
    });
  }

  void Fetch(object::InputLock lock, HttpRequest request, object::OnReply reply) override {
    if (std::shared_ptr<TraceEvent> trace = NewTrace()) {
      DescribeRequest(*trace, request);
      reply = NotingObject(version_->deps(), version_->script(), std::move(trace), instance_, std::move(reply));
    }
    uint64_t event = context_->AddEvent(std::move(reply));
    context_->RunTurn(std::move(lock), [this, event, request = std::move(request)](js::Scope& scope) mutable {
      context_->RefillCpu();
      api::DepthFrame frame(scope, request.depth);
      if (request.rpc) {
        return api::DispatchRpc(scope, *context_, object_.Get(scope.isolate()), event, std::move(request));
      }
      v8::Isolate* isolate = scope.isolate();
      v8::TryCatch caught(isolate);
      auto arguments = context_->ImportRequest(scope, event, std::move(request));
      if (!arguments) return;
      auto& [method, url, headers, body, cf] = *arguments;
      (void)api::CallHook(
          scope, api::kDispatchObjectFetch,
          {object_.Get(isolate), v8::Number::New(isolate, static_cast<double>(event)), method, url, headers, body, cf});
    });
  }

  void WebSocket(object::InputLock lock, object::SocketEvent happened, object::OnReply done) override {
    if (std::shared_ptr<TraceEvent> trace = NewTrace()) {
      trace->kind = TraceEvent::Kind::kWebSocket;
      trace->detail = happened.is_message()                                   ? "message"
                      : std::holds_alternative<WebSocketClose>(happened.what) ? "close"
                                                                              : "error";
      done = NotingObject(version_->deps(), version_->script(), std::move(trace), instance_, std::move(done));
    }
    uint64_t event = context_->AddEvent(std::move(done));
    context_->RunTurn(std::move(lock), [this, event, happened = std::move(happened)](js::Scope& scope) mutable {
      context_->RefillCpu();
      api::DispatchObjectSocket(scope, *context_, object_.Get(scope.isolate()), event, happened);
    });
  }

  void Alarm(object::InputLock lock, object::AlarmInfo info, object::OnReply done) override {
    if (std::shared_ptr<TraceEvent> trace = NewTrace()) {
      trace->kind = TraceEvent::Kind::kAlarm;
      trace->scheduled_ms = info.scheduled_ms;
      done = NotingObject(version_->deps(), version_->script(), std::move(trace), instance_, std::move(done));
    }
    uint64_t event = context_->AddEvent(std::move(done));
    context_->RunTurn(std::move(lock), [this, event, info](js::Scope& scope) {
      context_->RefillCpu();
      v8::Isolate* isolate = scope.isolate();
      v8::TryCatch caught(isolate);
      (void)api::CallHook(scope, api::kDispatchObjectAlarm,
                          {object_.Get(isolate), v8::Number::New(isolate, static_cast<double>(event)),
                           v8::Number::New(isolate, info.retry_count),
                           v8::Number::New(isolate, static_cast<double>(info.scheduled_ms))});
    });
  }

  bool wants_pre_shutdown() const override { return wants_pre_shutdown_; }

  void PreShutdown(object::InputLock lock, object::ShutdownReason reason, object::OnReply done) override {
    uint64_t event = context_->AddEvent(std::move(done));
    context_->RunTurn(std::move(lock), [this, event, reason](js::Scope& scope) {
      context_->RefillCpu();
      v8::Isolate* isolate = scope.isolate();
      v8::TryCatch caught(isolate);
      const char* text = reason == object::ShutdownReason::kInactive ? "inactive" : "codeUpdated";
      (void)api::CallHook(
          scope, api::kDispatchPreShutdown,
          {object_.Get(isolate), v8::Number::New(isolate, static_cast<double>(event)), js::FromUtf8(isolate, text)});
    });
  }

 private:
  // Of an event that begins, what the context says goes to it from now on. Null: nobody listens.
  std::shared_ptr<TraceEvent> NewTrace() {
    context_->trace = BeginTrace(version_->deps(), version_->script());
    if (context_->trace == nullptr) return nullptr;
    context_->trace->entrypoint = class_->class_name;
    context_->trace->object_id = object::IdCodec(class_->ns, class_->ns_key).ToString(instance_.id());
    return context_->trace;
  }

  // Nothing: the turn was ended, for its CPU time or memory.
  std::optional<Result<Done>> Construct(js::Scope& scope) {
    if (loaded_->failure()) return Error(*loaded_->failure());
    v8::Isolate* isolate = scope.isolate();
    v8::TryCatch caught(isolate);
    v8::Local<v8::Value> constructor;
    if (!loaded_->Export(scope, class_->class_name).ToLocal(&constructor)) {
      return Error::Script("TypeError", "The script does not export class " + class_->class_name + ".");
    }
    object::IdCodec codec(class_->ns, class_->ns_key);
    v8::Local<v8::Value> name = v8::Undefined(isolate);
    if (instance_.name()) name = js::FromUtf8(isolate, *instance_.name());
    v8::Local<v8::Value> object;
    if (api::CallHook(
            scope, api::kConstructObject,
            {constructor, loaded_->Environment(scope), js::FromLatin1(isolate, codec.ToString(instance_.id())), name})
            .ToLocal(&object)) {
      object_.Reset(isolate, object);
      v8::Local<v8::Value> wanted;
      wants_pre_shutdown_ =
          object.As<v8::Object>()->Get(scope.context(), js::Literal(isolate, "preShutdown")).ToLocal(&wanted) &&
          wanted->IsTrue();
      return Done{};
    }
    if (caught.HasTerminated()) return std::nullopt;
    if (!caught.HasCaught()) return Error(ErrorCode::kInternal, "The constructor was ended.");
    Error error = api::ToError(scope, caught.Exception());
    loaded_->ReportUncaught(error);
    return std::move(error).With(Error::kObjectReset);
  }

  std::shared_ptr<Version> version_;
  std::shared_ptr<const ObjectClass> class_;
  object::Instance& instance_;
  std::shared_ptr<LoadedScript> loaded_;  // Before what holds handles of its isolate.
  std::shared_ptr<api::IoContext> context_;
  v8::Global<v8::Value> object_;
  bool wants_pre_shutdown_ = false;
};

class JsClass final : public object::ClassCode {
 public:
  JsClass(std::shared_ptr<Version> version, ObjectClass object_class)
      : version_(std::move(version)), class_(std::make_shared<const ObjectClass>(std::move(object_class))) {}
  std::unique_ptr<object::Code> Instantiate(object::Instance& instance) override {
    return std::make_unique<ObjectCode>(version_, class_, instance);
  }

 private:
  std::shared_ptr<Version> version_;
  std::shared_ptr<const ObjectClass> class_;
};

// A class whose objects are shared out between versions: an object stays with one of them.
class SplitClass final : public object::ClassCode {
 public:
  SplitClass(std::vector<std::shared_ptr<object::ClassCode>> codes, std::vector<double> shares)
      : codes_(std::move(codes)), shares_(std::move(shares)) {}
  std::shared_ptr<object::ClassCode> For(const ObjectId& id) const override {
    std::string_view base(reinterpret_cast<const char*>(id.base.data()), id.base.size());
    return codes_[PickShare(shares_, SharePoint(base))];
  }
  std::unique_ptr<object::Code> Instantiate(object::Instance& instance) override {
    return For(instance.id())->Instantiate(instance);
  }

 private:
  std::vector<std::shared_ptr<object::ClassCode>> codes_;
  std::vector<double> shares_;
};

}  // namespace

std::shared_ptr<object::ClassCode> MakeClassCode(std::shared_ptr<Version> version, ObjectClass object_class) {
  return std::make_shared<JsClass>(std::move(version), std::move(object_class));
}

std::shared_ptr<object::ClassCode> MakeSplitClass(std::vector<std::shared_ptr<object::ClassCode>> codes,
                                                  std::vector<double> shares) {
  return std::make_shared<SplitClass>(std::move(codes), std::move(shares));
}

}  // namespace limpet::worker
