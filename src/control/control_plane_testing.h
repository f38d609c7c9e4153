// The REST API over the real catalog and the memory engine; only the runtime is a stand-in (it lives in server/).
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/multipart.h"
#include "control/control_plane.h"
#include "control/rest.h"
#include "control/secret_box.h"
#include "loop/sim_loop.h"
#include "store/memory.h"

namespace limpet::control {

constexpr char kScript[] = "/accounts/local/workers/scripts/counter";

// Says of a script what its text says: every "class X" is an exported class; "throw" fails; "idle" has no handlers.
class FakeRuntime final : public Runtime {
 public:
  explicit FakeRuntime(loop::Loop& loop) : loop_(loop) {}
  void Check(std::shared_ptr<const ScriptVersion> version, UniqueFunction<void(Result<ScriptReport>)> done) override {
    Result<ScriptReport> answer = Look(*version);
    loop_.Post([done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
  }
  void Activate(LiveVersions versions, object::CodeUpdate given, OnDone done) override {
    live[versions.front().version->script_name] = versions.front().version;
    shares = versions;
    update = given;
    Answer(std::move(done));
  }
  void Remove(std::string script_name, OnDone done) override {
    live.erase(script_name);
    Answer(std::move(done));
  }
  void SetRoutes(std::shared_ptr<const RouteTable> given, OnDone done) override {
    hosts = given->hosts;
    routes = given;
    Answer(std::move(done));
  }
  void RetireNamespaces(std::vector<NamespaceId> namespaces, OnDone done) override {
    for (NamespaceId ns : namespaces) retired.insert(ns.value);
    Answer(std::move(done));
  }
  void DeleteObject(ObjectId object, OnDone done) override {
    deleted.push_back(object);
    Answer(std::move(done));
  }
  void RestoreObject(ObjectId, object::Bookmark target, UniqueFunction<void(Result<uint64_t>)> done) override {
    restored.push_back(target);
    done(target.moment);
  }
  void ChangeObject(ObjectId object, object::Shard::Change change, OnDone done) override {
    changed.emplace_back(object, std::move(change));
    Answer(std::move(done));
  }
  std::vector<object::Bookmark> restored;
  std::vector<std::pair<ObjectId, object::Shard::Change>> changed;
  void SetTraced(std::set<std::string, std::less<>> scripts, OnDone done) override {
    traced = std::move(scripts);
    Answer(std::move(done));
  }
  void RunScheduled(std::string script_name, std::string cron, WallTime time, OnDone done) override {
    runs.push_back(script_name + " " + cron + " " + std::to_string(time.time_since_epoch().count() / 60'000));
    Answer(std::move(done));
  }
  size_t acts = 0;                // What was asked of it but checks.
  std::vector<std::string> runs;  // "SCRIPT CRON MINUTE"
  LiveVersions shares;
  std::set<std::string, std::less<>> traced;
  std::vector<ObjectId> deleted;
  std::map<std::string, std::shared_ptr<const ScriptVersion>> live;
  std::set<uint64_t> retired;
  object::CodeUpdate update;  // Of the last one made live.
  HostMap hosts;
  std::shared_ptr<const RouteTable> routes;

 private:
  static Result<ScriptReport> Look(const ScriptVersion& version) {
    ScriptReport report;
    report.handlers = {"fetch"};
    const Bytes& text = version.modules.at(0).content;
    if (text.find("throw") != Bytes::npos) return Error::Script("TypeError", "no").WithStack("index.mjs:3:7");
    for (size_t at = 0; (at = text.find("class ", at)) != Bytes::npos;) {
      at += 6;
      report.classes.push_back(text.substr(at, text.find(' ', at) - at));
    }
    report.exports = report.classes;
    if (text.find("idle") != Bytes::npos) report.handlers.clear();
    report.code_caches = {{version.modules[0].name, "cache"}};
    report.startup = std::chrono::microseconds(2100);
    return report;
  }
  void Answer(OnDone done) {
    ++acts;
    loop_.Post([done = std::move(done)]() mutable { done(Done{}); });
  }
  loop::Loop& loop_;
};

class ControlPlaneTest : public testing::Test {
 protected:
  ControlPlaneTest() : engine_(store::MakeMemoryEngine()), runtime_(loop_), random_(1) { Open(); }
  void Open() {
    plane_.reset();
    ControlOptions options;
    options.secrets_key = Bytes(SecretBox::kKeyBytes, key_);
    options.token = "secret";
    options.public_origin = "http://NAME.localhost:8787";
    options.versions_max = 3;
    ControlPlane::Open(options, {loop_, *engine_, runtime_, logger_, counters_, random_, kv_},
                       [&](Result<std::unique_ptr<ControlPlane>> opened) {
                         ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
                         plane_ = std::move(opened).value();
                       });
    loop_.RunUntilIdle(std::chrono::seconds(10));
    ASSERT_NE(plane_, nullptr);
  }
  HttpResponse Send(HttpRequest request, Peer peer = {.loopback = true}) {
    std::optional<HttpResponse> answer;
    plane_->Handle(std::move(request), peer, [&](HttpResponse response) { answer = std::move(response); });
    loop_.RunUntilIdle(std::chrono::seconds(10));
    EXPECT_TRUE(answer.has_value());
    return answer ? std::move(*answer) : HttpResponse();
  }
  Json Call(const std::string& method, const std::string& path, std::string body = {}, std::string type = {}) {
    HttpRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:8788/client/v4" + path;
    request.headers.Append("Authorization", "Bearer secret");
    if (!type.empty()) request.headers.Append("Content-Type", type);
    request.body = Body::Of(std::move(body));
    HttpResponse response = Send(std::move(request));
    status_ = response.status;
    Result<Json> json = ParseJson(response.body.bytes);
    EXPECT_TRUE(json.has_value()) << response.body.bytes;
    return json.has_value() ? *json : Json();
  }
  Json Upload(const std::string& method, const std::string& path, const std::string& metadata,
              const std::string& code) {
    FormWriter form("b");
    form.Add("metadata", std::nullopt, "", metadata);
    form.Add("index.mjs", "index.mjs", "application/javascript+module", code);
    std::string type = form.content_type();
    return Call(method, path, std::move(form).Finish(), type);
  }
  Json Publish(const std::string& migrations, const std::string& code = kCode, const char* binding = "Counter") {
    std::string metadata = R"({"main_module":"index.mjs","bindings":[)";
    if (*binding)
      metadata +=
          std::string(R"({"type":"durable_object_namespace","name":"COUNTER","class_name":")") + binding + "\"}";
    metadata += "],\"migrations\":" + migrations + "}";
    return Upload("PUT", kScript, metadata, code);
  }
  static int64_t Code(const Json& envelope) {
    return envelope["errors"].items().empty() ? 0 : envelope["errors"].items()[0]["code"].AsInt64();
  }
  static constexpr char kCode[] = "export default {}; export class Counter {}";
  static constexpr char kNewClass[] = R"({"steps":[{"new_classes":["Counter"]}]})";

  loop::SimLoop loop_;
  std::unique_ptr<store::Engine> engine_;
  FakeRuntime runtime_;
  NullLogger logger_;
  Counters counters_;
  SeededRandom random_;
  kv::Namespaces kv_{engine_->Acquire(kv::kPartition).value()};
  std::unique_ptr<ControlPlane> plane_;
  int status_ = 0;
  char key_ = 'k';
};

}  // namespace limpet::control
