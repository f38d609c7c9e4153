// Requests of `limpet dev` that run a script's scheduled handler by hand, as `wrangler dev` has them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/http.h"
#include "base/result.h"

namespace limpet::server {

struct ManualRun {
  std::string cron;                // Empty: none was given.
  std::optional<int64_t> time_ms;  // Nothing: now.
  enum class Style : uint8_t { kText, kJson, kSentence } style = Style::kText;
  bool refused = false;   // A foreign page asks.
  bool bad_time = false;  // It is no number.
};

// /cdn-cgi/handler/scheduled, /cdn-cgi/local/scheduled and /cdn-cgi/mf/scheduled?cron=…&time=…&format=json, and
// /__scheduled?cron=…. Nothing: `request` is another one.
std::optional<ManualRun> ReadManualRun(const HttpRequest& request);
// "ok" or "exception", the JSON text, or the sentence; 500 if the handler failed. `result`: of
// ShardScripts::RunScheduled.
HttpResponse AnswerManualRun(const ManualRun& run, Result<HttpResponse> result);
HttpResponse RefuseManualRun(const ManualRun& run);

}  // namespace limpet::server
