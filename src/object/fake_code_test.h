// Code of objects for tests: a function for the constructor and one for each event.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "object/code.h"
#include "object/shard.h"

namespace limpet::object {

inline constexpr NamespaceId kSpace{7};

inline ObjectId Id(uint8_t number) {
  ObjectId id{.ns = kSpace};
  id.base[0] = number;
  return id;
}

class FakeClass final : public ClassCode {
 public:
  using Handler = std::function<void(Instance&, InputLock, HttpRequest, OnReply)>;
  explicit FakeClass(Handler handler) : handler(std::move(handler)) {}

  std::unique_ptr<Code> Instantiate(Instance& instance) override {
    ++made;
    return std::make_unique<FakeCode>(*this, instance);
  }

  Handler handler;
  std::function<void(Instance&, InputLock, SocketEvent, OnReply)> on_socket;
  std::function<void(Instance&, InputLock, AlarmInfo, OnReply)> on_alarm;
  std::function<void(Instance&, InputLock, ShutdownReason, OnReply)> on_pre_shutdown;
  std::function<Result<Done>(Instance&)> construct = [](Instance&) -> Result<Done> { return Done{}; };
  bool starts_later = false;  // A constructor ends when the test calls what is in `starting`.
  std::vector<UniqueFunction<void()>> starting;
  int made = 0;
  int live = 0;

 private:
  class FakeCode final : public Code {
   public:
    FakeCode(FakeClass& of, Instance& instance) : of_(of), instance_(instance) { ++of_.live; }
    ~FakeCode() override { --of_.live; }
    void Start(InputLock lock, UniqueFunction<void(Result<Done>)> done) override {
      Result<Done> result = of_.construct(instance_);
      instance_.TurnEnded();
      if (!of_.starts_later) return done(std::move(result));
      of_.starting.emplace_back([done = std::move(done), lock = std::move(lock), result = std::move(result)]() mutable {
        done(std::move(result));
      });
    }
    void Fetch(InputLock lock, HttpRequest request, OnReply reply) override {
      of_.handler(instance_, std::move(lock), std::move(request), std::move(reply));
      instance_.TurnEnded();
    }

    void WebSocket(InputLock lock, SocketEvent event, OnReply done) override {
      if (of_.on_socket) {
        of_.on_socket(instance_, std::move(lock), std::move(event), std::move(done));
      } else {
        done(HttpResponse());
      }
      instance_.TurnEnded();
    }

    void Alarm(InputLock lock, AlarmInfo info, OnReply done) override {
      if (of_.on_alarm) {
        of_.on_alarm(instance_, std::move(lock), info, std::move(done));
      } else {
        done(HttpResponse());
      }
      instance_.TurnEnded();
    }

    bool wants_pre_shutdown() const override { return of_.on_pre_shutdown != nullptr; }
    void PreShutdown(InputLock lock, ShutdownReason reason, OnReply done) override {
      of_.on_pre_shutdown(instance_, std::move(lock), reason, std::move(done));
      instance_.TurnEnded();
    }

   private:
    FakeClass& of_;
    Instance& instance_;
  };
};

inline HttpResponse Text(std::string text) {
  HttpResponse response;
  response.body = Body::Of(std::move(text));
  return response;
}

inline HttpRequest Request(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  return request;
}

// What came back: the body's bytes, or "error: …".
inline OnReply Into(std::vector<std::string>& out) {
  return [&out](Result<HttpResponse> result) {
    out.push_back(result.has_value() ? result.value().body.bytes : "error: " + result.error().message());
  };
}

}  // namespace limpet::object
