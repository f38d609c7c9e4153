#include "cli/objects.h"

#include <algorithm>
#include <cctype>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/confirm.h"
#include "cli/json_list.h"

namespace limpet::cli {
namespace {

constexpr char kObjects[] = "/accounts/local/workers/durable_objects";
constexpr uint64_t kPerPage = 1000;

int Fail(const Terminal& terminal, const Error& error) {
  terminal.Error(error.message());
  return kExitRefused;
}

int Fail(const Terminal& terminal, const ApiAnswer& answer) { return Fail(terminal, Refused(answer)); }

// The ID of the namespace that is meant, or why it is not clear.
Result<std::string> ChooseNamespace(const Json& namespaces, const std::string& wanted, const std::string& script) {
  std::string known, found, scripts;
  size_t count = 0;
  for (const Json& one : namespaces.items()) {
    std::string name = one["class"].AsString(), of = one["script"].AsString();
    known += (known.empty() ? "" : ", ") + name + " (" + of + ")";
    if (name != wanted && one["id"].AsString() != wanted) continue;
    if (!script.empty() && of != script) continue;
    found = one["id"].AsString();
    scripts += (scripts.empty() ? "" : ", ") + of;
    ++count;
  }
  if (count == 1) return found;
  if (count > 1) {
    return Error(ErrorCode::kConflict,
                 "Several scripts have a class \"" + wanted + "\": pass --script, one of " + scripts);
  }
  std::string where = script.empty() ? " on this server" : " in the script \"" + script + "\"";
  std::string advice = known.empty() ? "There are none at all." : "There are: " + known;
  return Error(ErrorCode::kNotFound, "There is no class \"" + wanted + "\"" + where + ". " + advice);
}

// Of an ID that is none the server says so; what would be another path never leaves.
bool IsId(const std::string& id) {
  return id.size() == 64 && id.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
}

Error NoId() {
  return Error(ErrorCode::kInvalidArgument,
               "An object's ID is 64 hex digits, as \"limpet objects list\" prints them. To look for a name pass "
               "--class");
}

// Names are anybody's: what a terminal would obey is shown as "?".
std::string Visible(std::string name) {
  std::ranges::replace_if(name, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return name;
}

Result<std::string> FindNamespace(Client& client, const Arguments& arguments) {
  LIMPET_TRY(ApiAnswer all, client.Get(std::string(kObjects) + "/namespaces?per_page=1000&page=1"));
  if (!all.success) return Refused(all);
  return ChooseNamespace(all.result, arguments.object_class, arguments.script);
}

// The ID that was given, or that of the object with the name that was given.
Result<std::string> ChosenObject(const Arguments& arguments) {
  if (arguments.object_class.empty()) {
    if (IsId(arguments.object_id)) return arguments.object_id;
    return NoId();
  }
  LIMPET_TRY(std::unique_ptr<Client> client, Connect(arguments.server, arguments.token));
  LIMPET_TRY(std::string ns, FindNamespace(*client, arguments));
  std::string path = std::string(kObjects) + "/namespaces/" + ns + "/objects?name=" + EscapeForUrl(arguments.object_id);
  LIMPET_TRY(ApiAnswer found, client->Get(path));
  if (!found.success) return Refused(found);
  if (!found.result.items().empty()) return found.result.items()[0]["id"].AsString();
  return Error(ErrorCode::kNotFound, "No object of that class and name stores anything.");
}

}  // namespace

Result<ApiAnswer> CallObject(const Arguments& arguments, const std::string& method, const std::string& rest,
                             std::string body, std::string content_type) {
  if (!IsId(arguments.object_id)) return NoId();
  LIMPET_TRY(std::unique_ptr<Client> client, Connect(arguments.server, arguments.token));
  return client->Call(method, std::string(kObjects) + "/objects/" + arguments.object_id + rest, std::move(body),
                      std::move(content_type));
}

Result<ApiAnswer> TransferObject(const Arguments& arguments, Client::Transfer& transfer, const std::string& method,
                                 const std::string& rest) {
  if (!IsId(arguments.object_id)) return NoId();
  LIMPET_TRY(std::unique_ptr<Client> client, Connect(arguments.server, arguments.token));
  return client->CallWith(transfer, method, std::string(kObjects) + "/objects/" + arguments.object_id + rest);
}

int RunObjectsList(const Arguments& arguments, const Terminal& terminal) {
  if (arguments.limit && (*arguments.limit == 0 || *arguments.limit > INT64_MAX)) {  // CLI11 takes -1 for the largest.
    return Fail(terminal, Error(ErrorCode::kInvalidArgument, "--limit is a number from 1 on"));
  }
  Result<std::unique_ptr<Client>> client = Connect(arguments.server, arguments.token);
  if (!client.has_value()) return Fail(terminal, client.error());
  Result<std::string> ns = FindNamespace(*client.value(), arguments);
  if (!ns.has_value()) return Fail(terminal, ns.error());
  uint64_t left = arguments.limit.value_or(UINT64_MAX);
  std::string filter = arguments.name_prefix.empty() ? "" : "&name_prefix=" + EscapeForUrl(arguments.name_prefix);
  std::string cursor;
  JsonList list(terminal);
  while (left > 0) {
    std::string path = std::string(kObjects) + "/namespaces/" + *ns +
                       "/objects?limit=" + std::to_string(std::min(left, kPerPage)) + filter;
    Result<ApiAnswer> page = client.value()->Get(path + (cursor.empty() ? "" : "&cursor=" + EscapeForUrl(cursor)));
    if (!page.has_value()) return Fail(terminal, page.error());
    if (!page->success) return Fail(terminal, page.value());
    for (const Json& object : page->result.items()) {
      if (arguments.output_json) {
        list.Add(object);
        continue;
      }
      const std::string &id = object["id"].AsString(), &name = object["name"].AsString();
      terminal.Result(name.empty() ? id : id + "  " + Visible(name));
    }
    left -= page->result.items().size();
    cursor = page->info["cursor"].AsString();
    if (cursor.empty()) break;
  }
  if (arguments.output_json) list.End();
  return kExitOk;
}

int RunObjectsGet(const Arguments& arguments, const Terminal& terminal) {
  Result<std::string> id = ChosenObject(arguments);
  if (!id.has_value()) return Fail(terminal, id.error());
  Arguments chosen = arguments;
  chosen.object_id = std::move(id).value();
  Result<ApiAnswer> answer = CallObject(chosen, "GET");
  if (!answer.has_value()) return Fail(terminal, answer.error());
  if (!answer->success) return Fail(terminal, answer.value());
  const Json& object = answer->result;
  if (arguments.output_json) {
    terminal.Result(ToText(object));
    return kExitOk;
  }
  terminal.Result("class     " + object["class"].AsString() + " of " + object["script"].AsString());
  if (object["id"].AsString() != arguments.object_id) terminal.Result("id        " + object["id"].AsString());
  if (const Json* name = object.Find("name")) terminal.Result("name      " + Visible(name->AsString()));
  if (!object["hasStoredData"].AsBool()) {
    terminal.Result("stores    nothing");
    return kExitOk;
  }
  if (const Json* alarm = object.Find("alarm")) terminal.Result("alarm     " + alarm->AsString());
  if (int64_t bytes = object["database_bytes"].AsInt64(); bytes > 0) {
    terminal.Result("database  " + std::to_string(bytes) + " bytes");
  }
  if (int64_t bytes = object["pairs_bytes"].AsInt64(); bytes > 0) {
    std::string more = object["keys_complete"].AsBool() ? "" : ", and more";
    terminal.Result("pairs     " + std::to_string(bytes) + " bytes" + more);
  }
  terminal.Result("stored    " + std::to_string(object["stored_bytes"].AsInt64()) + " bytes");
  terminal.Result("commit    " + std::to_string(object["commit_number"].AsInt64()));
  for (const Json& key : object["keys"].items()) {
    terminal.Result("key       " + key["key"].AsString() + "  " + std::to_string(key["bytes"].AsInt64()) + " bytes");
  }
  if (!object["keys_complete"].AsBool()) terminal.Info("There are more keys than these.");
  return kExitOk;
}

int RunObjectsDelete(const Arguments& arguments, const Terminal& terminal) {
  const std::string question = "Delete all that the object " + arguments.object_id + " has stored, and its history?";
  if (!Confirmed(arguments, question, terminal)) return kExitRefused;
  Result<ApiAnswer> answer = CallObject(arguments, "DELETE");
  if (!answer.has_value()) return Fail(terminal, answer.error());
  if (!answer->success) return Fail(terminal, answer.value());
  if (arguments.output_json) PrintDone(terminal);
  terminal.Info(
      "Deleted all that the object stored, and its history. If it was in memory it was reset: who called it got an "
      "error.");
  return kExitOk;
}

}  // namespace limpet::cli
