// The outlets of an object, in JavaScript on a real loop: nothing that follows a write is seen outside before the write
// is durable. The store holds every commit until the test lets it go.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "kv/outlet.h"
#include "loop/asio_loop.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "object/ids.h"
#include "object/placement.h"
#include "store/memory.h"
#include "store/partitions.h"
#include "worker/runtime.h"

extern node::MultiIsolatePlatform* g_host_platform;

namespace limpet::server {
namespace {

constexpr NamespaceId kSpace{7};
constexpr NamespaceId kKvSpace{8};
constexpr char kKey[] = "outlets";
constexpr uint32_t kShards = 2;

// Each path writes first. PROBE objects write nothing: what they log is seen at once.
constexpr std::string_view kScript = R"(
  const later = (work) => new Promise((done) => setTimeout(() => done(work()), 1));
  export class Outlets {
    constructor(state, env) { this.state = state; this.env = env; }
    async fetch(request) {
      const { storage } = this.state;
      const url = new URL(request.url);
      const target = this.env.TARGET + url.pathname;
      const probe = (id) => this.env.OUTLETS.get(this.env.OUTLETS.idFromString(id)).fetch("http://x/probe");
      switch (url.pathname) {
        case "/probe": console.log("a call"); return new Response("probe");
        case "/idle":
          await fetch(this.env.TARGET + "/idle");
          if (await this.env.KV.get("k") !== null) console.log("a KV write");
          console.log("idle");
          return new Response("idle");
        case "/kv": storage.put("k", 1); await this.env.KV.put("k", "v"); console.log("a KV write"); return new Response("");
        case "/head": storage.put("k", 1); return new Response("a reply");
        case "/error": storage.put("k", 1); throw new Error("an error reply");
        case "/chunk": return new Response(new ReadableStream({
          async pull(controller) { storage.put("k", 1); controller.enqueue(new Uint8Array(5)); controller.close(); },
        }));
        case "/subrequest": storage.put("k", 1); await fetch(target); return new Response("");
        case "/call": storage.put("k", 1); await probe(url.search.slice(1)); return new Response("");
        case "/timer": later(() => { storage.put("k", 1); fetch(target); }); return new Response("");
        case "/wait-until":
          this.state.waitUntil(later(async () => { await storage.put("k", 1); await fetch(target); }));
          return new Response("");
        case "/log": storage.put("k", 1); console.log("a log line"); return new Response("");
        case "/rejection": storage.put("k", 1); Promise.reject(new Error("a rejection")); return new Response("");
        case "/timer-error":
          setTimeout(() => { storage.put("k", 1); throw new Error("thrown in a timer"); }, 1);
          return new Response("");
      }
    }
  }
  export default { fetch() { return new Response("no"); } };
)";

// Commits wait in here until they are let go.
struct Hold {
  std::vector<UniqueFunction<void()>> commits;
  bool open = false;
  void LetGo() {
    open = true;
    for (UniqueFunction<void()>& commit : std::exchange(commits, {})) commit();
  }
};

class HeldSession final : public store::Session {
 public:
  HeldSession(std::unique_ptr<store::Session> inner, Hold& hold) : inner_(std::move(inner)), hold_(hold) {}
  Result<std::optional<Bytes>> TryGet(const ObjectId& object, store::Space space, BytesView key) override {
    return inner_->TryGet(object, space, key);
  }
  void Get(const ObjectId& object, store::Space space, Bytes key, OnValue done) override {
    inner_->Get(object, space, std::move(key), std::move(done));
  }
  Result<store::ScanPage> TryScan(const ObjectId& object, const store::ScanOptions& options) override {
    return inner_->TryScan(object, options);
  }
  void Scan(const ObjectId& object, store::ScanOptions options, OnPage done) override {
    inner_->Scan(object, std::move(options), std::move(done));
  }
  void ScanAlarms(std::optional<store::AlarmEntry> after, size_t limit, OnAlarms done) override {
    inner_->ScanAlarms(after, limit, std::move(done));
  }
  Result<std::optional<Bytes>> ReadNow(const ObjectId& object, store::Space space, BytesView key) override {
    return inner_->ReadNow(object, space, key);
  }
  Result<store::ScanPage> ScanNow(const ObjectId& object, const store::ScanOptions& options) override {
    return inner_->ScanNow(object, options);
  }
  Result<store::Totals> TotalsNow(const ObjectId& object) override { return inner_->TotalsNow(object); }
  void Mark(const ObjectId& object, OnMark done) override { inner_->Mark(object, std::move(done)); }
  void Commit(const store::Claim& claim, store::ObjectBatch batch, OnCommit done) override {
    auto commit = [this, claim, batch = std::move(batch), done = std::move(done)]() mutable {
      inner_->Commit(claim, std::move(batch), std::move(done));
    };
    if (hold_.open) return commit();
    hold_.commits.push_back(std::move(commit));
  }

