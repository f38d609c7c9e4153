#include "js/isolate.h"

#include <algorithm>
#include <ctime>
#include <thread>

#include "js/js_testing.h"
#include "js/owned_text.h"

namespace limpet::js {
namespace {

using namespace std::chrono_literals;

Duration ThreadCpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

class IsolateTest : public JsTest {};

TEST_F(IsolateTest, ATurnRunsScriptAndTheBuiltInsOfTheSnapshot) {
  std::unique_ptr<Isolate> isolate = Make();
  EXPECT_EQ(RunText(*isolate, "double(21)"), "42");
  isolate->Run(
      nullptr,
      [](Scope& scope) {
        v8::Local<v8::Value> name = FromUtf8(scope.isolate(), "wörld");
        v8::Local<v8::Value> greeting =
            scope.Hook(0)->Call(scope.context(), v8::Undefined(scope.isolate()), 1, &name).ToLocalChecked();
        EXPECT_EQ(ToUtf8(scope.isolate(), greeting), "hello wörld");
        EXPECT_EQ(&Isolate::From(scope.isolate()), &scope.host());
      },
      nullptr);
}

TEST_F(IsolateTest, BuiltInsThatThrowAreAnErrorNotACrash) {
  Result<std::unique_ptr<Runtime>> made =
      Runtime::Make({.platform = g_host_platform, .builtins = "() => { throw new TypeError('mistake'); }"});
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().message().find("TypeError: mistake"), std::string::npos) << made.error().message();
  made = Runtime::Make({.platform = g_host_platform, .builtins = "() => ({})", .hooks = {"absent"}});
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().message().find("absent"), std::string::npos);
}

TEST_F(IsolateTest, MicrotasksRunBeforeAfterAndNotInsideTheTurn) {
  std::unique_ptr<Isolate> isolate = Make();
  std::string during;
  bool after = false;
  isolate->Run(
      nullptr,
      [&](Scope& scope) {
        during =
            EvalText(scope, "globalThis.log = ''; (async () => { await 0; await 0; log += 'micro' })(); log + '-'");
      },
      [&](Ended ended) {
        after = true;
        EXPECT_EQ(ended, Ended::kNo);
      });
  EXPECT_EQ(during, "-");
  EXPECT_TRUE(after);
  EXPECT_EQ(RunText(*isolate, "log"), "micro");
}

TEST_F(IsolateTest, ATurnStartedInsideATurnWaitsForItsEnd) {
  std::unique_ptr<Isolate> isolate = Make();
  std::string order;
  isolate->Run(
      nullptr,
      [&](Scope&) {
        isolate->Run(nullptr, [&](Scope&) { order += "b"; }, [&](Ended) { order += "c"; });
        order += "a";
      },
      [&](Ended) { isolate->Run(nullptr, [&](Scope&) { order += "d"; }, nullptr); });
  EXPECT_EQ(order, "abcd");
  EXPECT_FALSE(isolate->entered());
}

TEST_F(IsolateTest, ALongChainOfTurnsLetsTheLoopDoItsOtherWork) {
  std::unique_ptr<Isolate> isolate = Make();
  int turns = 0;
  bool other = false;
  std::function<void()> again = [&] {
    isolate->Run(
        nullptr,
        [&](Scope&) {
          ++turns;
          other ? Finish() : again();
        },
        nullptr);
  };
  loop_.Post([&] { again(); });
  loop_.Post([&] { other = true; });
  Loop();
  EXPECT_GT(turns, 10);  // For as long as the loop can wait: how many depends on the machine.
}

TEST_F(IsolateTest, WhileALoopIsEndlessAnotherIsolateAnswers) {
  std::unique_ptr<Isolate> endless = Make({.cpu_max = 1h});
  std::unique_ptr<Isolate> other = Make();
  constexpr int kAnswers = 2000;
  int answers = 0;
  std::function<void()> ask = [&] {
    other->Run(nullptr, [&](Scope& scope) { answers += EvalText(scope, "double(1)") == "2"; }, nullptr);
    if (answers == kAnswers) return endless->TerminateTurn();
    loop_.Post([&] { ask(); });
  };
  Ended how = Ended::kNo;
  loop_.Post([&] {
    loop_.Post([&] { ask(); });
    endless->Run(
        nullptr, [](Scope& scope) { (void)Eval(scope, "for (;;) {}"); },
        [&](Ended ended) {
          how = ended;
          Finish();
        });
  });
  Loop();
  EXPECT_EQ(how, Ended::kAborted);
  EXPECT_EQ(answers, kAnswers);
}

