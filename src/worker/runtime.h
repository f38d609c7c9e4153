// Scripts on one shard, and what a deploy asks of them. See README.md.
#pragma once

#include <v8.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bundle.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/function.h"
#include "base/http.h"
#include "base/live_versions.h"
#include "base/log.h"
#include "base/random.h"
#include "base/trace.h"
#include "js/isolate.h"
#include "loop/asio_loop.h"
#include "loop/pool.h"
#include "object/placement.h"
#include "object/shard.h"

namespace limpet::net {
class HttpClient;
}

namespace limpet::api {
struct EntrypointCall;
}
namespace limpet::kv {
class Namespaces;
class Outlet;
}  // namespace limpet::kv

namespace limpet::worker {

// Makes the process's V8 side: snapshot and watchdog. Once, on the main thread.
Result<std::unique_ptr<js::Runtime>> MakeJsRuntime(node::MultiIsolatePlatform* platform);

// The entrypoint name that the built-ins give a binding to static files: no export is called so.
inline constexpr std::string_view kAssetsEntrypoint("\0assets", 7);
inline constexpr std::string_view kDefaultEntrypoint = "default";

class IsolateStock;
class LoadedScript;

inline constexpr std::chrono::minutes kScheduledMax{15};  // How long a scheduled event may take.

struct Limits {
  Duration cpu_max = std::chrono::seconds(30);         // An event.
  size_t memory_max = 128 * 1024 * 1024;               // An isolate.
  Duration isolate_idle = std::chrono::seconds(60);    // An isolate without events and objects is disposed after.
  Duration wait_until_max = std::chrono::seconds(30);  // After the response of a stateless event.
};

// What scripts say, for `limpet dev` and logs. Called on the shard's thread, must not block.
struct Observer {
  virtual ~Observer() = default;
  virtual void OnConsole(std::string_view script, std::string_view level, std::string_view text) = 0;
  virtual void OnException(std::string_view script, std::string_view text) = 0;
};

// Who asks for static files: a client or another script, which may meet the version's own script instead, or a script
// through its binding to files, which never does.
enum class FileReader : uint8_t { kClient, kScript, kBinding };

// What a shard's scripts stand on. All of it outlives the ShardScripts. `directory` is set before the first request.
struct ShardDeps {
  js::Runtime* js = nullptr;
  loop::AsioLoop* loop = nullptr;
  object::Shard* objects = nullptr;
  object::Directory* directory = nullptr;
  net::HttpClient* client = nullptr;
  Random* random = nullptr;
  loop::Pool* compute = nullptr;  // For long computations of scripts.
  kv::Outlet* kv = nullptr;       // May be null, and the next with it: then no binding to KV works.
  kv::Namespaces* kv_namespaces = nullptr;
  Logger* logger = nullptr;
  Counters* counters = nullptr;
  Observer* observer = nullptr;  // May be null.
  // What the static files of a version that has a `site` answer; nothing: its script does, if it has one.
  std::function<std::optional<HttpResponse>(const ScriptVersion& version, const HttpRequest& request,
                                            FileReader reader)>
      from_files;
  Limits limits;
  // Takes what events of traced scripts did, on the shard's thread.
  std::function<void(std::shared_ptr<const TraceEvent>)> on_trace;
  // Set by ShardScripts.
  std::set<std::string, std::less<>> traced;  // Scripts that somebody listens to over the control plane.
  std::map<std::string, std::vector<std::string>, std::less<>> consumers;  // Whose tail() is told, by script.
  IsolateStock* stock = nullptr;
  // What a call says that finds no script of its name: as in `limpet dev`, where it may not run yet.
  bool local_services = false;
  // Runs an event of an entrypoint, of a loaded script or of what is live of another one: api::IoHost::CallEntrypoint.
  std::function<void(std::shared_ptr<LoadedScript>, api::EntrypointCall call, HttpRequest request,
                     object::OnReply reply)>
      run_entrypoint;
  std::function<void(api::EntrypointCall call, HttpRequest request, object::OnReply reply)> call_script;
  // Tells the consumers of an event that is over.
  std::function<void(const std::vector<std::string>& consumers, std::shared_ptr<const TraceEvent>)> tell_consumers;
};

// The scripts of one shard; on its thread.
class ShardScripts {
 public:
  explicit ShardScripts(ShardDeps deps);
  ~ShardScripts();
  ShardScripts(const ShardScripts&) = delete;
  ShardScripts& operator=(const ShardScripts&) = delete;

  // New requests go to `versions` (not empty, all of one script) from now on, each to one of them; requests that run
  // finish on the old ones; the shard's objects of its classes whose version changes take it over as `update` says
  // (object::Shard::SetClass). What still runs on versions before the old ones is ended: requests with kCanceled,
  // after 2 s; objects as by an immediate update.
  void Activate(LiveVersions versions, object::CodeUpdate update = {});
  void Remove(const std::string& script_name);
  bool Has(const std::string& script_name) const;

  // Has a request of a client answered by one of the live versions: its static files or its script's fetch handler.
  // `reply` once, from this loop. An Error reply is the script's exception or why it
  // could not run (kNotFound: no such script); the server makes a 500 or 503 of it.
  // Returns a token: destroying it tells that the client has gone, which cancels a stateless event. Null: it is
  // answered.
  class Event;
  std::shared_ptr<Event> Fetch(const std::string& script_name, HttpRequest request, object::OnReply reply);
  // The client of this event has gone before the response was wholly sent; `answered`: it had begun.
  static void ClientGone(const std::shared_ptr<Event>& event, bool answered);
  // Runs the script's scheduled handler, and all that its waitUntil holds, for kScheduledMax at most. `reply` once:
  // status 200 or 500 and the JSON text {"outcome", "noRetry"}, or why it could not run or was ended, as Fetch.
  void RunScheduled(const std::string& script_name, std::string cron, int64_t scheduled_ms, object::OnReply reply);
  // The scripts whose events go to ShardDeps::on_trace from now on, if they have not begun.
  void SetTraced(std::set<std::string, std::less<>> scripts);
  // Lets running events finish (new ones are refused), then `then`.
  void Drain(UniqueFunction<void()> then);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// What instantiating a version shows; on a control thread's loop. See control::ScriptReport.
struct Report {
  std::string default_export;  // "none", "object", "class", "other"
  std::vector<std::string> handlers, exports, classes;
  std::vector<std::pair<std::string, Bytes>> code_caches;
  Duration startup{0};  // Compiling and running the modules, without the isolate's own start.
};

// Instantiates versions away from the shards. Used and destroyed on the thread of `loop`, which, like `js`, outlives
// it.
class Checker {
 public:
  // A check may take `cpu_max`.
  Checker(js::Runtime& js, loop::AsioLoop& loop, Duration cpu_max);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // Calls `done` before it returns. One at a time: the loop may be served meanwhile.
  void Check(const ScriptVersion& version, UniqueFunction<void(Result<Report>)> done);

 private:
  loop::AsioLoop& loop_;
  const Duration cpu_max_;
  std::unique_ptr<IsolateStock> stock_;
};

}  // namespace limpet::worker
