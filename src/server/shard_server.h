// One shard put together: its thread, its objects, its scripts and its HTTP server.
#pragma once

#include <latch>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/counters.h"
#include "base/log.h"
#include "base/random.h"
#include "kv/outlet.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "object/placement.h"
#include "object/shard.h"
#include "server/asset_server.h"
#include "server/loop_thread.h"
#include "server/options.h"
#include "server/router.h"
#include "store/engine.h"
#include "worker/runtime.h"

namespace limpet::server {

// All outlive the shards.
struct ShardContext {
  const ServerOptions& options;
  const Router& router;
  js::Runtime& js;
  Logger& logger;
  Counters& counters;
  Random& random;
  loop::Pool& compute;  // For work of scripts that takes longer than a turn may.
  kv::Namespaces& kv;
  std::function<void(std::shared_ptr<const TraceEvent>)> on_trace;  // Any shard's thread.
};

// Made, opened, stopped and destroyed by the server's thread, in the order of the methods here.
class ShardServer {
 public:
  ShardServer(uint32_t index, ShardContext context);
  ~ShardServer();
  ShardServer(const ShardServer&) = delete;
  ShardServer& operator=(const ShardServer&) = delete;

  // The thread, the store session, the objects and the outbound client, which never reaches `forbidden`.
  Result<Done> Open(store::Engine& engine, store::Claim claim, std::vector<net::Endpoint> forbidden);
  // Once all shards are open: what calls other shards.
  void Connect(std::vector<object::Directory::Peer> peers);
  // Before the first event: where news of alarms go.
  void SetOnAlarmChange(object::OnAlarmChange on_change);
  object::Directory::Peer peer() { return {&thread_.loop(), objects_.get()}; }
  net::ListenerTarget target() { return {&thread_.loop(), http_.get()}; }
  loop::AsioLoop& loop() { return thread_.loop(); }

  // On the shard's loop.
  void Activate(LiveVersions versions, object::CodeUpdate update);
  void SetTraced(std::set<std::string, std::less<>> scripts) { scripts_->SetTraced(std::move(scripts)); }
  void Remove(const std::string& script);
  void SetRoutes(std::shared_ptr<const control::RouteTable> routes) { routes_ = std::move(routes); }
  void RunScheduled(const std::string& script, std::string cron, int64_t time_ms, object::OnReply reply) {
    scripts_->RunScheduled(script, std::move(cron), time_ms, std::move(reply));
  }
  object::Shard& objects() { return *objects_; }
  void Retire(NamespaceId ns, UniqueFunction<void()> then);  // `then` when none of its commits is on the way.

  // Any thread; `then` comes from the loop.
  void DrainHttp(UniqueFunction<void()> then);
  void DrainScripts(UniqueFunction<void()> then);
  void DrainObjects(UniqueFunction<void()> then);
  // Ends the loop, waits until those of all shards have ended, destroys what lives on it.
  void Stop(std::latch& all_ended);
  void Join() { thread_.Join(); }

 private:
  struct Exchange;

  void Handle(HttpRequest request, const net::RequestInfo& info, net::Responder responder);
  // False: the request asks for no run of a scheduled handler.
  bool RunsByHand(const std::string& script, const HttpRequest& request, const std::shared_ptr<Exchange>& exchange);
  void Answer(Exchange& exchange, Result<HttpResponse> result);
  // See worker::ShardDeps::from_files.
  std::optional<HttpResponse> FromFiles(const ScriptVersion& version, const HttpRequest& request,
                                        worker::FileReader reader);
  HttpResponse ErrorResponse(const Error& error) const;
  HttpResponse NoScript(const std::string& host, const std::optional<std::string>& script, bool local);
  void Tick();

  const uint32_t index_;
  ShardContext context_;
  LoopThread thread_;
  std::set<std::string> scripts_known_;
  std::shared_ptr<const control::RouteTable> routes_ = std::make_shared<const control::RouteTable>();
  std::shared_ptr<const std::string> cf_;
  Counter& count_requests_;
  Counter& count_errors_;
  Counter& count_connections_;

  std::unique_ptr<net::HttpClient> client_;
  std::unique_ptr<AssetServer> assets_;
  std::unique_ptr<kv::Outlet> kv_;
  std::unique_ptr<object::Shard> objects_;
  std::unique_ptr<object::Directory> directory_;
  std::unique_ptr<worker::ShardScripts> scripts_;
  std::unique_ptr<net::HttpServer> http_;
};

}  // namespace limpet::server