TEST_F(IsolateTest, AnEndlessLoopIsEnded) {
  std::unique_ptr<Isolate> endless = Make({.cpu_max = 300ms});
  Ended how = Ended::kNo;
  bool microtask = false;
  loop_.Post([&] {
    endless->Run(
        nullptr,
        [&](Scope& scope) {
          (void)EvalText(scope,
                         "globalThis.late = 0; Promise.resolve().then(() => { late = 1 }); try { for (;;) {} } "
                         "catch { late = 2 } finally { late = 3 }");
        },
        [&](Ended ended) {
          how = ended;
          Finish();
        });
    // Queued behind the loop; the isolate lives on.
    endless->Run(nullptr, [&](Scope& scope) { microtask = EvalText(scope, "late") != "0"; }, nullptr);
  });
  Loop();
  EXPECT_EQ(how, Ended::kCpu);
  EXPECT_FALSE(microtask);
  EXPECT_EQ(RunText(*endless, "double(late + 2)"), "4");
}

TEST_F(IsolateTest, ALoopInAMicrotaskIsEndedToo) {
  std::unique_ptr<Isolate> isolate = Make({.cpu_max = 50ms});
  EXPECT_EQ(RunEnded(*isolate,
                     "globalThis.n = 0; (async () => { await 0; for (;;) {} })(); "
                     "Promise.resolve().then(() => 0).then(() => 0).then(() => { n = 1 }); 0"),
            Ended::kCpu);
  EXPECT_EQ(RunText(*isolate, "n"), "0");
  EXPECT_EQ(RunEnded(*isolate, "(function again() { Promise.resolve().then(again) })()"), Ended::kCpu);
  EXPECT_EQ(RunText(*isolate, "n"), "0");
}

TEST_F(IsolateTest, TwoEndlessLoopsAndAThirdIsolateShareTheThread) {
  std::unique_ptr<Isolate> first = Make({.cpu_max = 100ms});
  std::unique_ptr<Isolate> second = Make({.cpu_max = 100ms});
  int ended = 0;
  auto count = [&](Ended how) {
    EXPECT_EQ(how, Ended::kCpu);
    if (++ended == 2) Finish();
  };
  loop_.Post([&] { first->Run(nullptr, [](Scope& scope) { (void)Eval(scope, "for (;;) {}"); }, count); });
  loop_.Post([&] { second->Run(nullptr, [](Scope& scope) { (void)Eval(scope, "for (;;) {}"); }, count); });
  Loop();
  EXPECT_EQ(ended, 2);
}

TEST_F(IsolateTest, ThreadsWithLoopsOfTheirOwnShareTheRuntime) {
  auto shard = [&] {
    loop::AsioLoop loop;
    std::vector<Ended> how;
    loop.Post([&] {
      for (int round = 0; round < 5; ++round) {
        std::unique_ptr<Isolate> isolate = Isolate::Make(*runtime_, loop, {.cpu_max = 100ms}, nullptr).value();
        for (const char* code : {"for (;;) {}", "(function deep() { return deep() + 1 })()", "'x'.repeat(1e6)"}) {
          isolate->Run(
              nullptr, [&](Scope& scope) { (void)EvalText(scope, code); }, [&](Ended ended) { how.push_back(ended); });
        }
      }
      loop.Stop();
    });
    loop.Run();
    ASSERT_EQ(how.size(), 15u);
    for (size_t index = 0; index < how.size(); ++index) {
      EXPECT_EQ(how[index], index % 3 == 0 ? Ended::kCpu : Ended::kNo);
    }
  };
  std::thread first(shard);
  std::thread second(shard);
  first.join();
  second.join();
}

