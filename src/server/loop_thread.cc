#include "server/loop_thread.h"

#include <signal.h>

#include <cstring>
#include <latch>
#include <utility>

namespace limpet::server {

LoopThread::~LoopThread() {
  if (!running_) return;
  if (!stopped_) Stop({});
  Join();
}

Result<Done> LoopThread::Start(const std::string& name) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  int failed = pthread_create(&thread_, &attributes, &LoopThread::Main, this);
  pthread_attr_destroy(&attributes);
  if (failed != 0) return Error(ErrorCode::kUnavailable, std::string("start a thread: ") + std::strerror(failed));
  running_ = true;
  pthread_setname_np(thread_, name.substr(0, 15).c_str());
  return Done{};
}

void* LoopThread::Main(void* self) {
  auto* thread = static_cast<LoopThread*>(self);
  thread->loop_.Run();
  if (thread->last_) std::exchange(thread->last_, {})();
  return nullptr;
}

void LoopThread::Call(UniqueFunction<void()> work) {
  std::latch done(1);
  loop_.Post([&work, &done] {
    work();
    done.count_down();
  });
  done.wait();
}

void LoopThread::Stop(UniqueFunction<void()> last) {
  stopped_ = true;
  loop_.Post([this, last = std::move(last)]() mutable {
    last_ = std::move(last);
    loop_.Stop();
  });
}

void LoopThread::Join() {
  if (!std::exchange(running_, false)) return;
  pthread_join(thread_, nullptr);
}

}  // namespace limpet::server