 private:
  std::unique_ptr<store::Session> inner_;
  Hold& hold_;
};

js::Runtime& TestRuntime() {
  static std::unique_ptr<js::Runtime> runtime = worker::MakeJsRuntime(g_host_platform).value();
  return *runtime;
}

class Outlets : public testing::Test, worker::Observer {
 protected:
  void SetUp() override {
    kv_.Add(kKvSpace);
    OnLoop([this] {
      net::Endpoint any{net::IpAddress::V4({127, 0, 0, 1}), 0};
      server_ = std::make_unique<net::HttpServer>(
          loop_, net::ServerOptions(),
          [this](const HttpRequest& request, const net::RequestInfo&, net::Responder responder) {
            Saw("request " + request.url.substr(request.url.rfind('/')));
            responder.Send(HttpResponse());
          });
      listener_ = net::Listener::Open(loop_, net::Listener::Bind(any).value(), {{&loop_, server_.get()}}).value();
      client_ = net::HttpClient::Open(loop_, {.allow_private_network = true}).value();
      store::Claim claim = engine_->Acquire(0).value();
      std::vector<object::Directory::Peer> peers;
      for (uint32_t index = 0; index < kShards; ++index) {
        auto session = std::make_unique<HeldSession>(engine_->Attach(loop_), hold_);
        shards_.push_back(object::Shard::Make(loop_, std::move(session), claim, {}, log_, counters_));
        peers.push_back({&loop_, shards_.back().get()});
      }
      for (uint32_t index = 0; index < kShards; ++index) {
        directories_.push_back(std::make_unique<object::Directory>(peers, index));
        worker::ShardDeps deps;
        deps.js = &TestRuntime();
        deps.loop = &loop_;
        deps.objects = shards_[index].get();
        deps.directory = directories_[index].get();
        deps.client = client_.get();
        deps.random = &random_;
        deps.logger = &log_;
        deps.counters = &counters_;
        deps.observer = this;
        outlets_.push_back(std::make_unique<kv::Outlet>(*engine_, loop_, kv_.claim()));
        deps.kv = outlets_.back().get();
        deps.kv_namespaces = &kv_;
        scripts_.push_back(std::make_unique<worker::ShardScripts>(deps));
        scripts_.back()->Activate({{Version(), 100}});
      }
    });
  }
  void TearDown() override {
    OnLoop([this] {
      hold_.LetGo();
      bodies_.clear();
      scripts_.clear();
      outlets_.clear();
      directories_.clear();
      shards_.clear();
      client_.reset();
      listener_.reset();
      server_.reset();
    });
    OnLoop([] {});
  }

  std::shared_ptr<const ScriptVersion> Version() const {
    auto version = std::make_shared<ScriptVersion>();
    version->compatibility_date = "2026-03-01";
    version->script_name = "outlets";
    version->main_module = "main.mjs";
    version->modules.push_back(
        {.name = "main.mjs", .kind = ModuleKind::kEsModule, .content = Bytes(kScript), .code_cache = {}});
    Binding target;
    target.name = "TARGET";
    target.value = "http://" + listener_->endpoint().ToString();
    version->bindings.push_back(std::move(target));
    Binding pairs;
    pairs.kind = Binding::Kind::kKvNamespace;
    pairs.name = "KV";
    pairs.ns = kKvSpace;
    version->bindings.push_back(std::move(pairs));
    version->bindings.push_back({.kind = Binding::Kind::kDurableObjectNamespace,
                                 .name = "OUTLETS",
                                 .value = {},
                                 .class_name = "Outlets",
                                 .script_name = "outlets",
                                 .ns = kSpace,
                                 .ns_key = kKey});
    version->classes.push_back({.class_name = "Outlets", .ns = kSpace, .ns_key = kKey});
    return version;
  }

  // Everything lives on the loop's thread, inside Run().
  void OnLoop(UniqueFunction<void()> work) {
    loop_.Post([&] {
      work();
      loop_.Stop();
    });
    loop_.Run();
  }
  testing::AssertionResult RunUntil(const std::function<bool()>& done) {
    Instant give_up = loop_.Now() + std::chrono::seconds(5);
    while (!done()) {
      if (loop_.Now() > give_up) return testing::AssertionFailure() << "it did not come";
      loop_.After(std::chrono::milliseconds(1), [this] { loop_.Stop(); });
      loop_.Run();
    }
    return testing::AssertionSuccess();
  }

