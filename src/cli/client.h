// The REST API, called and waited for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/function.h"
#include "base/json.h"
#include "base/result.h"

namespace limpet::cli {

// A refusal of the server: code, text and meta of the envelope's first error.
struct ApiAnswer {
  bool success = false;
  Json result, info;  // result_info
  int64_t code = 0;
  std::string message;
  Json meta;
  Bytes file;  // Instead of a result: what was asked for is one.
};

// One loop of its own on the calling thread; every call blocks.
class Client {
 public:
  struct Options {
    std::string server;  // "http://127.0.0.1:8788"
    std::string token;
  };
  // Errors: kInvalidArgument (the server's address).
  static Result<std::unique_ptr<Client>> Open(Options options);
  virtual ~Client() = default;
  // `path` below /client/v4. Errors: kUnavailable (no server, no envelope), with advice.
  virtual Result<ApiAnswer> Call(std::string method, std::string path, std::string body, std::string content_type) = 0;
  // The same with another token than the server's.
  virtual Result<ApiAnswer> CallAs(const std::string& token, std::string method, std::string path, std::string body,
                                   std::string content_type) = 0;
  // A call that may send or bring a file larger than memory.
  struct Transfer {
    int upload = -1;  // Its content is the body: `upload_bytes`, from where it stands. -1: none.
    uint64_t upload_bytes = 0;
    std::string body;  // If there is no upload.
    std::string content_type;
    int download = -1;                                          // Where a file goes that is the answer.
    std::function<void(uint64_t bytes, uint64_t of)> progress;  // `of` is 0 if nobody knows. May be empty.
    uint64_t downloaded = 0;                                    // How much it was.
  };
  // Errors: as Call; kUnavailable also if a file can't be read or written, or the answer breaks off.
  virtual Result<ApiAnswer> CallWith(Transfer& transfer, std::string method, std::string path);
  // Connects the WebSocket `url` (ws: or wss:) and gives each text to `on_text`, until the other side closes.
  // Errors: kUnavailable.
  virtual Result<Done> Listen(std::string url, std::string protocol, FunctionRef<void(BytesView)> on_text) = 0;
  Result<ApiAnswer> Get(std::string path) { return Call("GET", std::move(path), {}, {}); }
};

// --server, then LIMPET_SERVER, the login, the local server's profile, the default; the same for the token. With
// LIMPET_PROFILE (Main sets it for --profile) that login comes before the environment. Empty arguments: not given.
// Errors: kNotFound if there is no token anywhere, with advice.
Result<Client::Options> FindServer(const std::string& server, const std::string& token);
// A client of that server.
Result<std::unique_ptr<Client>> Connect(const std::string& server, const std::string& token);
// For a segment or a query of a path: every byte that is no letter or digit is escaped.
std::string EscapeForUrl(const std::string& text);
// What the server's refusal says to people.
Error Refused(const ApiAnswer& answer);

}  // namespace limpet::cli
