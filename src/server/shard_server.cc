#include "server/shard_server.h"

#include <utility>

#include "net/http_client.h"
#include "server/flags.h"
#include "server/manual_runs.h"

namespace limpet::server {
namespace {

constexpr std::chrono::seconds kGaugeTick{1};
constexpr std::string_view kRetryAfterSeconds = "1";
// The stable part of `request.cf`: what this server knows without a map of the world.
constexpr char kCf[] = R"({"colo":"LOCAL","httpProtocol":"HTTP/1.1","tlsVersion":"","tlsCipher":""})";

HttpResponse Text(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.headers.Append("Content-Type", "text/plain;charset=UTF-8");
  response.body = Body::Of(std::move(text));
  return response;
}

std::string Label(uint32_t index) { return "shard=\"" + std::to_string(index) + "\""; }

}  // namespace

// What is kept of a request until it is answered.
struct ShardServer::Exchange {
  explicit Exchange(net::Responder responder) : responder(std::move(responder)) {}
  net::Responder responder;
  bool answered = false;
  std::string method, url;  // If requests are logged.
  Instant start{};
};

ShardServer::ShardServer(uint32_t index, ShardContext context)
    : index_(index),
      context_(context),
      cf_(std::make_shared<const std::string>(kCf)),
      count_requests_(context.counters.Make(Counters::Kind::kCounter, "limpet_http_requests_total",
                                            "Requests to Workers.", Label(index))),
      count_errors_(context.counters.Make(Counters::Kind::kCounter, "limpet_http_errors_total",
                                          "Requests that a Worker's failure answered.", Label(index))),
      count_connections_(context.counters.Make(Counters::Kind::kGauge, "limpet_http_connections",
                                               "Open connections of clients.", Label(index))) {}

ShardServer::~ShardServer() = default;

Result<Done> ShardServer::Open(store::Engine& engine, store::Claim claim, std::vector<net::Endpoint> forbidden) {
  LIMPET_TRY(Done started, thread_.Start("shard-" + std::to_string(index_)));
  (void)started;
  Result<Done> opened = Done{};
  thread_.Call([&] {
    net::ClientOptions client;
    client.allow_private_network = context_.options.allow_private_network;
    client.ca_file = context_.options.ca_file;
    client.forbidden = std::move(forbidden);
    Result<std::unique_ptr<net::HttpClient>> made = net::HttpClient::Open(loop(), std::move(client));
    if (!made.has_value()) {
      opened = std::move(made).error();
      return;
    }
    client_ = std::move(made).value();
    assets_ = std::make_unique<AssetServer>(engine.Attach(loop()));
    kv_ = std::make_unique<kv::Outlet>(engine, loop(), context_.kv.claim());
    object::ShardOptions options;
    options.roll_grace = context_.options.roll_grace;
    options.idle_evict = context_.options.idle_evict;
    options.inbox_events_max = context_.options.object_queue_max;
    options.inbox_wait_max = context_.options.object_wait_max;
    options.window_events_max = context_.options.object_rate_max;
    options.quota = context_.options.quota;
    options.jitter_seed = context_.random.Next();
    options.counter_labels = Label(index_);
    objects_ = object::Shard::Make(loop(), engine.Attach(loop()), claim, std::move(options), context_.logger,
                                   context_.counters);
  });
  return opened;
}

void ShardServer::Connect(std::vector<object::Directory::Peer> peers) {
  thread_.Call([this, &peers] {
    directory_ = std::make_unique<object::Directory>(std::move(peers), index_);
    worker::ShardDeps deps;
    deps.js = &context_.js;
    deps.loop = &loop();
    deps.objects = objects_.get();
    deps.directory = directory_.get();
    deps.client = client_.get();
    deps.random = &context_.random;
    deps.compute = &context_.compute;
    deps.kv = kv_.get();
    deps.kv_namespaces = &context_.kv;
    deps.logger = &context_.logger;
    deps.counters = &context_.counters;
    deps.observer = context_.options.observer;
    deps.on_trace = context_.on_trace;
    deps.limits = context_.options.limits;
    deps.from_files = [this](const ScriptVersion& version, const HttpRequest& request, worker::FileReader reader) {
      return FromFiles(version, request, reader);
    };
    deps.local_services = context_.options.local_services;
    scripts_ = std::make_unique<worker::ShardScripts>(deps);
    net::ServerOptions http;
    http.limits = context_.options.http;
    http.trusted_proxies = context_.options.trusted_proxies;
    http_ = std::make_unique<net::HttpServer>(
        loop(), std::move(http), [this](HttpRequest request, const net::RequestInfo& info, net::Responder responder) {
          Handle(std::move(request), info, std::move(responder));
        });
    Tick();
  });
}

void ShardServer::SetOnAlarmChange(object::OnAlarmChange on_change) {
  thread_.Call([&] { objects_->SetOnAlarmChange(std::move(on_change)); });
}

void ShardServer::Tick() {
  count_connections_.Set(static_cast<int64_t>(http_->connections()));
  loop().After(kGaugeTick, [this] { Tick(); });
}

void ShardServer::Handle(HttpRequest request, const net::RequestInfo& info, net::Responder responder) {
  count_requests_.Add();
  std::string host = HostOf(request.url);
  std::optional<std::string> script;
  if (auto named = context_.router.ScriptOf(host, request.url, *routes_)) script.emplace(*named);
  auto exchange = std::make_shared<Exchange>(std::move(responder));
  if (context_.options.on_request) {
    exchange->method = request.method;
    exchange->url = request.url;
    exchange->start = loop().Now();
  }
  if (!script || !scripts_->Has(*script)) {
    std::optional<net::IpAddress> client = net::IpAddress::Parse(info.client_ip);
    return Answer(*exchange, NoScript(host, script, client && IsLoopback(*client)));
  }
  if (context_.options.manual_runs && RunsByHand(*script, request, exchange)) return;
  request.cf = cf_;
  std::shared_ptr<worker::ShardScripts::Event> event =
      scripts_->Fetch(*script, std::move(request),
                      [this, exchange](Result<HttpResponse> result) { Answer(*exchange, std::move(result)); });
  if (event == nullptr) return;
  // The connection holds the token until the response is wholly sent.
  net::Responder& live = exchange->responder;
  live.OnDisconnect([event = std::move(event), exchange = std::weak_ptr<Exchange>(exchange)] {
    std::shared_ptr<Exchange> waiting = exchange.lock();  // None: it was answered, the response is on its way.
    worker::ShardScripts::ClientGone(event, waiting == nullptr || waiting->answered);
  });
}

bool ShardServer::RunsByHand(const std::string& script, const HttpRequest& request,
                             const std::shared_ptr<Exchange>& exchange) {
  std::optional<ManualRun> run = ReadManualRun(request);
  if (!run) return false;
  if (run->refused || run->bad_time) return Answer(*exchange, RefuseManualRun(*run)), true;
  int64_t time = run->time_ms.value_or(loop().WallNow().time_since_epoch().count());
  std::string cron = run->cron;
  scripts_->RunScheduled(script, std::move(cron), time,
                         [this, exchange, run = *std::move(run)](Result<HttpResponse> result) {
                           Answer(*exchange, AnswerManualRun(run, std::move(result)));
                         });
  return true;
}

std::optional<HttpResponse> ShardServer::FromFiles(const ScriptVersion& version, const HttpRequest& request,
                                                   worker::FileReader reader) {
  const assets::Site& site = *version.site;
  const bool files_only = reader == worker::FileReader::kBinding || version.main_module.empty();
  std::optional<assets::SiteRequest> wanted = assets::ReadSiteRequest(request);
  if (!wanted && files_only) return Text(400, "Bad Request");
  if (!wanted) return std::nullopt;
  assets::SiteAnswer answer;
  if (files_only) {
    answer = site.Answer(*wanted);
  } else if (site.Route(*wanted, &answer) == assets::Site::First::kScript) {
    return std::nullopt;
  }
  if (reader == worker::FileReader::kClient) return assets_->ToClient(site, *wanted, answer, request);
  return assets_->ToScript(site, *wanted, answer, request);
}

void ShardServer::Answer(Exchange& exchange, Result<HttpResponse> result) {
  exchange.answered = true;
  if (!result.has_value()) count_errors_.Add();
  HttpResponse response = result.has_value() ? std::move(result).value() : ErrorResponse(result.error());
  if (context_.options.on_request) {
    context_.options.on_request({exchange.method, exchange.url, response.status, loop().Now() - exchange.start});
  }
  exchange.responder.Send(std::move(response));
}

HttpResponse ShardServer::ErrorResponse(const Error& error) const {
  bool busy = error.code() == ErrorCode::kOverloaded || error.Has(Error::kOverloaded);
  if (busy || error.code() == ErrorCode::kCanceled) {
    HttpResponse response = Text(503, busy ? "Service Unavailable: overloaded" : "Service Unavailable");
    response.headers.Append("Retry-After", kRetryAfterSeconds);
    return response;
  }
  if (!context_.options.show_exceptions) return Text(500, "Internal Server Error");
  std::string text = error.name() + ": " + error.message();
  // V8's stack begins with the same words.
  if (error.stack().starts_with(text)) {
    text = error.stack();
  } else if (!error.stack().empty()) {
    text += "\n" + error.stack();
  }
  return Text(500, text + "\n");
}

HttpResponse ShardServer::NoScript(const std::string& host, const std::optional<std::string>& script, bool local) {
  std::vector<std::string> known;
  if (local) known.assign(scripts_known_.begin(), scripts_known_.end());
  return Text(404, NoScriptText(host, script, context_.router, known));
}

void ShardServer::Activate(LiveVersions versions, object::CodeUpdate update) {
  scripts_known_.insert(versions.front().version->script_name);
  scripts_->Activate(std::move(versions), update);
}

void ShardServer::Remove(const std::string& script) {
  scripts_known_.erase(script);
  scripts_->Remove(script);
}

void ShardServer::Retire(NamespaceId ns, UniqueFunction<void()> then) {
  objects_->RemoveClass(
      ns,
      Error(ErrorCode::kUnavailable, "Durable Object reset because its class was deleted.").With(Error::kObjectReset),
      std::move(then));
}

void ShardServer::DrainHttp(UniqueFunction<void()> then) {
  loop().Post([this, then = std::move(then)]() mutable { http_->Drain(std::move(then)); });
}

void ShardServer::DrainScripts(UniqueFunction<void()> then) {
  loop().Post([this, then = std::move(then)]() mutable { scripts_->Drain(std::move(then)); });
}

void ShardServer::DrainObjects(UniqueFunction<void()> then) {
  loop().Post([this, then = std::move(then)]() mutable { objects_->Drain(std::move(then)); });
}

void ShardServer::Stop(std::latch& all_ended) {
  thread_.Stop([this, &all_ended] {
    all_ended.arrive_and_wait();
    http_.reset();
    scripts_.reset();
    directory_.reset();
    objects_.reset();
    assets_.reset();
    kv_.reset();
    client_.reset();
  });
}

}  // namespace limpet::server
