#include "worker/tracing.h"

#include <utility>

namespace limpet::worker {
namespace {

using OnTrace = std::function<void(std::shared_ptr<const TraceEvent>)>;

int64_t Milliseconds(WallTime time) { return time.time_since_epoch().count(); }

void Note(TraceEvent& trace, const Result<HttpResponse>& result) {
  if (result.has_value()) {
    trace.status = trace.kind == TraceEvent::Kind::kFetch ? result.value().status : 0;
  } else {
    trace.SetOutcome(result.error());
  }
}

// Whom an event is told to when it is over.
struct Listeners {
  Listeners(const ShardDeps& deps, const ScriptVersion& version, TraceOf what) {
    if (deps.traced.contains(version.script_name)) on_trace = deps.on_trace;
    auto found = deps.consumers.find(version.script_name);
    if (what == TraceOf::kTail || found == deps.consumers.end()) return;
    consumers = found->second;
    tell_consumers = deps.tell_consumers;
  }
  void Tell(const loop::Loop& loop, TraceEvent& trace) const {
    trace.wall_ms = Milliseconds(loop.WallNow()) - trace.time_ms;
    // What is said later goes nowhere: what has gone out belongs to other threads.
    auto sent = std::make_shared<const TraceEvent>(std::move(trace));
    if (on_trace) on_trace(sent);
    if (tell_consumers) tell_consumers(consumers, sent);
  }
  OnTrace on_trace;
  std::vector<std::string> consumers;
  decltype(ShardDeps::tell_consumers) tell_consumers;
};

// An event of an object under way. Everything by value: it may outlive the shard's scripts.
class ObjectTrace {
 public:
  ObjectTrace(const ShardDeps& deps, const ScriptVersion& version, std::shared_ptr<TraceEvent> trace)
      : loop_(*deps.loop), listeners_(deps, version, TraceOf::kEvent), trace_(std::move(trace)) {}
  ObjectTrace(ObjectTrace&& other) noexcept = default;
  ObjectTrace& operator=(ObjectTrace&&) = delete;
  ~ObjectTrace() {
    if (trace_ == nullptr) return;
    trace_->outcome = "canceled";
    listeners_.Tell(loop_, *trace_);
  }
  void Over(object::Instance& instance, const Result<HttpResponse>& result) {
    Note(*trace_, result);
    // What the event said waits for the gate as well, and comes first.
    instance.WhenDurable(
        [&loop = loop_, listeners = listeners_, trace = std::exchange(trace_, nullptr)](Result<Done> durable) {
          if (!durable.has_value()) trace->SetOutcome(durable.error());
          listeners.Tell(loop, *trace);
        });
  }

 private:
  const loop::Loop& loop_;
  Listeners listeners_;
  std::shared_ptr<TraceEvent> trace_;  // Null: it has gone out, or was moved from.
};

}  // namespace

std::shared_ptr<TraceEvent> BeginTrace(const ShardDeps& deps, const ScriptVersion& version, TraceOf what) {
  bool told = what == TraceOf::kEvent && !deps.consumers.empty() && deps.consumers.contains(version.script_name);
  if (!told && (deps.traced.empty() || !deps.traced.contains(version.script_name))) return nullptr;
  auto trace = std::make_shared<TraceEvent>();
  trace->script_name = version.script_name;
  trace->version_id = version.version_id;
  trace->time_ms = Milliseconds(deps.loop->WallNow());
  return trace;
}

void DescribeRequest(TraceEvent& trace, const HttpRequest& request) {
  trace.kind = request.rpc ? TraceEvent::Kind::kRpc : TraceEvent::Kind::kFetch;
  if (request.rpc) return;
  trace.method = request.method;
  trace.url = request.url;
  trace.headers = request.headers;
  trace.cf = request.cf;
}

object::OnReply Noting(std::shared_ptr<TraceEvent> trace, object::OnReply reply) {
  return [trace = std::move(trace), reply = std::move(reply)](Result<HttpResponse> result) mutable {
    Note(*trace, result);
    reply(std::move(result));
  };
}

void EmitTrace(const ShardDeps& deps, const ScriptVersion& version, const std::shared_ptr<TraceEvent>& trace,
               TraceOf what) {
  Listeners(deps, version, what).Tell(*deps.loop, *trace);
}

object::OnReply NotingObject(const ShardDeps& deps, const ScriptVersion& version, std::shared_ptr<TraceEvent> trace,
                             object::Instance& instance, object::OnReply reply) {
  return [under_way = ObjectTrace(deps, version, std::move(trace)), &instance,
          reply = std::move(reply)](Result<HttpResponse> result) mutable {
    under_way.Over(instance, result);
    reply(std::move(result));
  };
}

}  // namespace limpet::worker
