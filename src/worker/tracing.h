// Records of events for those who listen to a script. On the shard's thread; nothing is made while nobody listens.
#pragma once

#include <memory>

#include "object/code.h"
#include "worker/runtime.h"

namespace limpet::worker {

// The record of an event that begins now; null: nobody listens to the script, over the control plane or by its tail().
// kTail: of such a tail(), which is told to no further one.
enum class TraceOf : uint8_t { kEvent, kTail };
std::shared_ptr<TraceEvent> BeginTrace(const ShardDeps& deps, const ScriptVersion& version,
                                       TraceOf what = TraceOf::kEvent);
// It is a request, or a call of a method.
void DescribeRequest(TraceEvent& trace, const HttpRequest& request);

// `reply`, which notes the answer beforehand.
object::OnReply Noting(std::shared_ptr<TraceEvent> trace, object::OnReply reply);
// The event, of `version`, is over.
void EmitTrace(const ShardDeps& deps, const ScriptVersion& version, const std::shared_ptr<TraceEvent>& trace,
               TraceOf what = TraceOf::kEvent);

// The same for an event of an object, whose record goes out once what it wrote is durable. A reply that is destroyed
// unused means that the event was canceled.
object::OnReply NotingObject(const ShardDeps& deps, const ScriptVersion& version, std::shared_ptr<TraceEvent> trace,
                             object::Instance& instance, object::OnReply reply);

}  // namespace limpet::worker
