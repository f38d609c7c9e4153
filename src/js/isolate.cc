#include "js/isolate.h"

#include <node.h>

#include "js/isolate_state.h"

namespace limpet::js {

// The part of the header's that other files of this folder may know.
struct Isolate::State : IsolateState {
  using IsolateState::IsolateState;
};

namespace {

constexpr uint32_t kHostSlot = 0;
constexpr size_t kYoungBytes = 24 * 1024 * 1024;  // Three semi-spaces of 8 MiB: touched only by a script that is busy.
constexpr const char* kEvalRefused = "Code generation from strings disallowed for this context";

}  // namespace

v8::Local<v8::Function> Scope::Hook(int index) const {
  return host_.state_->hooks[static_cast<size_t>(index)].Get(isolate_);
}

// -- making and ending

Isolate::Isolate(Runtime& runtime, loop::AsioLoop& loop, IsolateOptions options)
    : state_(std::make_unique<State>(*this, runtime.options().platform, *runtime.snapshot_, *runtime.watchdog_, loop,
                                     std::move(options), depth_, dead_)) {}

Result<std::unique_ptr<Isolate>> Isolate::Make(Runtime& runtime, loop::AsioLoop& loop, IsolateOptions options,
                                               UniqueFunction<void(Error)> on_dead) {
  std::unique_ptr<Isolate> isolate(new Isolate(runtime, loop, std::move(options)));
  isolate->state_->on_dead = std::move(on_dead);
  Result<Done> started = isolate->state_->Start();
  isolate->isolate_ = isolate->state_->isolate;
  if (!started.has_value()) return std::move(started).error();
  return isolate;
}

Isolate::~Isolate() {
  LIMPET_CHECK(depth_ == 0);
  state_->Dispose();
}

void Isolate::set_on_dead(UniqueFunction<void(Error)> on_dead) { state_->on_dead = std::move(on_dead); }

Isolate& Isolate::From(v8::Isolate* isolate) { return *static_cast<Isolate*>(isolate->GetData(kHostSlot)); }

IsolateState::IsolateState(Isolate& host, node::MultiIsolatePlatform* platform, const Snapshot& snapshot,
                           Watchdog& watchdog, loop::AsioLoop& loop, IsolateOptions options, int& depth, bool& dead)
    : host(host),
      platform(platform),
      snapshot(snapshot),
      watchdog(watchdog),
      loop(loop),
      options(std::move(options)),
      depth(depth),
      dead(dead),
      lane(watchdog.LaneOf(&loop)),
      delegate(std::make_unique<PlatformDelegate>(&loop, &host)),
      buffers(std::make_shared<ArrayBuffers>(this->options.memory_max)) {}

IsolateState& IsolateState::From(v8::Isolate* isolate) {
  return *static_cast<IsolateState*>(isolate->GetData(kStateSlot));
}

Result<Done> IsolateState::Start() {
  isolate = v8::Isolate::Allocate();
  platform->RegisterIsolate(isolate, delegate.get());
  v8::Isolate::CreateParams params;
  params.snapshot_blob = &snapshot.blob();
  params.external_references = snapshot.external_references();
  params.array_buffer_allocator_shared = buffers;
  params.allow_atomics_wait = false;
  params.constraints.ConfigureDefaultsFromHeapSize(0, options.memory_max);
  // V8's default for a heap of this size collects the young generation every megabyte, with helper threads each time.
  params.constraints.set_max_young_generation_size_in_bytes(kYoungBytes);
  params.constraints.set_initial_young_generation_size_in_bytes(kYoungBytes);
  // Else V8 begins with a few megabytes and collects everything at each large string.
  params.constraints.set_initial_old_generation_size_in_bytes(options.memory_max / 4);
  v8::Isolate::Initialize(isolate, params);
  // Entered from here on: what is added below is kept in the heap.
  v8::Isolate::Scope isolate_scope(isolate);
  SetStackLimit();
  v8::HandleScope handles(isolate);
  isolate->SetData(kHostSlot, &host);
  isolate->SetData(kStateSlot, this);
  isolate->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  isolate->SetPromiseRejectCallback(
      [](v8::PromiseRejectMessage message) { From(v8::Isolate::GetCurrent()).OnRejection(message); });
  // Thrown where no script can catch it: out of a microtask's own function.
  isolate->AddMessageListener([](v8::Local<v8::Message>, v8::Local<v8::Value> error) {
    IsolateState& state = From(v8::Isolate::GetCurrent());
    if (state.rejections.size() < kRejectionsMax) state.rejections.push_back({{}, {state.isolate, error}, {}, false});
  });
  isolate->AddNearHeapLimitCallback(
      [](void* state, size_t current, size_t) { return static_cast<IsolateState*>(state)->OnNearHeapLimit(current); },
      this);
  isolate->AddGCEpilogueCallback([](v8::Isolate*, v8::GCType, v8::GCCallbackFlags,
                                    void* state) { static_cast<IsolateState*>(state)->OnFullCollection(); },
                                 this, v8::kGCTypeMarkSweepCompact);
  isolate->AddGCPrologueCallback([](v8::Isolate*, v8::GCType, v8::GCCallbackFlags,
                                    void* state) { static_cast<IsolateState*>(state)->young_buffer_bytes = 0; },
                                 this, v8::kGCTypeAll);
  isolate->AutomaticallyRestoreInitialHeapLimit();
  ModuleGraph::Install(isolate);

  microtasks = v8::MicrotaskQueue::New(isolate, v8::MicrotasksPolicy::kExplicit);
  v8::Local<v8::Context> local = v8::Context::New(isolate, nullptr, {}, {}, {}, microtasks.get());
  if (local.IsEmpty()) return Error(ErrorCode::kInternal, "V8 made no context from the snapshot");
  local->AllowCodeGenerationFromStrings(false);
  // Modules that were uploaded are compiled through V8's own interface, which does not ask.
  isolate->SetAllowWasmCodeGenerationCallback([](v8::Local<v8::Context>, v8::Local<v8::String>) { return false; });
  local->SetErrorMessageForCodeGenerationFromStrings(Literal(isolate, kEvalRefused));
  context.Reset(isolate, local);
  for (size_t index : snapshot.hooks()) {
    v8::Local<v8::Function> hook;
    if (!local->GetDataFromSnapshotOnce<v8::Function>(index).ToLocal(&hook)) {
      return Error(ErrorCode::kInternal, "a hook is missing in the snapshot");
    }
    hooks.emplace_back(isolate, hook);
  }
  return Done{};
}

void IsolateState::Dispose() {
  alive.reset();
  queue.clear();
  if (isolate == nullptr) return;
  watchdog.Forget(this);
  delegate->Close();
  rejections.clear();
  hooks.clear();
  modules.Clear();
  host.on_rejection = nullptr;
  context.Reset();
  microtasks.reset();
  disposing = true;
  platform->DisposeIsolate(isolate);
  DropTexts();
}

// -- turns

void Isolate::Run(std::shared_ptr<Budget> budget, UniqueFunction<void(Scope&)> turn,
                  UniqueFunction<void(Ended)> after) {
  State& state = *state_;
  if (depth_ > 0) {
    state.queue.push_back({std::move(budget), std::move(turn), std::move(after)});
    return;
  }
  if (!state.queue.empty()) state.Drain(Duration::max());  // They came first.
  state.RunPending({std::move(budget), std::move(turn), std::move(after)});
  if (!state.queue.empty()) state.Drain(kSlice);
}

bool Isolate::TryRun(Budget& budget, FunctionRef<void(Scope&)> turn, FunctionRef<void(Ended)> after) {
  State& state = *state_;
  if (depth_ > 0) return false;
  if (!state.queue.empty()) state.Drain(Duration::max());
  state.RunNow(&budget, turn, after);
  if (!state.queue.empty()) state.Drain(kSlice);
  return true;
}

// Runs what queued up, for `slice` at most: the rest gives way to what the loop has to do meanwhile.
void IsolateState::Drain(Duration slice) {
  Instant began = std::chrono::steady_clock::now();
  while (!queue.empty()) {
    PendingTurn next = std::move(queue.front());
    queue.pop_front();
    RunPending(std::move(next));
    if (dead || queue.empty() || std::chrono::steady_clock::now() - began < slice) continue;
    if (!std::exchange(drain_posted, true)) {
      loop.Post([this, watch = std::weak_ptr<bool>(alive)] {
        if (watch.expired()) return;
        drain_posted = false;
        if (depth == 0) Drain(kSlice);  // If it is entered, the end of that turn drains.
      });
    }
    return;
  }
}

void IsolateState::RunPending(PendingTurn pending) {
  RunNow(pending.budget.get(), pending.turn, [&](Ended ended) {
    if (pending.after) pending.after(ended);
  });
}

void IsolateState::RunNow(Budget* budget, FunctionRef<void(Scope&)> run, FunctionRef<void(Ended)> after) {
  ++depth;  // Until `after` has run too: what it starts here waits for its return.
  Ended ended = Ended::kMemory;
  if (!dead) {
    Budget own{options.cpu_max};
    ended = RunTurn(budget != nullptr ? *budget : own, run);
  }
  after(ended);
  --depth;
}

Ended IsolateState::RunTurn(Budget& budget, FunctionRef<void(Scope&)> run) {
  IsolateState* outer = lane->innermost.load(std::memory_order_relaxed);
  turn = TurnState{.running = true, .budget = &budget, .started = std::chrono::steady_clock::now()};
  ++lane->depth;
  watchdog.Entered(*lane, this);
  {
    v8::Isolate::Scope isolate_scope(isolate);
    SetStackLimit();
    v8::HandleScope handles(isolate);
    v8::Local<v8::Context> local = context.Get(isolate);
    {
      v8::Context::Scope context_scope(local);
      Scope scope(host, isolate, local);
      // What an event has left may be nothing: then its C++ runs and its JavaScript does not.
      if (budget.cpu_left <= Duration::zero()) Terminate(Ended::kCpu);
      {
        v8::TryCatch caught(isolate);
        run(scope);
      }
      if (turn.ended == Ended::kNo) microtasks->PerformCheckpoint(isolate);
      if (!rejections.empty()) ReportRejections(scope);
    }
    if (turn.ended != Ended::kNo) Unwind(local);
  }
  turn.running = false;
  Charge();
  --lane->depth;
  watchdog.Entered(*lane, outer);
  if (turn.ended == Ended::kMemory) Die();
  return turn.ended;
}

// After a termination: the isolate is ready for the next turn, and nothing of this one is left to run.
void IsolateState::Unwind(v8::Local<v8::Context> local) {
  isolate->CancelTerminateExecution();
  Isolate::SetAsyncFrame(isolate, v8::Undefined(isolate));
  std::unique_ptr<v8::MicrotaskQueue> fresh = v8::MicrotaskQueue::New(isolate, v8::MicrotasksPolicy::kExplicit);
  local->SetMicrotaskQueue(fresh.get());
  microtasks = std::move(fresh);
  rejections.clear();
}

void IsolateState::Die() {
  if (std::exchange(dead, true)) return;
  loop.Post([this, watch = std::weak_ptr<bool>(alive)] {
    if (watch.expired()) return;
    Drain(Duration::max());  // Each is told.
    if (watch.expired() || !on_dead) return;
    UniqueFunction<void(Error)> tell = std::exchange(on_dead, nullptr);
    tell(Error(ErrorCode::kOverloaded, std::string(dead_message)).With(Error::kObjectReset));
  });
}

void IsolateState::SetStackLimit() {
  auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  uintptr_t floor = lane->stack_low + kStackSpareBytes;
  uintptr_t limit = here > kStackBytes + floor ? here - kStackBytes : floor;
  // V8 takes a lock for it; a limit that is a little off will do.
  constexpr uintptr_t kTolerance = 64 * 1024;
  if (stack_limit != 0 && limit + kTolerance > stack_limit && limit < stack_limit + kTolerance) return;
  stack_limit = limit;
  isolate->SetStackLimit(limit);
}

// -- time

void IsolateState::RequestInterrupt() {
  if (interrupt_requested.exchange(true, std::memory_order_relaxed)) return;
  isolate->RequestInterrupt([](v8::Isolate*, void* state) { static_cast<IsolateState*>(state)->OnInterrupt(); }, this);
}

void IsolateState::OnInterrupt() {
  interrupt_requested.store(false, std::memory_order_relaxed);
  if (lane->innermost.load(std::memory_order_relaxed) != this || !turn.running || turn.ended != Ended::kNo) return;
  Instant now = std::chrono::steady_clock::now();
  Duration wall = now - turn.started - turn.served;
  if (wall < kSlice) return;  // It was meant for an earlier turn.
  Measure(now);
  constexpr int kWallFactor = 2;  // Of the CPU limit: one synchronous turn's.
  if (turn.cpu >= turn.budget->cpu_left || wall / kWallFactor >= turn.budget->cpu_left) return Terminate(Ended::kCpu);
  v8::HeapStatistics heap;
  isolate->GetHeapStatistics(&heap);
  if (heap.used_heap_size() + ExternalBytes() > kMemoryFactor * options.memory_max) {
    return Terminate(Ended::kMemory);
  }
  ServeOthers();
}

void IsolateState::ServeOthers() {
  auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (lane->depth >= kDepthMax || here < lane->stack_low + kStackSpareBytes + kNativeStackBytes + kStackBytes) return;
  Instant began = std::chrono::steady_clock::now();
  loop.ServeFor(kSlice);
  turn.served += std::chrono::steady_clock::now() - began;
  turn.cpu_mark = ThreadCpu();
}

// Brings `turn.cpu` up to now.
void IsolateState::Measure(Instant now) {
  Duration clock = ThreadCpu();
  turn.cpu = turn.measured ? turn.cpu + (clock - turn.cpu_mark) : std::min(now - turn.started, clock - lane->cpu_mark);
  turn.cpu_mark = lane->cpu_mark = clock;
  turn.measured = true;
}

void IsolateState::Charge() {
  // The clock costs a system call. A turn that took little by the wall's clock took no more of the CPU; of a longer one
  // much may have been waiting for the CPU, on a busy machine.
  constexpr std::chrono::milliseconds kShort{1};
  Instant now = std::chrono::steady_clock::now();
  if (turn.measured || now - turn.started >= kShort) {
    Measure(now);
  } else {
    turn.cpu = now - turn.started;
  }
  turn.budget->cpu_left -= turn.cpu;
}

Duration IsolateState::ThreadCpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// The only place that does it, always on the isolate's own thread inside its turn: it never hits the next one.
void IsolateState::Terminate(Ended why) {
  if (!turn.running) {
    if (why == Ended::kMemory) Die();
    return;
  }
  if (turn.ended == Ended::kMemory) return;
  turn.ended = why;
  isolate->TerminateExecution();
}

bool Isolate::Poll() {
  if (state_->interrupt_requested.load(std::memory_order_relaxed)) state_->OnInterrupt();
  return state_->turn.ended != Ended::kNo;
}

void Isolate::TerminateTurn() { state_->Terminate(Ended::kAborted); }

// -- memory

// V8 asks when the heap is full, and when collections find little to free while heap and buffers together stand near
// the limit. The latter is no reason to end anything: buffers have their own limit, and refuse.
size_t IsolateState::OnNearHeapLimit(size_t current) {
  v8::HeapStatistics heap;
  isolate->GetHeapStatistics(&heap);
  if (heap.used_heap_size() < options.memory_max / 2 && buffers->bytes() > options.memory_max / 2 &&
      current < kLimitRaisesMax * options.memory_max) {
    return current + options.memory_max;
  }
  Terminate(Ended::kMemory);
  return std::exchange(heap_granted, true) ? current : current + kHeapGrantBytes;
}

void IsolateState::OnFullCollection() {
  v8::HeapStatistics heap;
  isolate->GetHeapStatistics(&heap);
  buffers->SetHeapBytes(heap.used_heap_size());
  // The limit may have been raised for the buffers' sake. WebAssembly memories are not in our count of buffers.
  if (heap.used_heap_size() > options.memory_max ||
      ExternalBytes() > buffers->bytes() + kMemoryFactor * options.memory_max) {
    Terminate(Ended::kMemory);
  }
}

// Off-heap memory that V8 knows of. (HeapStatistics leaves WebAssembly memories out.)
size_t IsolateState::ExternalBytes() {
  return static_cast<size_t>(
      std::max<int64_t>(0, isolate->AdjustAmountOfExternalAllocatedMemory(0) - external_reserve));
}

size_t Isolate::heap_bytes() {
  v8::HeapStatistics heap;
  isolate_->GetHeapStatistics(&heap);
  return heap.used_heap_size() + state_->ExternalBytes();
}

// -- rejections

void IsolateState::OnRejection(v8::PromiseRejectMessage message) {
  if (turn.ended != Ended::kNo) return;
  if (message.GetEvent() == v8::kPromiseHandlerAddedAfterReject) return OnHandled(message.GetPromise());
  if (message.GetEvent() != v8::kPromiseRejectWithNoHandler) return;
  if (rejections.size() >= rejections_compact_at) {
    ForgetHandledRejections();
    rejections_compact_at = std::clamp(rejections.size() * 2, size_t{64}, kRejectionsMax);
  }
  if (rejections.size() >= kRejectionsMax) return;
  rejections.push_back({{isolate, message.GetPromise()}, {isolate, message.GetValue()}, {}, false});
  v8::Local<v8::Value> frame = Isolate::AsyncFrame(isolate);
  if (!frame->IsUndefined()) rejections.back().frame.Reset(isolate, frame);
}

// A promise that still waits for the end of the turn is found to be handled then.
void IsolateState::OnHandled(v8::Local<v8::Promise> promise) {
  if (!host.hear_handled || rejections.size() >= kRejectionsMax) return;
  for (const Rejection& one : rejections) {
    if (one.promise == promise) return;
  }
  rejections.push_back({{isolate, promise}, {}, {}, true});
}

bool IsolateState::IsHandled(const Rejection& one) {
  return !one.promise.IsEmpty() && one.promise.Get(isolate)->HasHandler();
}

void IsolateState::ForgetHandledRejections() {
  v8::HandleScope handles(isolate);
  std::erase_if(rejections, [this](const Rejection& one) { return !one.handled && IsHandled(one); });
}

// Hands on what nobody has caught; what the hearer's script rejects in turn is heard in the next round.
void IsolateState::ReportRejections(Scope& scope) {
  constexpr int kRoundsMax = 8;
  for (int round = 0; round < kRoundsMax && !rejections.empty() && turn.ended == Ended::kNo; ++round) {
    for (Rejection& one : std::exchange(rejections, {})) {
      v8::HandleScope handles(isolate);
      v8::TryCatch caught(isolate);
      if (turn.ended == Ended::kNo && (one.handled || !IsHandled(one))) Report(scope, one);
    }
    if (turn.ended == Ended::kNo) microtasks->PerformCheckpoint(isolate);
  }
  rejections.clear();
}

void IsolateState::Report(Scope& scope, const Rejection& one) {
  if (!host.on_rejection) return;
  if (!one.frame.IsEmpty()) Isolate::SetAsyncFrame(isolate, one.frame.Get(isolate));
  host.on_rejection(scope, {.promise = one.promise.Get(isolate),
                            .reason = one.handled ? v8::Undefined(isolate).As<v8::Value>() : one.value.Get(isolate),
                            .handled = one.handled});
  if (!one.frame.IsEmpty()) Isolate::SetAsyncFrame(isolate, v8::Undefined(isolate));
}

v8::Local<v8::Value> Isolate::AsyncFrame(v8::Isolate* isolate) {
  v8::Local<v8::Data> data = isolate->GetContinuationPreservedEmbedderDataV2();
  if (data.IsEmpty() || !data->IsValue()) return v8::Undefined(isolate);
  return data.As<v8::Value>();
}

void Isolate::SetAsyncFrame(v8::Isolate* isolate, v8::Local<v8::Value> frame) {
  isolate->SetContinuationPreservedEmbedderDataV2(frame);
}

// -- modules

Result<v8::Local<v8::Object>> Isolate::LoadModules(Scope& scope, const std::string& main,
                                                   const std::vector<Module>& modules, Synthetic synthetic,
                                                   std::vector<std::pair<std::string, Bytes>>* caches) {
  Result<v8::Local<v8::Object>> loaded = state_->modules.Load(scope, main, modules, std::move(synthetic), caches);
  if (loaded.has_value() || state_->turn.ended == Ended::kNo) return loaded;
  bool memory = state_->turn.ended == Ended::kMemory;
  return Error(ErrorCode::kOverloaded,
               memory ? "Script startup exceeded memory limits." : "Script startup exceeded CPU time limit.");
}

}  // namespace limpet::js