TEST_F(IsolateTest, ABudgetIsSummedOverItsTurns) {
  std::unique_ptr<Isolate> isolate = Make();
  constexpr Duration kBudget = 40ms, kSpin = 6ms, kSlice = 10ms;
  auto budget = std::make_shared<Budget>(Budget{kBudget});
  Duration spent{
      0};  // By the turns that came to their end. By the CPU's clock: on a busy machine each gets little of it.
  Ended how = Ended::kNo;
  while (how == Ended::kNo && spent < 10 * kBudget) {
    Duration turn{0};
    isolate->Run(
        budget,
        [&](Scope& scope) {
          Duration begun = ThreadCpu();
          (void)EvalText(scope, "{ const end = Date.now() + 6; while (Date.now() < end) {} } 1");
          turn = ThreadCpu() - begun;
        },
        [&](Ended ended) { how = ended; });
    if (how == Ended::kNo) spent += turn;
  }
  EXPECT_EQ(how, Ended::kCpu);
  EXPECT_LE(spent, kBudget + kSpin + kSlice);
  EXPECT_EQ(RunEnded(*isolate, "1"), Ended::kNo);  // Others have their own.
}

TEST_F(IsolateTest, WhatATurnWaitsForTheCpuIsNotCharged) {
  std::unique_ptr<Isolate> isolate = Make();
  auto wait = [](Scope&) { std::this_thread::sleep_for(10ms); };  // As if the machine had other things to do.
  isolate->Run(nullptr, wait, nullptr);
  auto budget = std::make_shared<Budget>(Budget{100ms});
  Ended how = Ended::kNo;
  for (int turn = 0; turn < 20 && how == Ended::kNo; ++turn) {
    isolate->Run(budget, wait, [&](Ended ended) { how = ended; });
  }
  EXPECT_EQ(how, Ended::kNo);
  EXPECT_GT(budget->cpu_left, 50ms);
}

TEST_F(IsolateTest, ATurnEndedByItsOwnerRunsNothingMore) {
  std::unique_ptr<Isolate> isolate = Make();
  Ended how = Ended::kNo;
  std::string rest;
  isolate->Run(
      nullptr,
      [&](Scope& scope) {
        (void)Eval(scope, "globalThis.ran = false; Promise.resolve().then(() => { ran = true })");
        isolate->TerminateTurn();
        rest = EvalText(scope, "ran = true");
      },
      [&](Ended ended) { how = ended; });
  EXPECT_EQ(how, Ended::kAborted);
  EXPECT_EQ(rest, "(nothing)");
  EXPECT_EQ(RunText(*isolate, "ran"), "false");
}

TEST_F(IsolateTest, DeepRecursionIsARangeError) {
  std::unique_ptr<Isolate> isolate = Make();
  EXPECT_EQ(RunText(*isolate, "(function deep() { return deep() + 1 })()"),
            "RangeError: Maximum call stack size exceeded");
  EXPECT_EQ(RunText(*isolate, "double(2)"), "4");
}

TEST_F(IsolateTest, CodeFromStringsIsRefused) {
  std::unique_ptr<Isolate> isolate = Make();
  EXPECT_EQ(RunText(*isolate, "eval('1')"), "EvalError: Code generation from strings disallowed for this context");
  EXPECT_EQ(RunText(*isolate, "new Function('return 1')"),
            "EvalError: Code generation from strings disallowed for this context");
  EXPECT_EQ(RunText(*isolate, "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"),
            "TypeError: Atomics.wait cannot be called in this context");
}

TEST_F(IsolateTest, RejectionsWithoutAHandlerAreReportedOnce) {
  std::unique_ptr<Isolate> isolate = Make();
  std::vector<std::string> heard;
  isolate->on_rejection = [&](Scope& scope, const Isolate::Rejection& rejection) {
    heard.push_back(ToUtf8(scope.isolate(), rejection.reason));
  };
  RunText(*isolate,
          "Promise.reject('lost'); const late = Promise.reject('caught'); "
          "(async () => { try { await late } catch {} })(); (async () => { throw 'thrown' })(); 1");
  EXPECT_EQ(heard, (std::vector<std::string>{"lost", "thrown"}));
  RunText(*isolate, "1");
  EXPECT_EQ(heard.size(), 2u);
}

