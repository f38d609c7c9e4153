// The REST API's plumbing: routes, envelopes, who may ask. Pure, but for reading bodies.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http.h"
#include "base/json.h"
#include "control/control_plane.h"
#include "control/lifecycle.h"
#include "loop/task.h"

namespace limpet::control {

// A request's target, taken apart. Segments are split on the undecoded path, then decoded.
struct Target {
  std::string host;                   // With port, as in the URL.
  std::vector<std::string> segments;  // "client", "v4", …
  std::vector<std::pair<std::string, std::string>> query;
  std::string path;  // Undecoded, without the query.

  std::string_view Query(std::string_view name) const;  // Empty if absent.
};
Target ParseTarget(std::string_view url);
std::string PercentDecode(std::string_view text);

// Does "/client/v4/accounts/*/x" match? A "*" matches one segment.
bool Matches(std::string_view pattern, const std::vector<std::string>& segments);

// May a browser or tool that asked for this host talk to the admin port? (DNS rebinding, foreign pages.) Nothing: yes.
std::optional<Refusal> CheckHostAndOrigin(const Target& target, const HeaderList& headers,
                                          const std::vector<std::string>& admin_hosts);
// Compares in a time that does not depend on where they differ.
bool EqualsConstantTime(std::string_view a, std::string_view b);

HttpResponse Success(Json result);
HttpResponse Success(Json result, Json result_info);
HttpResponse Failure(const Refusal& refusal);
HttpResponse PlainText(int status, std::string text);

// The whole body. Refusal 413 over `bytes_max`.
loop::Task<Decision<Bytes>> ReadBody(Body body, size_t bytes_max);

}  // namespace limpet::control
