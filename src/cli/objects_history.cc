// `limpet objects bookmarks|export|import|fork|restore`: the time machine of a running server's objects.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

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

// A descriptor that is closed at the end; -1: none.
class File {
 public:
  explicit File(int file) : file_(file) {}
  ~File() {
    if (file_ >= 0) ::close(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return file_; }

 private:
  const int file_;
};

// One line that is written over and over, on a terminal alone.
class ProgressLine {
 public:
  explicit ProgressLine(const char* what) : what_(what), shown_(::isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (any_) std::fprintf(stderr, "\r\x1b[K");
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void Show(uint64_t bytes, uint64_t of) {
    auto now = std::chrono::steady_clock::now();
    if (!shown_ || (any_ && bytes != of && now - last_ < std::chrono::milliseconds(200))) return;
    last_ = now;
    any_ = true;
    std::string text = std::string(what_) + " " + std::to_string(bytes >> 20) + " MiB";
    if (of > 0) text += " of " + std::to_string(of >> 20) + " MiB";
    if (of > 0 && bytes == of) text += ", waiting for the server";
    std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
  }

 private:
  const char* const what_;
  const bool shown_;
  bool any_ = false;
  std::chrono::steady_clock::time_point last_{};
};

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
  // What is there already stays as it is.
  File file(::open(arguments.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0 && errno == EEXIST) {
    return Fail(terminal, Error(ErrorCode::kConflict, arguments.file + " is there already: choose another name"));
  }
  if (file.get() < 0) return Fail(terminal, FileFailed("write", arguments.file));
  Client::Transfer transfer;
  transfer.download = file.get();
  Result<ApiAnswer> answer = [&] {
    ProgressLine line("Received");
    transfer.progress = [&line](uint64_t bytes, uint64_t of) { line.Show(bytes, of); };
    return Ask(TransferObject(arguments, transfer, "GET", "/export" + AtQuery(arguments.at)));
  }();
  if (!answer.has_value()) {
    ::unlink(arguments.file.c_str());
    return Fail(terminal, answer.error());
  }
  if (arguments.output_json) {
    PrintDone(terminal, Json().Set("file", arguments.file).Set("bytes", transfer.downloaded));
  }
  terminal.Info("Wrote " + arguments.file + ": " + std::to_string(transfer.downloaded) +
                " bytes. Pairs are in the table _cf_KV, as V8 serialised them.");
  return kExitOk;
}

int RunObjectsImport(const Arguments& arguments, const Terminal& terminal) {
  File file(::open(arguments.file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about{};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) return Fail(terminal, FileFailed("read", arguments.file));
  if (!S_ISREG(about.st_mode)) {
    return Fail(terminal, Error(ErrorCode::kInvalidArgument, arguments.file + " is no file"));
  }
  Client::Transfer transfer;
  transfer.upload = file.get();
  transfer.upload_bytes = static_cast<uint64_t>(about.st_size);
  transfer.content_type = "application/vnd.sqlite3";
  Result<ApiAnswer> answer = [&] {
    ProgressLine line("Sent");
    transfer.progress = [&line](uint64_t bytes, uint64_t of) { line.Show(bytes, of); };
    return Ask(TransferObject(arguments, transfer, "PUT", "/import"));
  }();
  if (!answer.has_value()) return Fail(terminal, answer.error());
  if (arguments.output_json) PrintDone(terminal, answer->result);
  terminal.Info("Replaced all that the object stored. If it was in memory it was reset.");
  if (const Json* before = answer->result.Find("bookmark_before")) {
    terminal.Info("To undo it: limpet objects restore " + arguments.object_id + " --bookmark " + before->AsString());
  }
  return kExitOk;
}

int RunObjectsFork(const Arguments& arguments, const Terminal& terminal) {
  Client::Transfer transfer;
  transfer.body = ToText(Json().Set("to", arguments.to).Set("at", arguments.at));
  transfer.content_type = "application/json";
  Result<ApiAnswer> answer = Ask(TransferObject(arguments, transfer, "POST", "/fork"));
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
