// `limpet objects bookmarks|export|import|fork|restore`: the time machine of a running server's objects.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/json_list.h"
#include "cli/objects.h"

namespace limpet::cli {
namespace {

int Fail(const Terminal& terminal, const Error& error) {
  terminal.Error(error.message());
  return kExitRefused;
}

Result<ApiAnswer> Ask(Result<ApiAnswer> answer) {
  if (answer.has_value() && !answer->success) return Refused(answer.value());
  return answer;
}

std::string AtQuery(const std::string& at) {
  if (at.empty()) return {};
  std::string query = "?at=";
  for (char byte : at) {
    bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                 byte == '-' || byte == '.';
    if (plain) {
      query += byte;
    } else {
      query += "%" + ToHex(BytesView(&byte, 1));
    }
  }
  return query;
}

Error FileFailed(const std::string& what, const std::string& path) {
  return Error(ErrorCode::kUnavailable, what + " " + path + ": " + std::strerror(errno));
}

// What is there already stays as it is.
Result<Done> WriteNew(const std::string& path, BytesView content) {
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return FileFailed("write", path);
  while (!content.empty()) {
    ssize_t wrote = ::write(file, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      Error why = FileFailed("write", path);
      ::close(file);
      ::unlink(path.c_str());
      return why;
    }
    content.remove_prefix(static_cast<size_t>(wrote));
  }
  ::close(file);
  return Done{};
}

}  // namespace

int RunObjectsBookmarks(const Arguments& arguments, const Terminal& terminal) {
  std::string limit = arguments.limit ? "?limit=" + std::to_string(*arguments.limit) : "";
  Result<ApiAnswer> answer = Ask(CallObject(arguments, "GET", "/bookmarks" + limit));
  if (!answer.has_value()) return Fail(terminal, answer.error());
  if (arguments.output_json) {
    JsonList list(terminal);
    for (const Json& one : answer->result.items()) list.Add(one);
    list.End();
    return kExitOk;
  }
  for (const Json& one : answer->result.items()) {
    terminal.Result(one["time"].AsString() + "  " + one["bookmark"].AsString());
  }
  return kExitOk;
}

int RunObjectsExport(const Arguments& arguments, const Terminal& terminal) {
  if (::access(arguments.file.c_str(), F_OK) == 0) {
    return Fail(terminal, Error(ErrorCode::kConflict, arguments.file + " is there already: choose another name"));
  }
  Result<ApiAnswer> answer = Ask(CallObject(arguments, "GET", "/export" + AtQuery(arguments.at)));
  if (!answer.has_value()) return Fail(terminal, answer.error());
  if (Result<Done> wrote = WriteNew(arguments.file, answer->file); !wrote.has_value()) {
    return Fail(terminal, wrote.error());
  }
  if (arguments.output_json) {
    PrintDone(terminal, Json().Set("file", arguments.file).Set("bytes", uint64_t{answer->file.size()}));
  }
  terminal.Info("Wrote " + arguments.file + ": " + std::to_string(answer->file.size()) +
                " bytes. Pairs are in the table _cf_KV, as V8 serialised them.");
  return kExitOk;
}

int RunObjectsImport(const Arguments& arguments, const Terminal& terminal) {
  std::ifstream file(arguments.file, std::ios::binary);
  if (!file) return Fail(terminal, FileFailed("read", arguments.file));
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  Result<ApiAnswer> answer =
      Ask(CallObject(arguments, "PUT", "/import", std::move(content), "application/vnd.sqlite3"));
  if (!answer.has_value()) return Fail(terminal, answer.error());
  if (arguments.output_json) PrintDone(terminal, answer->result);
  terminal.Info("Replaced all that the object stored. If it was in memory it was reset.");
  if (const Json* before = answer->result.Find("bookmark_before")) {
    terminal.Info("To undo it: limpet objects restore " + arguments.object_id + " --bookmark " + before->AsString());
  }
  return kExitOk;
}

int RunObjectsFork(const Arguments& arguments, const Terminal& terminal) {
  Json body = Json().Set("to", arguments.to).Set("at", arguments.at);
  Result<ApiAnswer> answer = Ask(CallObject(arguments, "POST", "/fork", ToText(body), "application/json"));
  if (!answer.has_value()) return Fail(terminal, answer.error());
  terminal.Result(arguments.output_json ? ToText(answer->result) : answer->result["id"].AsString());
  terminal.Info("The object \"" + arguments.to + "\" stores what that one did at " +
                answer->result["bookmark"].AsString() + ", without its alarm.");
  return kExitOk;
}

int RunObjectsRestore(const Arguments& arguments, const Terminal& terminal) {
  Json body = Json().Set("at", arguments.at);
  Result<ApiAnswer> answer = Ask(CallObject(arguments, "POST", "/restore", ToText(body), "application/json"));
  if (!answer.has_value()) return Fail(terminal, answer.error());
  if (arguments.output_json) PrintDone(terminal, answer->result);
  terminal.Info("Restored the object as of " + answer->result["bookmark"].AsString() +
                ". If it was in memory it was reset.");
  terminal.Info("To undo it: limpet objects restore " + arguments.object_id + " --bookmark " +
                answer->result["bookmark_before"].AsString());
  return kExitOk;
}

}  // namespace limpet::cli
