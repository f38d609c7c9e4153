#include "cli/kv.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "base/multipart.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/json_list.h"
#include "cli/kv_bulk.h"
#include "cli/publish.h"

namespace limpet::cli {
namespace {

constexpr char kNamespaces[] = "/accounts/local/storage/kv/namespaces";
constexpr size_t kPerPage = 1000;
constexpr size_t kBulkStep = 1000;                       // Pairs of one request,
constexpr size_t kBulkBytes = size_t{32} * 1024 * 1024;  // and of their values; one value may be larger.
constexpr int64_t kNoNamespace = 10013;
constexpr char kJsonType[] = "application/json";

int Fail(const Terminal& terminal, const Error& error) {
  terminal.Error(error.message());
  return kExitRefused;
}

Result<ApiAnswer> Ask(Client& client, const char* method, const std::string& path, std::string body = {},
                      std::string type = kJsonType) {
  if (body.empty()) type.clear();
  LIMPET_TRY(ApiAnswer answer, client.Call(method, path, std::move(body), std::move(type)));
  if (!answer.success) return Refused(answer);
  return answer;
}

Result<std::string> ReadFile(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(ErrorCode::kNotFound, "can't read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<Json::Array> AllNamespaces(Client& client) {
  Json::Array all;
  for (size_t page = 1;; ++page) {
    std::string query = "?order=title&per_page=" + std::to_string(kPerPage) + "&page=" + std::to_string(page);
    LIMPET_TRY(ApiAnswer answer, Ask(client, "GET", kNamespaces + query));
    for (const Json& item : answer.result.items()) all.push_back(item);
    if (answer.result.items().size() < kPerPage) return all;
  }
}

Result<std::string> IdOfTitle(Client& client, const std::string& title) {
  LIMPET_TRY(Json::Array all, AllNamespaces(client));
  for (const Json& item : all) {
    if (item["title"].AsString() == title) return item["id"].AsString();
  }
  return Error(ErrorCode::kNotFound, "there is no KV namespace \"" + title + "\". See: limpet kv namespace list");
}

// `id` empty: the server makes one.
Result<Json> Create(Client& client, const std::string& title, const std::string& id = {}) {
  Json body = Json().Set("title", title);
  if (!id.empty()) body.Set("id", id);
  LIMPET_TRY(ApiAnswer made, Ask(client, "POST", kNamespaces, ToText(body)));
  return std::move(made.result);
}

// What a namespace is called that publishing makes for a binding without an ID: as wrangler 4 does.
std::string ProvidedTitle(const std::string& script, std::string binding) {
  std::ranges::replace(binding, '_', '-');
  return script + "-" + ToLowerAscii(binding);
}

// The namespace of a binding without an ID: what the script on the server has under its name, if it is still there,
// else the one with the title that publishing gives. Empty: none.
Result<std::string> IdOfUnnamed(Client& client, const std::string& script, const std::string& binding,
                                const Json::Array& known) {
  LIMPET_TRY(ApiAnswer settings, client.Get("/accounts/local/workers/scripts/" + EscapeForUrl(script) + "/settings"));
  std::string deployed;
  for (const Json& item : settings.result["bindings"].items()) {
    bool same = item["type"].AsString() == "kv_namespace" && item["name"].AsString() == binding;
    if (same) deployed = item["namespace_id"].AsString();
  }
  std::string titled;
  for (const Json& item : known) {
    if (item["id"].AsString() == deployed) return deployed;
    if (item["title"].AsString() == ProvidedTitle(script, binding)) titled = item["id"].AsString();
  }
  return titled;
}

// --namespace-id, or what the configuration has for --binding.
Result<std::string> FindId(const Arguments& arguments, Client& client, const Terminal& terminal) {
  const KvArguments& kv = arguments.kv;
  if (!kv.namespace_id.empty()) return kv.namespace_id;
  if (kv.binding.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "say which namespace: --namespace-id ID, or --binding NAME of the "
                 "project's kv_namespaces");
  }
  std::optional<ProjectConfig> config = LoadProject(arguments, terminal);
  if (!config) return Error(ErrorCode::kInvalidArgument, "--binding needs the project's configuration");
  for (const Json& binding : config->bindings) {
    if (binding["type"].AsString() != "kv_namespace" || binding["name"].AsString() != kv.binding) continue;
    const std::string& id = binding[kv.preview ? "preview_id" : "namespace_id"].AsString();
    if (!id.empty()) return id;
    if (kv.preview) return Error(ErrorCode::kNotFound, "the binding \"" + kv.binding + "\" has no \"preview_id\"");
    LIMPET_TRY(Json::Array known, AllNamespaces(client));
    LIMPET_TRY(std::string found, IdOfUnnamed(client, config->name, kv.binding, known));
    if (!found.empty()) return found;
    return Error(ErrorCode::kNotFound, "the binding \"" + kv.binding + "\" has no namespace yet: publish the project");
  }
  return Error(ErrorCode::kNotFound, "the project's kv_namespaces have no binding \"" + kv.binding + "\"");
}

std::string TitleOf(const Arguments& arguments, const std::string& name) {
  std::string environment = arguments.environment.empty() ? "" : arguments.environment + "-";
  return environment + name + (arguments.kv.preview ? "_preview" : "");
}

std::string BindingName(const std::string& title) {
  std::string name;
  for (char c : title) name.push_back(std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_');
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name.insert(0, "_");
  return name;
}

// Whoever was asked said no, and has been told what came of it.
Error Declined() { return Error(ErrorCode::kCanceled, "declined"); }

Result<Done> RunNamespace(const Arguments& arguments, Client& client, const Terminal& terminal) {
  const KvArguments& kv = arguments.kv;
  if (arguments.action == "list") {
    LIMPET_TRY(Json::Array all, AllNamespaces(client));
    if (arguments.output_json) {
      JsonList list(terminal);
      for (const Json& item : all) list.Add(item);
      list.End();
      return Done{};
    }
    for (const Json& item : all) terminal.Result(item["id"].AsString() + "  " + item["title"].AsString());
    return Done{};
  }
  if (arguments.action == "create") {
    std::string title = TitleOf(arguments, kv.name);
    LIMPET_TRY(Json made, Create(client, title, kv.id));
    if (arguments.output_json) {
      terminal.Result(ToText(made));
      return Done{};
    }
    if (!kv.id.empty()) {
      terminal.Info("Made the namespace \"" + title + "\" with the ID " + kv.id);
      return Done{};
    }
    terminal.Info("Made the namespace \"" + title + "\". For wrangler.toml:");
    terminal.Result("[[kv_namespaces]]\nbinding = \"" + BindingName(kv.name) + "\"\n" +
                    (kv.preview ? "preview_id" : "id") + " = \"" + made["id"].AsString() + "\"");
    return Done{};
  }
  std::string id;
  if (!kv.name.empty() && kv.namespace_id.empty()) {
    LIMPET_TRY(id, IdOfTitle(client, kv.name));
  } else {
    LIMPET_TRY(id, FindId(arguments, client, terminal));
  }
  std::string path = std::string(kNamespaces) + "/" + EscapeForUrl(id);
  if (arguments.action == "rename") {
    LIMPET_TRY(ApiAnswer renamed, Ask(client, "PUT", path, ToText(Json().Set("title", kv.new_name))));
    (void)renamed;
    terminal.Info("Renamed it to \"" + kv.new_name + "\"");
  } else {
    if (!Confirmed(arguments, "Delete the namespace " + id + " and all that is in it?", terminal)) return Declined();
    LIMPET_TRY(ApiAnswer deleted, Ask(client, "DELETE", path));
    (void)deleted;
    terminal.Info("Deleted the namespace " + id + " and all that was in it");
  }
  return Done{};
}

Result<Done> PutValue(const KvArguments& kv, Client& client, const std::string& path) {
  std::string value = kv.value;
  if (!kv.path.empty()) {
    LIMPET_TRY(value, ReadFile(kv.path));
  } else if (!kv.has_value) {
    return Error(ErrorCode::kInvalidArgument, "give a value, or --path FILE (\"-\": standard input)");
  }
  std::string query;
  if (kv.ttl) query += "&expiration_ttl=" + std::to_string(*kv.ttl);
  if (kv.expiration) query += "&expiration=" + std::to_string(*kv.expiration);
  if (!query.empty()) query[0] = '?';
  SystemRandom random;
  FormWriter form("----limpet-" + std::to_string(random.Next()) + std::to_string(random.Next()));
  form.Add("value", std::nullopt, "", value);
  if (!kv.metadata.empty()) form.Add("metadata", std::nullopt, "", kv.metadata);
  std::string type = form.content_type();
  LIMPET_TRY(ApiAnswer put, Ask(client, "PUT", path + query, std::move(form).Finish(), type));
  (void)put;
  return Done{};
}

Result<Done> ListKeys(const Arguments& arguments, Client& client, const std::string& path, const Terminal& terminal) {
  std::string cursor;
  JsonList list(terminal);
  do {
    std::string query = "?prefix=" + EscapeForUrl(arguments.kv.prefix) + "&cursor=" + cursor;
    LIMPET_TRY(ApiAnswer page, Ask(client, "GET", path + query));
    for (const Json& key : page.result.items()) {
      if (arguments.output_json) {
        list.Add(key);
      } else {
        terminal.Result(key["name"].AsString());
      }
    }
    cursor = page.info["cursor"].AsString();
  } while (!cursor.empty());
  if (arguments.output_json) list.End();
  return Done{};
}

Result<Done> RunKey(const Arguments& arguments, Client& client, const std::string& path, const Terminal& terminal) {
  const KvArguments& kv = arguments.kv;
  if (arguments.action == "list") return ListKeys(arguments, client, path + "/keys", terminal);
  std::string value_path = path + "/values/" + EscapeForUrl(kv.name);
  if (arguments.action == "get") {
    LIMPET_TRY(ApiAnswer answer, Ask(client, "GET", value_path));
    std::fwrite(answer.file.data(), 1, answer.file.size(), stdout);
    return Done{};
  }
  if (arguments.action == "delete") {
    LIMPET_TRY(ApiAnswer deleted, Ask(client, "DELETE", value_path));
    (void)deleted;
    terminal.Info("Deleted " + kv.name);
    return Done{};
  }
  LIMPET_TRY(Done put, PutValue(kv, client, value_path));
  (void)put;
  terminal.Info("Stored " + kv.name);
  return Done{};
}

// A file with a list: what is written or deleted, some at a time; or the keys whose values are wanted.
Result<Done> RunBulk(const Arguments& arguments, Client& client, const std::string& path, const Terminal& terminal) {
  const std::string& file = arguments.kv.name;
  LIMPET_TRY(std::string text, ReadFile(file));
  Result<Json> list = ParseJson(text);
  if (!list.has_value()) return std::move(list).error().While(file);
  Json::Array items = list->items();
  if (arguments.action == "put") {
    LIMPET_TRY(items, ReadPairs(*list, file));
  } else if (!list->is_array()) {
    return Error(ErrorCode::kInvalidArgument, file + " must hold a JSON list of keys");
  }
  const std::string keys = std::to_string(items.size()) + (items.size() == 1 ? " key" : " keys");
  if (arguments.action == "delete" && !Confirmed(arguments, "Delete " + keys + "?", terminal)) return Declined();
  size_t step = arguments.action == "get" ? 100 : kBulkStep;
  for (Json& item : items) {
    if (arguments.action == "put") continue;
    // Keys, or what a list of keys gives.
    if (!item.is_object()) continue;
    Json key = item["name"].is_string() ? item["name"] : item["key"];
    item = std::move(key);
  }
  Json values = Json::MakeObject();
  for (size_t at = 0, end = 0; at < items.size(); at = end) {
    size_t bytes = 0;
    for (end = at; end < items.size() && end < at + step; ++end) {
      bytes += items[end]["value"].AsString().size();
      if (bytes > kBulkBytes && end > at) break;
    }
    Json part =
        Json::MakeArray({items.begin() + static_cast<ptrdiff_t>(at), items.begin() + static_cast<ptrdiff_t>(end)});
    if (arguments.action == "get") {
      LIMPET_TRY(ApiAnswer got, Ask(client, "POST", path + "/bulk/get", ToText(Json().Set("keys", std::move(part)))));
      for (const auto& [key, value] : got.result["values"].members()) values.Set(key, value);
    } else {
      LIMPET_TRY(ApiAnswer done,
                 Ask(client, arguments.action == "put" ? "PUT" : "DELETE", path + "/bulk", ToText(part)));
      (void)done;
    }
  }
  if (arguments.action == "get") {
    std::string text_of_all = ToText(values, JsonStyle::kPretty);
    text_of_all.pop_back();  // The line end: Result writes one.
    terminal.Result(text_of_all);
  } else {
    terminal.Info((arguments.action == "put" ? "Stored " : "Deleted ") + keys);
  }
  return Done{};
}

// Whether the command itself prints a result: what only does something has none of its own.
bool HasResult(const Arguments& arguments) {
  const std::string& action = arguments.action;
  return action == "list" || action == "create";
}

Result<Done> Run(const Arguments& arguments, const Terminal& terminal) {
  LIMPET_TRY(std::unique_ptr<Client> client, Connect(arguments.server, arguments.token));
  if (arguments.kv.group == "namespace") return RunNamespace(arguments, *client, terminal);
  LIMPET_TRY(std::string id, FindId(arguments, *client, terminal));
  std::string path = std::string(kNamespaces) + "/" + EscapeForUrl(id);
  if (arguments.kv.group == "key") return RunKey(arguments, *client, path, terminal);
  if (arguments.action == "export") return ExportPairs(*client, path, terminal);
  return RunBulk(arguments, *client, path, terminal);
}

}  // namespace

int RunKv(const Arguments& arguments, const Terminal& terminal) {
  Result<Done> done = Run(arguments, terminal);
  if (!done.has_value() && done.error().code() == ErrorCode::kCanceled) return kExitRefused;
  if (!done.has_value()) return Fail(terminal, done.error());
  if (arguments.output_json && !HasResult(arguments)) PrintDone(terminal);
  return kExitOk;
}

namespace {

// The ID of the namespace with this title, made if there is none.
Result<std::string> IdOrNew(Client& client, Json::Array* known, const std::string& title) {
  auto found = std::ranges::find_if(*known, [&](const Json& item) { return item["title"].AsString() == title; });
  if (found == known->end()) {
    LIMPET_TRY(Json made, Create(client, title));
    found = known->insert(known->end(), std::move(made));
  }
  return (*found)["id"].AsString();
}

bool IsKv(const Json& binding) { return binding["type"].AsString() == "kv_namespace"; }

}  // namespace

Result<Done> UseLocalNamespaces(Client& client, ProjectConfig* config) {
  if (std::ranges::none_of(config->bindings, IsKv)) return Done{};
  LIMPET_TRY(Json::Array known, AllNamespaces(client));
  for (Json& binding : config->bindings) {
    if (!IsKv(binding)) continue;
    std::string title = binding["preview_id"].AsString();
    if (title.empty()) title = binding["namespace_id"].AsString();
    if (title.empty()) title = binding["name"].AsString();
    LIMPET_TRY(std::string id, IdOrNew(client, &known, title));
    binding.Erase("preview_id");
    binding.Set("namespace_id", std::move(id));
  }
  return Done{};
}

namespace {

// An error with the commands that make what the configuration names and the server does not have: so a project from
// elsewhere keeps its IDs.
Result<Done> CheckNamed(Client& client, const ProjectConfig& config) {
  std::map<std::string, std::string> missing;  // What is said, by ID.
  for (const Json& binding : config.bindings) {
    const std::string& id = binding["namespace_id"].AsString();
    if (!IsKv(binding) || id.empty()) continue;
    LIMPET_TRY(ApiAnswer found, client.Get(std::string(kNamespaces) + "/" + EscapeForUrl(id)));
    if (found.success) continue;
    if (found.code != kNoNamespace) return Refused(found);
    const std::string& name = binding["name"].AsString();
    std::string text = "there is no KV namespace \"" + id + "\" on this server (binding \"" + name + "\")";
    if (id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos) {
      text += ". To make it, with this ID:\n  limpet kv namespace create " + ProvidedTitle(config.name, name) +
              " --id " + id;
    } else {
      text += ", and this is not an ID (32 digits of hex): leave it out, and publishing makes a namespace";
    }
    missing.emplace(id, std::move(text));
  }
  if (missing.empty()) return Done{};
  std::string all;
  for (const auto& [id, text] : missing) all += (all.empty() ? "" : "\n") + text;
  return Error(ErrorCode::kNotFound, std::move(all));
}

}  // namespace

Result<Done> ProvideNamespaces(Client& client, ProjectConfig* config) {
  LIMPET_TRY([[maybe_unused]] Done named, CheckNamed(client, *config));
  std::optional<Json::Array> known;
  for (Json& binding : config->bindings) {
    if (!IsKv(binding)) continue;
    binding.Erase("preview_id");
    if (!binding["namespace_id"].AsString().empty()) continue;
    if (!known) {
      LIMPET_TRY(known, AllNamespaces(client));
    }
    const std::string name = binding["name"].AsString();
    LIMPET_TRY(std::string id, IdOfUnnamed(client, config->name, name, *known));
    if (id.empty()) {
      LIMPET_TRY(id, IdOrNew(client, &*known, ProvidedTitle(config->name, name)));
    }
    binding.Set("namespace_id", std::move(id));
  }
  return Done{};
}

}  // namespace limpet::cli
