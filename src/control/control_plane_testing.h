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
#include "control/fake_runtime_test.h"
#include "control/rest.h"
#include "control/secret_box.h"
#include "loop/sim_loop.h"
#include "store/memory.h"
#include "store/partitions.h"

namespace limpet::control {

constexpr char kScript[] = "/accounts/local/workers/scripts/counter";

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
  Json Call(const std::string& method, const std::string& path, std::string body = {}, const std::string& type = {}) {
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
  kv::Namespaces kv_{engine_->Acquire(store::kKvPartition).value()};
  std::unique_ptr<ControlPlane> plane_;
  int status_ = 0;
  char key_ = 'k';
};

}  // namespace limpet::control
