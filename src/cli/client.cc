#include "cli/client.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/cli.h"
#include "cli/exports_text.h"
#include "loop/asio_loop.h"
#include "net/http_client.h"

namespace limpet::cli {
namespace {

constexpr char kDefaultServer[] = "http://127.0.0.1:8788";
constexpr std::chrono::hours kTransferMax{24};  // The server works on a large file before it answers.
constexpr size_t kReadBytes = 256 * 1024;

using Progress = std::function<void(uint64_t bytes, uint64_t of)>;

class UploadStream final : public BodyStream {
 public:
  explicit UploadStream(const Client::Transfer& transfer) : transfer_(transfer) {}
  void Read(OnChunk on_chunk) override {
    Bytes bytes(std::min<uint64_t>(kReadBytes, transfer_.upload_bytes - sent_), '\0');
    if (bytes.empty()) return on_chunk(std::optional<Bytes>());
    ssize_t got = ::read(transfer_.upload, bytes.data(), bytes.size());
    if (got <= 0) {
      return on_chunk(Error(ErrorCode::kUnavailable, got < 0 ? std::string("read the file: ") + std::strerror(errno)
                                                             : "the file became shorter"));
    }
    bytes.resize(static_cast<size_t>(got));
    sent_ += bytes.size();
    if (transfer_.progress) transfer_.progress(sent_, transfer_.upload_bytes);
    on_chunk(std::optional(std::move(bytes)));
  }

