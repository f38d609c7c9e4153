// A running system that does nothing, for tests of the control plane and the fuzzer of its API.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/runtime.h"
#include "loop/loop.h"

namespace limpet::control {

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
  void SettleObject(ObjectId object, OnDone done) override {
    settled.push_back(object);
    Answer(std::move(done));
  }
  std::vector<ObjectId> settled;
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

}  // namespace limpet::control