TEST_F(IsolateTest, AHandlerThatComesLateIsToldOfIfAsked) {
  for (bool ask : {false, true}) {
    std::unique_ptr<Isolate> isolate = Make();
    isolate->hear_handled = ask;
    std::vector<std::string> heard;
    isolate->on_rejection = [&](Scope& scope, const Isolate::Rejection& rejection) {
      EXPECT_TRUE(rejection.promise->IsPromise());
      heard.push_back((rejection.handled ? "handled " : "rejected ") + ToUtf8(scope.isolate(), rejection.reason));
    };
    RunText(*isolate, "globalThis.late = Promise.reject('lost'); Promise.reject('caught').catch(() => {}); 1");
    EXPECT_EQ(heard, std::vector<std::string>{"rejected lost"});
    RunText(*isolate, "late.catch(() => {}); 1");
    EXPECT_EQ(heard.size(), ask ? 2u : 1u);
    if (ask) EXPECT_EQ(heard.back(), "handled undefined");
  }
}

TEST_F(IsolateTest, ARejectionIsReportedInItsAsyncFrame) {
  std::unique_ptr<Isolate> isolate = Make();
  std::string seen;
  isolate->on_rejection = [&](Scope& scope, const Isolate::Rejection&) {
    seen = ToUtf8(scope.isolate(), Isolate::AsyncFrame(scope.isolate()));
  };
  isolate->Run(
      nullptr,
      [&](Scope& scope) {
        Isolate::SetAsyncFrame(scope.isolate(), Literal(scope.isolate(), "frame"));
        Eval(scope, "Promise.resolve().then(() => { throw 1 }); 1");
        Isolate::SetAsyncFrame(scope.isolate(), v8::Undefined(scope.isolate()));
      },
      nullptr);
  EXPECT_EQ(seen, "frame");
  isolate->Run(
      nullptr, [&](Scope& scope) { EXPECT_TRUE(Isolate::AsyncFrame(scope.isolate())->IsUndefined()); }, nullptr);
}

TEST_F(IsolateTest, WhatAMicrotasksFunctionThrowsIsReported) {
  std::unique_ptr<Isolate> isolate = Make();
  std::vector<std::string> heard;
  isolate->on_rejection = [&](Scope& scope, const Isolate::Rejection& rejection) {
    heard.push_back(ToUtf8(scope.isolate(), rejection.reason));
  };
  isolate->Run(
      nullptr,
      [&](Scope& scope) {
        scope.context()->GetMicrotaskQueue()->EnqueueMicrotask(scope.isolate(),
                                                               Eval(scope, "() => { throw 'out' }").As<v8::Function>());
      },
      nullptr);
  EXPECT_EQ(heard, std::vector<std::string>{"out"});
}

TEST_F(IsolateTest, EndingATurnThatIsOverHarmsNoLaterOne) {
  std::unique_ptr<Isolate> isolate = Make();
  isolate->Run(nullptr, [](Scope&) {}, [&](Ended) { isolate->TerminateTurn(); });
  EXPECT_EQ(RunText(*isolate, "double(1)"), "2");
}

TEST_F(IsolateTest, WebAssemblyFromBytesIsRefused) {
  std::unique_ptr<Isolate> isolate = Make();
  EXPECT_EQ(RunText(*isolate, "new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0]))"),
            "CompileError: WebAssembly.Module(): Wasm code generation disallowed by embedder");
}

TEST_F(IsolateTest, FinalizationCallbacksRunAsTurns) {
  std::unique_ptr<Isolate> isolate = Make();
  RunText(*isolate,
          "globalThis.gone = 0; globalThis.registry = new FinalizationRegistry(() => { gone++ }); "
          "(() => { for (let i = 0; i < 100; i++) registry.register({}, i) })(); 1");
  std::function<void()> poll = [&] {
    if (RunText(*isolate, "gone") != "0") return Finish();
    isolate->Run(nullptr, [](Scope& scope) { scope.isolate()->LowMemoryNotification(); }, nullptr);
    loop_.After(1ms, [&] { poll(); });
  };
  loop_.Post([&] { poll(); });
  Loop();
  EXPECT_NE(RunText(*isolate, "gone"), "0");
}

