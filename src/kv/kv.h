// Workers KV in the store: the values of a KV namespace, their metadata and the times at which they expire
// (docs/formats/kv.md).
//
// Reading (TryFind, Find, List): any loop, with a session of that loop. Writing: one Writer per namespace, on one loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
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

// The one that writes a namespace. Outlives its tasks.
class Writer {
 public:
  Writer(store::Session& session, store::Claim claim, NamespaceId ns) : session_(session), claim_(claim), ns_(ns) {}
  // Durable when they answer; calls for one key take effect in their order. The caller has looked at the limits.
  // Errors: those of Session::Commit.
  loop::Task<Result<Done>> Put(Bytes key, Value value);
  loop::Task<Result<Done>> Delete(Bytes key);
  // Removes from the disk up to `limit` of what expired before `now`; how many marks of time it has removed: fewer than
  // `limit` if there are no more. Not while another sweep runs.
  loop::Task<Result<size_t>> Sweep(uint64_t now, size_t limit);

 private:
  loop::Task<Result<Done>> Write(Bytes key, std::vector<store::Write> writes);

  store::Session& session_;
  store::Claim claim_;
  NamespaceId ns_;
  std::map<Bytes, size_t> writing_;        // Keys with commits on the way, and how many.
  std::optional<std::set<Bytes>> spared_;  // During a sweep: keys whose records may be newer than what it read.
};

}  // namespace limpet::kv
