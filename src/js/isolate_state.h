// The private part of an Isolate.
#pragma once

#include <v8.h>

#include <deque>
#include <memory>
#include <vector>

#include "js/array_buffers.h"
#include "js/foreground.h"
#include "js/isolate.h"
#include "js/modules.h"
#include "js/snapshot.h"
#include "js/watchdog.h"

namespace limpet::js {

inline constexpr uint32_t kStateSlot = 1;  // Where V8's isolate keeps the IsolateState.
inline constexpr std::string_view kMemoryMessage = "Durable Object's isolate exceeded its memory limit and was reset.";
inline constexpr size_t kStackBytes = 1024 * 1024;          // Of one entry into JavaScript.
inline constexpr size_t kStackSpareBytes = 256 * 1024;      // Below that, for C++ called from the deepest JavaScript.
inline constexpr size_t kNativeStackBytes = 256 * 1024;     // Between an interrupt and the next entry.
inline constexpr size_t kHeapGrantBytes = size_t{1} << 30;  // Once over the limit, so that V8 survives until it ends.
inline constexpr size_t kLimitRaisesMax =
    4;  // The heap limit goes no higher for buffers' sake, in multiples of memory_max.
inline constexpr size_t kRejectionsMax = 10'000;  // Unhandled rejections kept for the end of a turn.
inline constexpr size_t kMemoryFactor = 2;  // Of memory_max: what an interrupted turn may hold before any collection.

class OwnedText;

struct PendingTurn {
  std::shared_ptr<Budget> budget;
  UniqueFunction<void(Scope&)> turn;
  UniqueFunction<void(Ended)> after;
};

// The turn that runs.
struct TurnState {
  bool running = false;
  Budget* budget = nullptr;
  Ended ended = Ended::kNo;
  Instant started{};
  Duration served{0};     // Of the time since, spent on others.
  bool measured = false;  // False: its CPU time is taken to be its wall time, or what the thread had since its mark.
  Duration cpu{0};        // Used until `cpu_mark`, if measured.
  Duration cpu_mark{0};   // The thread's CPU clock then.
};

// What a script threw and has not caught; `promise` is empty if it came out of a microtask's own function.
struct Rejection {
  v8::Global<v8::Promise> promise;
  v8::Global<v8::Value> value;
  v8::Global<v8::Value> frame;  // Empty: none.
  bool handled = false;         // See Isolate::Rejection.
};

struct IsolateState {
  IsolateState(Isolate& host, node::MultiIsolatePlatform* platform, const Snapshot& snapshot, Watchdog& watchdog,
               loop::AsioLoop& loop, IsolateOptions options, int& depth, bool& dead);
  static IsolateState& From(v8::Isolate* isolate);
  // Starts V8's isolate from the snapshot.
  Result<Done> Start();
  void Dispose();

  Ended RunTurn(Budget& budget, FunctionRef<void(Scope&)> turn);
  void RunNow(Budget* budget, FunctionRef<void(Scope&)> turn, FunctionRef<void(Ended)> after);
  void RunPending(PendingTurn pending);
  void Drain(Duration slice);

  void Terminate(Ended why);
  void RequestInterrupt();  // The watchdog's thread.
  void OnInterrupt();
  void ServeOthers();
  void Measure(Instant now);
  void Charge();
  static Duration ThreadCpu();
  void SetStackLimit();
  void Unwind(v8::Local<v8::Context> context);
  void ReportRejections(Scope& scope);
  void OnRejection(v8::PromiseRejectMessage message);
  void OnHandled(v8::Local<v8::Promise> promise);
  void Report(Scope& scope, const Rejection& one);
  bool IsHandled(const Rejection& one);
  void ForgetHandledRejections();
  size_t OnNearHeapLimit(size_t current);
  void OnFullCollection();
  size_t ExternalBytes();
  void CollectYoungBuffers();
  void DropTexts();
  void Die();

  std::string_view dead_message = kMemoryMessage;  // A literal.
  Isolate& host;
  node::MultiIsolatePlatform* platform;
  const Snapshot& snapshot;
  Watchdog& watchdog;
  loop::AsioLoop& loop;
  IsolateOptions options;
  UniqueFunction<void(Error)> on_dead;

  v8::Isolate* isolate = nullptr;
  int& depth;
  bool& dead;
  std::shared_ptr<Lane> lane;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // Watched by what is posted to the loop.
  std::unique_ptr<PlatformDelegate> delegate;
  std::shared_ptr<ArrayBuffers> buffers;
  int64_t young_buffer_bytes = 0;  // Made since the young generation was last collected (young_buffers.cc).
  int64_t external_reserve = 0;    // What V8 was told to be outside its heap, and is not.
  OwnedText* texts = nullptr;      // All of them.
  bool disposing = false;
  std::unique_ptr<v8::MicrotaskQueue> microtasks;
  v8::Global<v8::Context> context;
  std::vector<v8::Global<v8::Function>> hooks;
  ModuleGraph modules;

  std::deque<PendingTurn> queue;
  bool drain_posted = false;
  TurnState turn;
  uintptr_t stack_limit = 0;
  bool heap_granted = false;
  std::atomic<bool> interrupt_requested{false};

  std::vector<Rejection> rejections;
  size_t rejections_compact_at = 64;
};

}  // namespace limpet::js