TEST_F(IsolateTest, FinalizationCallbacksThatNeverReturnEndTheIsolate) {
  std::unique_ptr<Isolate> isolate = Make({.cpu_max = 20ms});
  std::string why;
  isolate->set_on_dead([&](Error error) {
    why = error.ToString();
    Finish();
  });
  RunText(*isolate,
          "globalThis.registry = new FinalizationRegistry(() => { for (;;) {} }); "
          "(() => { for (let i = 0; i < 100; i++) registry.register({}, i) })(); 1");
  std::function<void()> poll = [&] {
    if (isolate->dead()) return;
    isolate->Run(nullptr, [](Scope& scope) { scope.isolate()->LowMemoryNotification(); }, nullptr);
    loop_.After(1ms, [&] { poll(); });
  };
  loop_.Post([&] { poll(); });
  Loop();
  EXPECT_NE(why.find("FinalizationRegistry"), std::string::npos) << why;
}

class MemoryBombTest : public JsTest, public testing::WithParamInterface<const char*> {};

TEST_P(MemoryBombTest, EndsItsOwnIsolateOnly) {
  std::unique_ptr<Isolate> bomb = Make({.memory_max = 32 * 1024 * 1024});
  std::unique_ptr<Isolate> other = Make();
  EXPECT_EQ(RunEnded(*bomb, GetParam()), Ended::kMemory);
  EXPECT_TRUE(bomb->dead());
  bool ran = false;
  Ended how = Ended::kNo;
  bomb->Run(nullptr, [&](Scope&) { ran = true; }, [&](Ended ended) { how = ended; });
  EXPECT_FALSE(ran);
  EXPECT_EQ(how, Ended::kMemory);
  loop_.Post([&] { Finish(); });
  Loop();
  EXPECT_EQ(deaths_, 1);
  EXPECT_EQ(death_, "Durable Object's isolate exceeded its memory limit and was reset.");
  bomb = nullptr;
  EXPECT_EQ(RunText(*other, "double(4)"), "8");
}

INSTANTIATE_TEST_SUITE_P(
    Bombs, MemoryBombTest,
    testing::Values("const a = []; for (;;) a.push({})", "const m = new Map(); for (let i = 0;; i++) m.set(i, {})",
                    "const o = {}; for (let i = 0;; i++) o['key' + i] = i",
                    "const s = []; for (;;) s.push('x'.repeat(5e7).replace(/x/, 'y'))",
                    "const l = []; for (let i = 0;; i++) l.push('x'.repeat(100000) + i, [...'abc' + i])",
                    "const p = []; (function f() { p.push(new Array(1000).fill(0)); Promise.resolve().then(f) })()",
                    "const w = []; for (;;) { const m = new WebAssembly.Memory({initial: 256}); w.push(m); "
                    "new Uint8Array(m.buffer).fill(1) }"));

TEST_F(IsolateTest, ArrayBuffersOverTheLimitAreARangeError) {
  std::unique_ptr<Isolate> isolate = Make({.memory_max = 32 * 1024 * 1024});
  EXPECT_EQ(RunText(*isolate, "const kept = []; for (;;) kept.push(new ArrayBuffer(1 << 20))"),
            "RangeError: Array buffer allocation failed");
  EXPECT_EQ(RunText(*isolate, "new Uint8Array(1e9)"), "RangeError: Array buffer allocation failed");
  EXPECT_EQ(RunText(*isolate, "kept.length > 10 && kept.length <= 32"), "true");
  // Garbage does not count.
  EXPECT_EQ(RunText(*isolate, "kept.length = 0; for (let i = 0; i < 500; i++) new ArrayBuffer(1 << 20); 'fine'"),
            "fine");
  isolate->Run(
      nullptr,
      [](Scope& scope) {
        v8::TryCatch caught(scope.isolate());
        EXPECT_TRUE(ToUint8Array(scope.isolate(), Bytes(64 * 1024 * 1024, 'x')).IsEmpty());
        EXPECT_TRUE(caught.HasCaught());
      },
      nullptr);
}

