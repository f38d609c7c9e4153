#include "cli/access.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/json_list.h"

namespace limpet::cli {
namespace {

constexpr char kTokens[] = "/accounts/local/tokens";
constexpr char kAudit[] = "/accounts/local/audit_logs";
constexpr uint64_t kPerPage = 1000;
constexpr uint64_t kAuditDefault = 50;

// The server's answer, or why there is none.
Result<Json> Ask(const Arguments& arguments, std::string method, std::string path, std::string body = {}) {
  LIMPET_TRY(std::unique_ptr<Client> client, Connect(arguments.server, arguments.token));
  std::string type = body.empty() ? "" : "application/json";
  LIMPET_TRY(ApiAnswer answer, client->Call(std::move(method), std::move(path), std::move(body), std::move(type)));
  if (!answer.success) return Refused(answer);
  return std::move(answer.result);
}

int Fail(const Terminal& terminal, const Error& error) {
  terminal.Error(error.message());
  return kExitRefused;
}

// "30d" and "12h" from now; what is neither goes to the server as it is, which knows dates.
std::string ExpiryOf(const std::string& text) {
  uint64_t count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error != std::errc() || (unit != "d" && unit != "h") || count > 100'000) return text;
  std::time_t when = std::time(nullptr) + static_cast<std::time_t>(count * (unit == "d" ? 86'400 : 3'600));
  std::tm parts{};
  gmtime_r(&when, &parts);
  char iso[32];
  std::strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return iso;
}

std::string Pad(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

// "2026-11-24T12:00:00.000Z" as people read it.
std::string Readable(const std::string& iso) {
  if (iso.size() < 19) return iso;
  return iso.substr(0, 10) + " " + iso.substr(11, 8);
}

}  // namespace

int RunTokenCreate(const Arguments& arguments, const Terminal& terminal) {
  std::string expires = ExpiryOf(arguments.expires);
  if (!expires.empty() && (expires.size() < 10 || expires[4] != '-' || expires[7] != '-')) {
    return Fail(terminal,
                Error(ErrorCode::kInvalidArgument,
                      "--expires takes 30d, 12h or a date such as 2027-01-31, not \"" + arguments.expires + "\""));
  }
  Json body;
  body.Set("name", arguments.name).Set("scope", arguments.scope);
  if (!expires.empty()) body.Set("expires_on", expires);
  Result<Json> made = Ask(arguments, "POST", kTokens, ToText(body));
  if (!made.has_value()) return Fail(terminal, made.error());
  if (arguments.output_json) {
    terminal.Result(ToText(*made));
    return kExitOk;
  }
  std::string expiry = (*made)["expires_on"].AsString();
  terminal.Info("Made the token \"" + arguments.name + "\" with the scope \"" + arguments.scope + "\"" +
                (expiry.empty() ? "" : ", until " + Readable(expiry) + " UTC") + ". It is shown this once:");
  terminal.Result((*made)["value"].AsString());
  return kExitOk;
}

int RunTokenList(const Arguments& arguments, const Terminal& terminal) {
  Result<Json> tokens = Ask(arguments, "GET", kTokens);
  if (!tokens.has_value()) return Fail(terminal, tokens.error());
  if (tokens->items().empty() && !arguments.output_json) {
    terminal.Info("There are no tokens but the server's own. Make one: limpet token create NAME --scope deploy");
  }
  JsonList list(terminal);
  for (const Json& token : tokens->items()) {
    if (arguments.output_json) {
      list.Add(token);
      continue;
    }
    std::string expiry = token["expires_on"].AsString();
    terminal.Result(Pad(token["name"].AsString(), 24) + "  " + Pad(token["scope"].AsString(), 6) + "  made " +
                    Readable(token["created_on"].AsString()) + "  " +
                    (expiry.empty() ? "does not expire" : "expires " + Readable(expiry)));
  }
  if (arguments.output_json) list.End();
  return kExitOk;
}

int RunTokenRevoke(const Arguments& arguments, const Terminal& terminal) {
  Result<Json> revoked = Ask(arguments, "DELETE", std::string(kTokens) + "/" + EscapeForUrl(arguments.name));
  if (!revoked.has_value()) return Fail(terminal, revoked.error());
  if (arguments.output_json) PrintDone(terminal, *revoked);
  terminal.Info("Revoked the token \"" + (*revoked)["name"].AsString() + "\".");
  return kExitOk;
}

int RunAudit(const Arguments& arguments, const Terminal& terminal) {
  uint64_t left = arguments.limit.value_or(kAuditDefault);
  std::string before;
  JsonList list(terminal);
  while (left > 0) {
    uint64_t wanted = std::min(left, kPerPage);
    Result<Json> page =
        Ask(arguments, "GET",
            std::string(kAudit) + "?limit=" + std::to_string(wanted) + (before.empty() ? "" : "&before=" + before));
    if (!page.has_value()) return Fail(terminal, page.error());
    for (const Json& entry : page->items()) {
      before = entry["id"].AsString();
      if (arguments.output_json) {
        list.Add(entry);
        continue;
      }
      constexpr std::string_view kBelow = "/client/v4/accounts/";
      std::string path = entry["path"].AsString();
      if (path.starts_with(kBelow)) path = path.substr(std::min(path.find('/', kBelow.size()), path.size()));
      std::string outcome = entry.Find("status") == nullptr ? "outcome not known"
                            : entry["code"].AsInt64() == 0  ? "done"
                                                            : "refused: " + entry["message"].AsString() + " [" +
                                                                 std::to_string(entry["code"].AsInt64()) + "]";
      terminal.Result(Readable(entry["when"].AsString()) + "  " + Pad(entry["token"].AsString(), 12) + "  " +
                      Pad(entry["method"].AsString(), 6) + " " + path + "  " + outcome);
    }
    uint64_t count = page->items().size();
    if (count < wanted) break;
    left -= count;
  }
  if (arguments.output_json) list.End();
  return kExitOk;
}

}  // namespace limpet::cli
