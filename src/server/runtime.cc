#include "server/runtime.h"

#include <utility>

#include "object/placement.h"

namespace limpet::server {
namespace {

constexpr std::chrono::seconds kCheckCpuMax{1};

control::ScriptReport ToScriptReport(worker::Report report) {
  using DefaultExport = control::ScriptReport::DefaultExport;
  control::ScriptReport result;
  const std::string& kind = report.default_export;
  result.default_export = kind == "object"  ? DefaultExport::kObject
                          : kind == "class" ? DefaultExport::kClass
                          : kind == "other" ? DefaultExport::kOther
                                            : DefaultExport::kNone;
  result.handlers = std::move(report.handlers);
  result.exports = std::move(report.exports);
  result.classes = std::move(report.classes);
  result.code_caches = std::move(report.code_caches);
  result.startup = report.startup;
  return result;
}

// "index.js:3:7" of V8's "Error: no\n    at start (index.js:3:7)\n …"; a place alone stays, and
// a stack without a frame is none: it is the error's text once more.
std::string PlaceOf(const Error& error) {
  const std::string& stack = error.stack();
  constexpr std::string_view kAt = "\n    at ";
  size_t at = stack.find(kAt);
  if (at == std::string::npos) return stack.find(error.message()) == std::string::npos ? stack : "";
  std::string line = stack.substr(at + kAt.size());
  line = line.substr(0, line.find('\n'));
  if (size_t open = line.rfind('('); open != std::string::npos && line.ends_with(')')) {
    return line.substr(open + 1, line.size() - open - 2);
  }
  return line;
}

}  // namespace

ShardRuntime::ShardRuntime(loop::Loop& control, std::vector<ShardServer*> shards, js::Runtime& js)
    : control_(control), shards_(std::move(shards)), js_(js) {}

ShardRuntime::~ShardRuntime() {
  if (checker_ == nullptr) return;
  check_thread_.Stop([this] { checker_.reset(); });
  check_thread_.Join();
}

Result<Done> ShardRuntime::Open() {
  LIMPET_TRY(Done started, check_thread_.Start("check"));
  check_thread_.Call([this] { checker_ = std::make_unique<worker::Checker>(js_, check_thread_.loop(), kCheckCpuMax); });
  return started;
}

void ShardRuntime::Check(std::shared_ptr<const ScriptVersion> version,
                         UniqueFunction<void(Result<control::ScriptReport>)> done) {
  checks_.push_back({std::move(version), std::move(done)});
  if (checks_.size() == 1) CheckNext();
}

void ShardRuntime::CheckNext() {
  check_thread_.loop().Post([this, version = checks_.front().version] {
    checker_->Check(*version, [this](Result<worker::Report> report) {
      control_.Post([this, report = std::move(report)]() mutable { Checked(std::move(report)); });
    });
  });
}

void ShardRuntime::Checked(Result<worker::Report> report) {
  Pending pending = std::move(checks_.front());
  checks_.pop_front();
  if (!open_) return;
  if (!checks_.empty()) CheckNext();
  if (report.has_value()) return pending.done(ToScriptReport(std::move(report).value()));
  std::string place = PlaceOf(report.error());
  pending.done(std::move(report).error().WithStack(std::move(place)));
}

void ShardRuntime::OnAllShards(const Act& act, control::OnDone done) {
  struct Waiting {
    size_t left;
    control::OnDone done;
  };
  auto waiting = std::make_shared<Waiting>(Waiting{shards_.size(), std::move(done)});
  for (ShardServer* shard : shards_) {
    shard->loop().Post([this, shard, act, waiting] {
      act(*shard, [this, waiting] {
        control_.Post([this, waiting] {
          if (--waiting->left > 0) return;
          control::OnDone done = std::exchange(waiting->done, {});  // It is destroyed here, on its own thread.
          if (open_) done(Done{});
        });
      });
    });
  }
}

void ShardRuntime::SetTraced(std::set<std::string, std::less<>> scripts, control::OnDone done) {
  OnAllShards(
      [scripts](ShardServer& shard, UniqueFunction<void()> acted) {
        shard.SetTraced(scripts);
        acted();
      },
      std::move(done));
}

void ShardRuntime::RunScheduled(std::string script_name, std::string cron, WallTime time, control::OnDone done) {
  ShardServer* shard = shards_[next_run_++ % shards_.size()];
  auto held = std::make_shared<control::OnDone>(std::move(done));  // Destroyed on its own thread.
  shard->loop().Post([this, shard, held, script = std::move(script_name), cron = std::move(cron), time]() mutable {
    shard->RunScheduled(script, std::move(cron), time.time_since_epoch().count(),
                        [this, held](Result<HttpResponse> result) {
                          Result<Done> ran = Done{};
                          if (!result.has_value()) {
                            ran = std::move(result).error();
                          } else if (result->status != 200) {
                            ran = Error(ErrorCode::kScript, "its scheduled handler failed");
                          }
                          control_.Post([this, held, ran = std::move(ran)]() mutable {
                            control::OnDone done = std::exchange(*held, {});
                            if (open_) done(std::move(ran));
                          });
                        });
  });
}

void ShardRuntime::Activate(LiveVersions versions, object::CodeUpdate update, control::OnDone done) {
  OnAllShards(
      [versions, update](ShardServer& shard, UniqueFunction<void()> acted) {
        shard.Activate(versions, update);
        acted();
      },
      std::move(done));
}

void ShardRuntime::Remove(std::string script_name, control::OnDone done) {
  OnAllShards(
      [script_name](ShardServer& shard, UniqueFunction<void()> acted) {
        shard.Remove(script_name);
        acted();
      },
      std::move(done));
}

void ShardRuntime::SetRoutes(std::shared_ptr<const control::RouteTable> routes, control::OnDone done) {
  OnAllShards(
      [routes](ShardServer& shard, UniqueFunction<void()> acted) {
        shard.SetRoutes(routes);
        acted();
      },
      std::move(done));
}

void ShardRuntime::RetireNamespaces(std::vector<NamespaceId> namespaces, control::OnDone done) {
  OnAllShards(
      [namespaces](ShardServer& shard, UniqueFunction<void()> acted) {
        // One more than there are namespaces: none is settled before all are retired, and an empty list answers.
        auto left = std::make_shared<size_t>(namespaces.size() + 1);
        auto answer = std::make_shared<UniqueFunction<void()>>(std::move(acted));
        auto settle = [left, answer] {
          if (--*left == 0) (*answer)();
        };
        for (NamespaceId ns : namespaces) shard.Retire(ns, settle);
        settle();
      },
      std::move(done));
}

template <typename T>
void ShardRuntime::OnShardOf(const ObjectId& object, UniqueFunction<void(T)> done,
                             UniqueFunction<void(object::Shard& shard, UniqueFunction<void(T)> done)> act) {
  ShardServer* shard = shards_[object::ShardOf(object, static_cast<uint32_t>(shards_.size()))];
  // Destroyed on its own thread, also if the shard drops the call.
  auto held = std::make_shared<UniqueFunction<void(T)>>(std::move(done));
  shard->loop().Post([this, shard, held, act = std::move(act)]() mutable {
    act(shard->objects(), [this, held](T result) {
      control_.Post([this, held, result = std::move(result)]() mutable {
        UniqueFunction<void(T)> done = std::exchange(*held, {});
        if (open_) done(std::move(result));
      });
    });
  });
}

void ShardRuntime::DeleteObject(ObjectId object, control::OnDone done) {
  OnShardOf<Result<Done>>(object, std::move(done), [object](object::Shard& shard, control::OnDone deleted) {
    shard.Delete(object, std::move(deleted));
  });
}

void ShardRuntime::SettleObject(ObjectId object, control::OnDone done) {
  OnShardOf<Result<Done>>(object, std::move(done), [object](object::Shard& shard, control::OnDone settled) {
    shard.Settle(object, std::move(settled));
  });
}

void ShardRuntime::RestoreObject(ObjectId object, object::Bookmark target,
                                 UniqueFunction<void(Result<uint64_t>)> done) {
  OnShardOf<Result<uint64_t>>(object, std::move(done),
                              [object, target](object::Shard& shard, UniqueFunction<void(Result<uint64_t>)> restored) {
                                shard.RestoreTo(object, target, std::move(restored));
                              });
}

void ShardRuntime::ChangeObject(ObjectId object, object::Shard::Change change, control::OnDone done) {
  OnShardOf<Result<Done>>(object, std::move(done),
                          [object, change = std::move(change)](object::Shard& shard, control::OnDone changed) mutable {
                            shard.Apply(object, std::move(change), std::move(changed));
                          });
}

}  // namespace limpet::server