// Run by hand: --gtest_also_run_disabled_tests --gtest_filter=*TurnCost*
TEST_F(IsolateTest, DroppedBuffersAreCollectedBeforeTheyAreMany) {
  std::unique_ptr<Isolate> isolate = Make();
  size_t most = 0;
  Bytes chunk(size_t{64} * 1024, 'x');
  isolate->Run(
      nullptr,
      [&](Scope& scope) {
        for (int i = 0; i < 4000; ++i) {
          v8::HandleScope handles(scope.isolate());
          ASSERT_FALSE(ToUint8Array(scope.isolate(), chunk).IsEmpty());
          most = std::max(most, isolate->heap_bytes());
        }
      },
      nullptr);
  EXPECT_LT(most, size_t{48} * 1024 * 1024);  // V8 alone lets 64 MiB lie about.
  EXPECT_GT(most, size_t{4} * 1024 * 1024);   // What is counted is there.
}

TEST_F(IsolateTest, TextsOutsideTheHeapAreGivenBack) {
  constexpr int kTexts = 100;
  constexpr size_t kTextBytes = size_t{4} * 1024 * 1024;
  static int freed;
  freed = 0;
  static std::string text(kTextBytes, 'x');
  std::unique_ptr<Isolate> isolate = Make();
  auto make = [](v8::Isolate* v8_isolate) {
    return NewOwnedText(v8_isolate, v8::ArrayBuffer::NewBackingStore(
                                        text.data(), text.size(), [](void*, size_t, void*) { ++freed; }, nullptr))
        .ToLocalChecked();
  };
  isolate->Run(
      nullptr,
      [&](Scope& scope) {
        for (int i = 0; i < kTexts; ++i) {
          v8::HandleScope handles(scope.isolate());
          EXPECT_EQ(make(scope.isolate())->Length(), static_cast<int>(kTextBytes));
        }
        EXPECT_TRUE(scope.context()
                        ->Global()
                        ->Set(scope.context(), FromUtf8(scope.isolate(), "kept"), make(scope.isolate()))
                        .FromJust());
      },
      nullptr);
  EXPECT_GE(freed, kTexts / 2);  // They count as a reason to collect.
  EXPECT_EQ(RunText(*isolate, "kept.length + kept[7] + kept.slice(-3)"), "4194304xxxx");
  EXPECT_GE(isolate->heap_bytes(), kTextBytes);
  isolate.reset();
  EXPECT_EQ(freed, kTexts + 1);
}

TEST_F(IsolateTest, DISABLED_TurnCost) {
  std::unique_ptr<Isolate> isolate = Make();
  auto budget = std::make_shared<Budget>();
  for (bool call : {false, true}) {
    constexpr int kTurns = 1'000'000;
    Instant began = std::chrono::steady_clock::now();
    for (int turn = 0; turn < kTurns; ++turn) {
      isolate->Run(
          budget,
          [call](Scope& scope) {
            v8::Local<v8::Value> undefined = v8::Undefined(scope.isolate());
            if (call) (void)scope.Hook(0)->Call(scope.context(), undefined, 1, &undefined);
          },
          nullptr);
    }
    printf("%s turn: %.0f ns\n", call ? "calling" : "empty",
           std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count() / kTurns);
  }
}

TEST_F(IsolateTest, ManyIsolatesAreMadeAndDestroyed) {
  std::unique_ptr<Isolate> kept = Make();
  for (int round = 0; round < 20; ++round) {
    std::unique_ptr<Isolate> isolate = Make();
    EXPECT_EQ(RunText(*isolate, "Promise.resolve().then(() => 0); double(3)"), "6");
  }
  EXPECT_EQ(RunText(*kept, "double(3)"), "6");
}

}  // namespace
}  // namespace limpet::js
