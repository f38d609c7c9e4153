// An isolate of ours inside the host: one per (script version, shard), made from the startup snapshot that holds every
// built-in, entered only through Run(), which is a *turn*: a closure, then the whole microtask queue.
//
// Threading: made, run and destroyed on one loop's thread. Every call into JavaScript is a suspension point: a turn
// that has run kSlice is interrupted, and the loop serves other isolates (nested, at most kDepthMax deep) before it
// goes on. Turns for an isolate that is on the stack already wait in its queue.
#pragma once

#include <v8.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bundle.h"
#include "base/clock.h"
#include "base/function.h"
#include "base/random.h"
#include "base/result.h"
#include "loop/asio_loop.h"

namespace node {
class MultiIsolatePlatform;
}

namespace limpet::js {

class Isolate;
class Snapshot;
class Watchdog;

// A function that the built-ins (src/api/builtins) find on their `native` object.
struct NativeFunction {
  const char* name;
  v8::FunctionCallback callback;
};

// Proof that the isolate is entered and its context current. On the stack only.
class Scope {
 public:
  Scope(Isolate& host, v8::Isolate* isolate, v8::Local<v8::Context> context)
      : host_(host), isolate_(isolate), context_(context) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  Isolate& host() const { return host_; }
  v8::Isolate* isolate() const { return isolate_; }
  v8::Local<v8::Context> context() const { return context_; }
  // Of a function that the built-ins returned under this name (`hooks`, see api/builtins/native.d.ts).
  v8::Local<v8::Function> Hook(int index) const;

 private:
  Isolate& host_;
  v8::Isolate* isolate_;
  v8::Local<v8::Context> context_;
};

// Process-wide: the host's platform, the snapshot and the watchdog thread. Made on the main thread, outlives isolates.
class Runtime {
 public:
  struct Options {
    node::MultiIsolatePlatform* platform = nullptr;
    std::string_view builtins;  // The bundled built-ins: an expression, `(native) => hooks`.
    std::vector<NativeFunction> natives{};
    std::vector<const char*> hooks{};  // Names looked up on the hooks object; Scope::Hook takes the index.
  };
  // Builds the startup snapshot. Error: the built-ins threw (a mistake of ours).
  static Result<std::unique_ptr<Runtime>> Make(Options options);
  ~Runtime();
  const Options& options() const { return options_; }

 private:
  friend class Isolate;
  explicit Runtime(Options options);
  Options options_;
  std::unique_ptr<Snapshot> snapshot_;
  std::unique_ptr<Watchdog> watchdog_;
};

// Why a turn was ended by force.
enum class Ended : uint8_t { kNo, kCpu, kMemory, kAborted };

// What an event may use, summed over its turns. Shared by them; one thread.
struct Budget {
  Duration cpu_left = std::chrono::seconds(30);
};

struct IsolateOptions {
  size_t memory_max = 128 * 1024 * 1024;        // Heap, and as much again would not do: ArrayBuffers count too.
  Duration cpu_max = std::chrono::seconds(30);  // For turns without a budget of their own.
  std::vector<std::string> console_levels{};
};

inline constexpr Duration kSlice = std::chrono::milliseconds(10);
inline constexpr int kDepthMax = 8;

class Isolate {
 public:
  // `on_dead(error)` runs once, from the loop, when the isolate is over its memory limit: no turn runs any more, those
  // queued are dropped, and the owner destroys it (from the loop, not inside a turn).
  static Result<std::unique_ptr<Isolate>> Make(Runtime& runtime, loop::AsioLoop& loop, IsolateOptions options,
                                               UniqueFunction<void(Error)> on_dead);
  ~Isolate();  // Not on the stack: CHECKed.
  // Replaces what Make was given.
  void set_on_dead(UniqueFunction<void(Error)> on_dead);
  Isolate(const Isolate&) = delete;
  Isolate& operator=(const Isolate&) = delete;