 private:
  const Client::Transfer& transfer_;
  uint64_t sent_ = 0;
};

Result<Done> WriteAll(int file, BytesView bytes) {
  while (!bytes.empty()) {
    ssize_t wrote = ::write(file, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Error(ErrorCode::kUnavailable, std::string("write the file: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return Done{};
}

class NetClient final : public Client {
 public:
  explicit NetClient(Options options) : options_(std::move(options)) {}

  Result<Done> Start() {
    LIMPET_TRY(http_, net::HttpClient::Open(loop_, Settings()));
    return Done{};
  }

  Result<ApiAnswer> Call(std::string method, std::string path, std::string body, std::string content_type) override {
    return CallAs(options_.token, std::move(method), std::move(path), std::move(body), std::move(content_type));
  }

  Result<ApiAnswer> CallAs(const std::string& token, std::string method, std::string path, std::string body,
                           std::string content_type) override {
    HttpRequest request = Request(token, std::move(method), path, content_type);
    if (!content_type.empty()) request.body = Body::Of(std::move(body));
    return Send(*http_, std::move(request), nullptr);
  }

  Result<ApiAnswer> CallWith(Transfer& transfer, std::string method, std::string path) override {
    net::ClientOptions settings = Settings();
    settings.head_timeout = kTransferMax;
    LIMPET_TRY(std::unique_ptr<net::HttpClient> patient, net::HttpClient::Open(loop_, std::move(settings)));
    HttpRequest request = Request(options_.token, std::move(method), path, transfer.content_type);
    if (!transfer.body.empty()) request.body = Body::Of(transfer.body);
    if (transfer.upload >= 0) request.body = Body::Of(std::make_unique<UploadStream>(transfer), transfer.upload_bytes);
    return Send(*patient, std::move(request), &transfer);
  }

  Result<Done> Listen(std::string url, std::string protocol, FunctionRef<void(BytesView)> on_text) override {
    HttpRequest request;
    request.url = url.starts_with("ws") ? "http" + url.substr(2) : std::move(url);
    request.headers.Append("Upgrade", "websocket");
    request.headers.Append("Sec-WebSocket-Protocol", protocol);
    Result<Done> ended = Done{};
    Ear ear(on_text, [&](Result<Done> how) {
      ended = std::move(how);
      loop_.Post([this] { loop_.Stop(); });  // Not from inside the socket's own call.
    });
    std::unique_ptr<WebSocketEnd> end;
    net::FetchHandle handle = http_->Fetch(std::move(request), [&](Result<HttpResponse> got) {
      if (got.has_value() && got->websocket != nullptr) {
        end = std::move(got->websocket);
        return end->SetReceiver(&ear);
      }
      ended = got.has_value() ? Error(ErrorCode::kUnavailable, options_.server + " answered " +
                                                                   std::to_string(got->status) + ", not a WebSocket")
                              : std::move(got).error();
      loop_.Stop();
    });
    loop_.Run();
    if (end != nullptr) end->Close(1000, "");
    return ended;
  }

 private:
  // Hears what comes through a WebSocket.
  class Ear final : public WebSocketReceiver {
   public:
    Ear(FunctionRef<void(BytesView)> on_text, UniqueFunction<void(Result<Done>)> on_end)
        : on_text_(on_text), on_end_(std::move(on_end)) {}
    void OnMessage(WebSocketMessagePtr message) override { on_text_(message->payload()); }
    void OnClose(WebSocketClose close) override {
      if (close.clean) return on_end_(Done{});
      on_end_(Error(ErrorCode::kUnavailable, "the connection broke"));
    }
    void OnError(Error error) override { on_end_(std::move(error)); }

   private:
    FunctionRef<void(BytesView)> on_text_;
    UniqueFunction<void(Result<Done>)> on_end_;
  };

  static net::ClientOptions Settings() {
    net::ClientOptions options;
    options.allow_private_network = true;
    if (const char* file = std::getenv("LIMPET_CA_FILE")) options.ca_file = file;
    return options;
  }

  HttpRequest Request(const std::string& token, std::string method, const std::string& path,
                      const std::string& content_type) const {
    HttpRequest request;
    request.method = std::move(method);
    request.url = options_.server + "/client/v4" + path;
    request.headers.Append("Authorization", "Bearer " + token);
    request.headers.Append("User-Agent", "limpet");
    if (!content_type.empty()) request.headers.Append("Content-Type", content_type);
    return request;
  }

  Result<ApiAnswer> Send(net::HttpClient& http, HttpRequest request, Transfer* transfer) {
    Result<Bytes> answer = Error(ErrorCode::kUnavailable, "no answer");
    HttpResponse response;
    net::FetchHandle handle = http.Fetch(std::move(request), [&](Result<HttpResponse> got) {
      if (!got.has_value()) {
        answer = std::move(got).error();
        return loop_.Stop();
      }
      response = std::move(got).value();
      answer = std::move(response.body.bytes);
      ReadOn(&response, &answer, transfer);
    });
    loop_.Run();
    response.body.stream.reset();
    if (!answer.has_value() && !failed_.empty()) return Error(ErrorCode::kUnavailable, std::exchange(failed_, {}));
    if (!answer.has_value()) {
      const std::string& why = answer.error().message();
      // Advice for what is likely: none runs, or it speaks the other protocol.
      const char* advice = why.find("refused") != std::string::npos         ? ". Start one with: limpet serve"
                           : why.find("wrong version") != std::string::npos ? ". It may speak plain HTTP: try http://"
                                                                            : "";
      return Error(ErrorCode::kUnavailable, "no server answers at " + options_.server + " (" + why + ")" + advice);
    }
    if (IsFile(response)) {
      ApiAnswer result;
      result.success = true;
      result.file = std::move(answer).value();
      return result;
    }
    Result<Json> json = ParseJson(answer.value());
    if (!json.has_value() || !json->Find("success")) {
      return Error(ErrorCode::kUnavailable, options_.server + " answered " + std::to_string(response.status) +
                                                ", but is no limpet server's admin address");
    }
    ApiAnswer result;
    result.success = (*json)["success"].AsBool();
    result.result = (*json)["result"];
    result.info = (*json)["result_info"];
    if (!(*json)["errors"].items().empty()) {
      result.code = (*json)["errors"].items()[0]["code"].AsInt64();
      result.message = (*json)["errors"].items()[0]["message"].AsString();
      result.meta = (*json)["errors"].items()[0]["meta"];
    }
    return result;
  }

  static bool IsFile(const HttpResponse& response) {
    std::string_view type = response.headers.Get("Content-Type").value_or("");
    return type == "application/vnd.sqlite3" || type == "application/octet-stream";
  }

  void ReadOn(HttpResponse* response, Result<Bytes>* answer, Transfer* transfer) {
    const bool to_file = transfer != nullptr && transfer->download >= 0 && IsFile(*response);
    if (to_file && !Keep(std::exchange(answer->value(), {}), *response, *transfer, answer)) return loop_.Stop();
    if (response->body.stream == nullptr) return loop_.Stop();
    response->body.stream->Read([this, response, answer, transfer](Result<std::optional<Bytes>> chunk) {
      if (chunk.has_value() && chunk.value()) {
        answer->value() += **chunk;
        loop_.Post([this, response, answer, transfer] { ReadOn(response, answer, transfer); });
        return;
      }
      if (!chunk.has_value()) {
        if (transfer != nullptr && transfer->downloaded > 0)
          failed_ = "the answer broke off: " + chunk.error().message();
        *answer = std::move(chunk).error();
      }
      loop_.Post([this] { loop_.Stop(); });  // Not from inside the stream's own call.
    });
  }

  // False: it can't be written; `answer` says so.
  bool Keep(Bytes bytes, const HttpResponse& response, Transfer& transfer, Result<Bytes>* answer) {
    Result<Done> wrote = WriteAll(transfer.download, bytes);
    if (!wrote.has_value()) {
      failed_ = wrote.error().message();
      *answer = std::move(wrote).error();
      return false;
    }
    transfer.downloaded += bytes.size();
    if (transfer.progress) transfer.progress(transfer.downloaded, response.body.length.value_or(0));
    return true;
  }

  Options options_;
  loop::AsioLoop loop_;
  std::unique_ptr<net::HttpClient> http_;
  std::string failed_;  // Why a transfer ended here, if not for want of a server.
};

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

Result<ApiAnswer> Client::CallWith(Transfer&, std::string, std::string) {
  return Error(ErrorCode::kInvalidArgument, "this client carries no files");
}

Result<std::unique_ptr<Client>> Client::Open(Options options) {
  while (options.server.ends_with("/")) options.server.pop_back();
  auto client = std::make_unique<NetClient>(std::move(options));
  LIMPET_TRY([[maybe_unused]] Done started, client->Start());
  return std::unique_ptr<Client>(std::move(client));
}

Result<Client::Options> FindServer(const std::string& server, const std::string& token) {
  // A profile that is asked for by name must be there; else the login without a name, else what a local server left.
  std::string name = Environment("LIMPET_PROFILE");
  Result<Profile> profile = ReadLogin(name);
  if (!profile.has_value() && !name.empty()) {
    if (profile.error().code() != ErrorCode::kNotFound) return std::move(profile).error();
    return Error(ErrorCode::kNotFound,
                 "there is no profile \"" + name + "\". Make one with: limpet login --profile " + name);
  }
  if (!profile.has_value()) profile = ReadProfile();
  Client::Options options{server, token};
  if (options.server.empty() && name.empty()) options.server = Environment("LIMPET_SERVER");
  if (options.token.empty() && name.empty()) options.token = Environment("LIMPET_TOKEN");
  // The profile's token belongs to the profile's server: it is never sent anywhere else.
  bool profiled = profile.has_value() && (options.server.empty() || options.server == profile->server);
  if (options.server.empty()) options.server = profiled ? profile->server : kDefaultServer;
  if (!options.server.starts_with("http://") && !options.server.starts_with("https://")) {
    return Error(ErrorCode::kInvalidArgument,
                 "\"" + options.server + "\" is no server address; write http://HOST:PORT");
  }
  if (options.token.empty() && profiled) options.token = profile->token;
  if (options.token.empty()) {
    return Error(ErrorCode::kNotFound,
                 "no token for " + options.server +
                     ". Start a server here with: limpet serve. For another machine's pass --token, "
                     "or set LIMPET_TOKEN, to what its DATA_DIR/admin-token holds, or once: limpet login");
  }
  return options;
}

std::string EscapeForUrl(const std::string& text) {
  std::string escaped;
  for (unsigned char c : text) {
    if (std::isalnum(c) != 0) {
      escaped += static_cast<char>(c);
    } else {
      escaped += {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
    }
  }
  return escaped;
}

Result<std::unique_ptr<Client>> Connect(const std::string& server, const std::string& token) {
  LIMPET_TRY(Client::Options options, FindServer(server, token));
  return Client::Open(std::move(options));
}

Error Refused(const ApiAnswer& answer) {
  constexpr int64_t kWrongToken = 10000;
  // On a line of its own below what may be copied into a file.
  bool lines = answer.message.find('\n') != std::string::npos;
  std::string text = answer.message + DetailsText(answer.meta["details"]);
  lines = lines || text.size() > answer.message.size();
  if (answer.message.find("No such module \"node:") != std::string::npos) {
    text += "\nModules of Node.js need compatibility_flags = [\"nodejs_compat\"] in the configuration";
    lines = true;
  }
  text += std::string(lines ? "\n\n" : " ") + "[code: " + std::to_string(answer.code) + "]";
  if (answer.code == kWrongToken) {
    text += ". The server has another token: pass --token, or set LIMPET_TOKEN, to what its DATA_DIR/admin-token holds";
  }
  return Error(ErrorCode::kConflict, std::move(text));
}

}  // namespace limpet::cli
