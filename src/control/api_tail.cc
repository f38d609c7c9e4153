// Tails: POST opens one and names its WebSocket, which the listener connects; DELETE, or its Close, ends it.
#include "control/plane.h"

namespace limpet::control {

void Plane::TellTraced() {
  deps_.runtime.SetTraced(deployer_->WithPreviews(tails_.Traced()), [](Result<Done>) {});
}

Plane::Answer Plane::PostTail(Call call) {
  Decision<Json> body = ParseBody(call);
  if (!body.ok()) co_return Failure(body.refusal());
  if (catalog_->Find(call.script) == nullptr) co_return Failure(NoSuchScript(call.script));
  Decision<TailFilters> filters = TailFilters::Read((*body)["filters"]);
  if (!filters.ok()) co_return Failure(filters.refusal());
  Decision<TailHub::Opened> opened = tails_.Open(call.script, *std::move(filters));
  if (!opened.ok()) co_return Failure(opened.refusal());
  // Who listens misses nothing that begins after the answer.
  loop::Completion<Result<Done>> traced(
      [&](auto done) { deps_.runtime.SetTraced(deployer_->WithPreviews(tails_.Traced()), std::move(done)); });
  (void)co_await traced;
  Json tail = Json().Set("id", opened->id).Set("expires_at", IsoTime(opened->expires));
  tail.Set("url", (call.secure ? "wss://" : "ws://") + call.target.host + std::string(kTailPath) + opened->id);
  co_return Success(std::move(tail));
}

Plane::Answer Plane::DeleteTail(Call call) {
  tails_.Close(call.target.segments.back());
  co_return Success(nullptr);
}

HttpResponse Plane::ConnectTail(const Target& target) {
  std::unique_ptr<WebSocketEnd> end = tails_.Connect(target.segments.back());
  if (end == nullptr) return PlainText(404, "There is no such tail.\n");
  HttpResponse response;
  response.status = 101;
  response.headers.Append("Sec-WebSocket-Protocol", kTailProtocol);
  response.websocket = std::move(end);
  return response;
}

// Whoever listens to a script hears of its previews, too, under its name.
void Plane::OnTrace(std::shared_ptr<const TraceEvent> trace) {
  std::string script = deployer_->ScriptOf(trace->script_name);
  if (script == trace->script_name) return tails_.Tell(*trace);
  TraceEvent named = *trace;
  named.script_name = std::move(script);
  tails_.Tell(named);
}

}  // namespace limpet::control
