// Workers KV in the store: the values of a KV namespace, their metadata and the times at which they expire
// (docs/formats/kv.md).
//
// Any loop, with a session of that loop. A namespace may be written from several at once: they share its Namespace.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "kv/namespaces.h"
#include "loop/task.h"
#include "store/engine.h"

namespace limpet::kv {

inline constexpr size_t kListMax = 1000;  // Keys of one list.

struct Entry {
  uint64_t expiration = 0;                   // Seconds since 1970; 0: never.
  std::optional<std::string> metadata = {};  // JSON text.
};
struct Value {
  Entry entry = {};
  Bytes bytes = {};
};

// The value of a key; nothing if there is none or its time has come. `now`: seconds since 1970.
// Errors: those of Session::TryGet and Session::Get; kCorrupt.
Result<std::optional<Value>> TryFind(store::Session& session, NamespaceId ns, BytesView key, uint64_t now);
loop::Task<Result<std::optional<Value>>> Find(store::Session& session, NamespaceId ns, Bytes key, uint64_t now);

// Keys in byte order. No value is read for it.
struct ListOptions {
  Bytes prefix = {};
  std::optional<Bytes> after = {};  // From behind this key.
  size_t limit = kListMax;          // At least 1.
};
struct ListPage {
  std::vector<std::pair<Bytes, Entry>> keys;
  bool complete = true;  // False: there are more; go on after the last key.
};
loop::Task<Result<ListPage>> List(store::Session& session, NamespaceId ns, ListOptions options, uint64_t now);

// One loop's way to write. Outlives its tasks.
class Writer {
 public:
  Writer(store::Session& session, store::Claim claim) : session_(session), claim_(claim) {}
  // A key's new value; nothing: it is deleted.
  using Change = std::pair<Bytes, std::optional<Value>>;
  // All of them or none; of several for one key the last one counts. Durable when it answers; calls for one key take
  // effect in their order. The caller has looked at the limits.
  // Errors: kNotFound (the namespace is retired), those of Session::Commit.
  loop::Task<Result<Done>> Write(std::shared_ptr<Namespace> ns, std::vector<Change> changes);
  // Removes from the disk up to `limit` of what expired before `now`; how many marks of time it has removed: fewer than
  // `limit` if there are no more. 0 while another sweep runs.
  loop::Task<Result<size_t>> Sweep(std::shared_ptr<Namespace> ns, uint64_t now, size_t limit);

 private:
  store::Session& session_;
  store::Claim claim_;
};

}  // namespace limpet::kv