  // Runs `turn`, then the microtasks, then `after` (no JavaScript; told how the turn ended: kCpu, kMemory and kAborted
  // mean that JavaScript was terminated). At once, unless the isolate is on the stack already: then when it no longer
  // is. A dead isolate drops both, having called `after(kMemory)`.
  void Run(std::shared_ptr<Budget> budget, UniqueFunction<void(Scope&)> turn, UniqueFunction<void(Ended)> after);
  // The same if it can be done at once; else false, and nothing was done.
  bool TryRun(Budget& budget, FunctionRef<void(Scope&)> turn, FunctionRef<void(Ended)> after);
  // Inside a turn: JavaScript ends at the next chance and can't catch it; microtasks of this turn are not run.
  void TerminateTurn();
  // Inside a turn, by C++ that runs long, every few milliseconds: what V8 does at its own checks (the watchdog is
  // heard, other isolates are served). True: the turn is to end, so return to JavaScript soon.
  bool Poll();
  bool entered() const { return depth_ > 0; }
  bool dead() const { return dead_; }

  // A pointer for the layer above: "whose turn runs", null between turns and at global scope.
  void* current = nullptr;
  // Another, for the owner.
  void* owner = nullptr;
  // For scripts.
  BufferedRandom random;
  static Isolate& From(v8::Isolate* isolate);

  // What no script catches, at the end of a turn and in the async frame in which it was thrown.
  struct Rejection {
    v8::Local<v8::Value> promise;  // Empty: thrown by a microtask's own function.
    v8::Local<v8::Value> reason;   // Undefined if `handled`.
    bool handled = false;          // Told of before; a handler was added since. Only if `hear_handled`.
  };
  UniqueFunction<void(Scope&, const Rejection&)> on_rejection;
  bool hear_handled = false;

  // What the script's async storages hold (api/builtins/async_context.ts); undefined: nothing. V8 carries it through
  // promises; whoever calls into JavaScript later on a script's behalf sets it back and clears it.
  static v8::Local<v8::Value> AsyncFrame(v8::Isolate* isolate);
  static void SetAsyncFrame(v8::Isolate* isolate, v8::Local<v8::Value> frame);

  // -- modules (one graph per isolate)
  // Compiles, links and evaluates the graph; synthetic modules (`cloudflare:workers`, …) come from
  // `synthetic(specifier)`: an object whose own properties are the exports, or empty if there is none of that name.
  // Answers with the main module's namespace. Top-level await may need later turns: a graph still pending when the
  // microtasks are empty is an error. Errors: kScript with stack() "index.js:3:7"; kInvalidArgument: 'No such module
  // "x".' `caches`, if given, receives each ES module's code cache by name as uploaded.
  using Synthetic = UniqueFunction<v8::MaybeLocal<v8::Object>(Scope&, std::string_view specifier)>;
  Result<v8::Local<v8::Object>> LoadModules(Scope& scope, const std::string& main, const std::vector<Module>& modules,
                                            Synthetic synthetic,
                                            std::vector<std::pair<std::string, Bytes>>* caches = nullptr);

  size_t heap_bytes();
  v8::Isolate* raw() { return isolate_; }

 private:
  friend class Scope;
  friend class Watchdog;
  struct State;
  Isolate(Runtime& runtime, loop::AsioLoop& loop, IsolateOptions options);
  v8::Isolate* isolate_ = nullptr;
  int depth_ = 0;
  bool dead_ = false;
  std::unique_ptr<State> state_;
};

// -- conversions. All of them copy out of the heap.
std::string ToUtf8(v8::Isolate* isolate,
                   v8::Local<v8::Value> value);  // Lone surrogates become U+FFFD; "" if it throws.
v8::Local<v8::String> FromUtf8(v8::Isolate* isolate,
                               std::string_view text);  // Ill-formed becomes U+FFFD; too long: "".
bool IsAscii(std::string_view text);
v8::Local<v8::String> FromLatin1(v8::Isolate* isolate, std::string_view text);  // One byte, one character.
v8::Local<v8::String> Literal(v8::Isolate* isolate, const char* ascii);         // Internalised.
// A view's or buffer's bytes; nothing if it is neither.
bool IsBytes(v8::Local<v8::Value> value);
Bytes CopyBytes(v8::Local<v8::Value> value);
v8::Local<v8::Uint8Array> ToUint8Array(v8::Isolate* isolate,
                                       BytesView bytes);  // Throws RangeError (and is empty) over the memory limit.
void ThrowError(v8::Isolate* isolate, std::string_view message);
void ThrowTypeError(v8::Isolate* isolate, std::string_view message);
void ThrowRangeError(v8::Isolate* isolate, std::string_view message);
// name, message and stack of whatever was thrown; code kScript. Runs no script code that could throw out of it.
Error DescribeException(Scope& scope, v8::Local<v8::Value> exception, v8::Local<v8::Message> message);

}  // namespace limpet::js