  // The n-th object of a shard.
  ObjectId On(uint32_t shard, int number) const {
    object::IdCodec codec(kSpace, kKey);
    for (int name = 0;; ++name) {
      ObjectId id = codec.FromName(std::to_string(name));
      if (object::ShardOf(id, kShards) == shard && number-- == 0) return id;
    }
  }
  void Fetch(const ObjectId& id, const std::string& path) {
    HttpRequest request;
    request.url = "http://x" + path;
    directories_[0]->Fetch(id, std::nullopt, std::move(request), [this](Result<HttpResponse> response) {
      if (!response.has_value()) return Saw(response.error().message());
      if (response.value().body.stream == nullptr) return Saw(response.value().body.bytes);
      bodies_.push_back(std::move(response.value().body.stream));
      bodies_.back()->Read([this](Result<std::optional<Bytes>> chunk) {
        Saw(chunk.has_value() && chunk.value() ? "a chunk" : "the end of a body");
      });
    });
  }
  void Saw(std::string what) { seen_.push_back(std::move(what)); }
  void OnConsole(std::string_view, std::string_view, std::string_view text) override {
    Saw(std::string(text.substr(0, text.find('\n'))));
  }
  void OnException(std::string_view, std::string_view text) override {
    Saw("exception: " + std::string(text.substr(0, text.find('\n'))));
  }
  bool Seen(const std::string& what) const { return std::ranges::count(seen_, what) > 0; }

  // Runs `path`, which writes and then lets `what` out: only when the write is durable.
  void Expect(const std::string& path, const std::string& what) {
    ObjectId id = On(0, 0);
    OnLoop([&] { Fetch(id, path); });
    ASSERT_TRUE(RunUntil([this] { return !hold_.commits.empty(); }));
    // Another object has time for a reply, a request and a line of its own, twice: what could leave has left.
    for (int i = 0; i < 2; ++i) {
      OnLoop([&] { Fetch(On(1, 5), "/idle"); });
      ASSERT_TRUE(RunUntil([this] { return Seen("idle") && Seen("request /idle"); }));
      ASSERT_TRUE(RunUntil([&] { return std::ranges::count(seen_, "idle") == 2 * (i + 1); }));
    }
    EXPECT_FALSE(Seen(what));
    OnLoop([this] { hold_.LetGo(); });
    EXPECT_TRUE(RunUntil([&] { return Seen(what); })) << what << " is not in " << testing::PrintToString(seen_);
  }

  loop::AsioLoop loop_;
  std::unique_ptr<store::Engine> engine_ = store::MakeMemoryEngine();
  Hold hold_;
  NullLogger log_;
  Counters counters_;
  SeededRandom random_{1};
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<net::HttpClient> client_;
  std::vector<std::unique_ptr<object::Shard>> shards_;
  std::vector<std::unique_ptr<object::Directory>> directories_;
  kv::Namespaces kv_{engine_->Acquire(store::kKvPartition).value()};
  std::vector<std::unique_ptr<kv::Outlet>> outlets_;
  std::vector<std::unique_ptr<worker::ShardScripts>> scripts_;
  std::vector<std::unique_ptr<BodyStream>> bodies_;
  std::vector<std::string> seen_;
};

TEST_F(Outlets, AResponseHeadWaits) { Expect("/head", "a reply"); }
TEST_F(Outlets, ABodyChunkWaits) { Expect("/chunk", "a chunk"); }
TEST_F(Outlets, AnErrorReplyWaits) { Expect("/error", "an error reply"); }
TEST_F(Outlets, ASubrequestWaits) { Expect("/subrequest", "request /subrequest"); }
TEST_F(Outlets, AWriteToKvWaits) { Expect("/kv", "a KV write"); }
TEST_F(Outlets, AFetchFromATimerWaits) { Expect("/timer", "request /timer"); }
TEST_F(Outlets, WorkOfWaitUntilWaits) { Expect("/wait-until", "request /wait-until"); }
TEST_F(Outlets, ALogLineWaits) { Expect("/log", "a log line"); }
TEST_F(Outlets, TheReportOfAnErrorReplyWaits) { Expect("/error", "exception: Uncaught Error: an error reply"); }
TEST_F(Outlets, TheReportOfARejectionWaits) {
  Expect("/rejection", "exception: Uncaught (in promise) Error: a rejection");
}
TEST_F(Outlets, TheReportOfAnErrorInATimerWaits) { Expect("/timer-error", "Uncaught Error: thrown in a timer"); }
TEST_F(Outlets, ACallToAnObjectOnTheSameShardWaits) {
  Expect("/call?" + object::IdCodec(kSpace, kKey).ToString(On(0, 1)), "a call");
}
TEST_F(Outlets, ACallToAnObjectOnAnotherShardWaits) {
  Expect("/call?" + object::IdCodec(kSpace, kKey).ToString(On(1, 1)), "a call");
}

}  // namespace
}  // namespace limpet::server
