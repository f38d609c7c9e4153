// The storage contract. An engine keeps the key-value pairs and pages of many objects on durable media. It
// shows durable data only: what an object has written and not yet committed lives in that object's write cache
// (object/), which overlays every read. Engines: store/memory, store/faulty (for tests), store/rocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/function.h"
#include "base/ids.h"
#include "base/result.h"
#include "loop/loop.h"

namespace limpet::store {

// The right to write a partition's objects: checked by the committer, and by every output gate, or a frozen owner
// would go on answering from memory. On one machine there is one owner, and a claim that never ends.
struct Claim {
  uint32_t partition = 0;
  uint64_t epoch = 0;
  Instant valid_until = Instant::max();
};

// What a key belongs to. Spaces of one object do not see each other's keys and sort apart.
enum class Space : uint8_t {
  kKv = 'k',    // Scripts' key-value pairs; for the catalog (namespace 0), the control plane's records.
  kMeta = 'm',  // The object layer's own records.
  kPage = 'p',  // SQLite pages: 8-byte big-endian page number.
  // The object's alarm: one record under the empty key, whose first 8 bytes are its time (kAlarmTimeBytes). The engine
  // keeps an index of them all by time, see Session::ScanAlarms.
  kAlarm = 'a',
  // What the other spaces held before (history.h). The engine writes it with each commit; a batch may only clear it,
  // with everything else: then the object's history is forgotten, and what the batch changes is not kept.
  kHistory = 'h',
};
inline constexpr size_t kAlarmTimeBytes = 8;  // Milliseconds since 1970, big-endian.

struct Write {
  enum class Kind : uint8_t {
    kPut,
    kDelete,
    kClear,  // Deletes every key of `space`; `key` and `value` are empty. Later writes of the batch still apply.
  };
  Kind kind = Kind::kPut;
  Space space = Space::kKv;
  Bytes key;
  Bytes value;
};

// Writes that land together or not at all, in order (a later write to a key wins).
struct ObjectBatch {
  ObjectId object;
  std::vector<Write> writes;
};

// Keys k of `space` with start <= k < end, in byte order, or from the back if `reverse`.
struct ScanOptions {
  Space space = Space::kKv;
  Bytes start;
  std::optional<Bytes> end;
  bool reverse = false;
  size_t limit = SIZE_MAX;             // Pairs.
  size_t bytes_max = 4 * 1024 * 1024;  // Of keys and values; the pair that crosses it is the last.
  // Part of a long read that nobody repeats soon: what it reads takes no room from what is read often.
  bool once = false;
};
struct ScanPage {
  std::vector<std::pair<Bytes, Bytes>> pairs;
  bool complete = true;  // False: stopped at bytes_max; go on after (or before) the last key.
};

// A place in the order of all alarms: by time, then by object.
struct AlarmEntry {
  uint64_t time = 0;
  ObjectId object;
  auto operator<=>(const AlarmEntry&) const = default;
};
using AlarmPage = std::vector<AlarmEntry>;  // Ascending.

// Two moments of an object's history, in milliseconds since 1970.
struct HistoryMark {
  uint64_t now = 0;     // What was answered before the call is before it, what is committed after the answer is not.
  uint64_t oldest = 0;  // States before this one are not kept any more.
};

// What pairs and pages take, keys and values.
struct StoredBytes {
  uint64_t pairs = 0;
  uint64_t pages = 0;
  uint64_t sum() const { return pairs + pages; }
  bool operator==(const StoredBytes&) const = default;
};
// Counted with each commit: nobody scans for it. Of namespace 0 nothing is counted.
struct Totals {
  uint64_t commits = 0;  // The number of the object's last one.
  StoredBytes object;
  uint64_t in_namespace = 0;  // Of all its objects,
  uint64_t in_group = 0;      // ... of those of the namespaces that are counted together with it,
  uint64_t in_all = 0;        // ... and of those of all namespaces.
};

inline constexpr size_t kKeyBytesMax = 16 * 1024;  // Longer keys: kInvalidArgument. (Scripts' limit is in object/.)
inline constexpr size_t kValueBytesMax = 128 * 1024 * 1024;  // Larger values: kInvalidArgument.

// One loop's access to the engine. Used and destroyed on that loop's thread; callbacks come there, never from inside
// the call that takes them, and not after the session is destroyed.
class Session {
 public:
  using OnValue = UniqueFunction<void(Result<std::optional<Bytes>>)>;
  using OnPage = UniqueFunction<void(Result<ScanPage>)>;
  using OnAlarms = UniqueFunction<void(Result<AlarmPage>)>;
  using OnMark = UniqueFunction<void(Result<HistoryMark>)>;
  using OnCommit = UniqueFunction<void(Result<uint64_t>)>;
  virtual ~Session() = default;

  // The durable value if memory has the answer: a value, "absent", or kWouldBlock (then call Get). An empty value is a
  // value. Does not block. Errors: kCorrupt, kUnavailable.
  virtual Result<std::optional<Bytes>> TryGet(const ObjectId& object, Space space, BytesView key) = 0;
  // The same, reading the disk on the pool if it must. It sees a state no older than at the call.
  // Errors: kUnavailable (disk; may be retried), kCorrupt (bad checksum; never retried, names the file).
  virtual void Get(const ObjectId& object, Space space, Bytes key, OnValue done) = 0;
  // A range in the same two ways. One page is one consistent state.
  virtual Result<ScanPage> TryScan(const ObjectId& object, const ScanOptions& options) = 0;
  virtual void Scan(const ObjectId& object, ScanOptions options, OnPage done) = 0;
  // The first `limit` alarms that come after `after` (absent: from the first), of all objects: one consistent state, no
  // older than at the call; fewer than `limit` if there are no more. Reads the disk on the pool. Those of a namespace
  // that was dropped a while ago may still be among them; the objects' records are gone at once.
  virtual void ScanAlarms(std::optional<AlarmEntry> after, size_t limit, OnAlarms done) = 0;
  // The same, blocking the calling thread: for what scripts can't await, SQL and storage.kv.
  virtual Result<std::optional<Bytes>> ReadNow(const ObjectId& object, Space space, BytesView key) = 0;
  virtual Result<ScanPage> ScanNow(const ObjectId& object, const ScanOptions& options) = 0;
  Result<std::optional<Bytes>> ReadPage(const ObjectId& object, uint64_t page) {
    Bytes key;
    AppendBigEndian64(key, page);
    return ReadNow(object, Space::kPage, key);
  }

  // What the object stores. Blocks like ReadNow; rarely on a disk. (Objects that an older limpet wrote are counted
  // here, and are in the sums of more than one object from their next commit on.) Errors: as ReadNow.
  virtual Result<Totals> TotalsNow(const ObjectId& object) = 0;

  // Ends the slot of the object's history, so that its present state can be told from later ones. Writes nothing: an
  // engine's clock that is set back over a restart may make a later slot look earlier.
  // Errors: kConflict (the engine keeps no history), kCorrupt, kUnavailable.
  virtual void Mark(const ObjectId& object, OnMark done) = 0;

  // Applies the batch whole or not at all; batches of one object in the order of the calls. Answers with the object's
  // new commit number (1 for its first commit, +1 each, kept across restarts) once it survives power loss.
  // Errors: kFenced (claim lost or expired: nothing written), kInvalidArgument (nothing written), kUnavailable (outcome
  // unknown: the object must be reset, and is readable again once the engine has settled what happened).
  virtual void Commit(const Claim& claim, ObjectBatch batch, OnCommit done) = 0;
};

// Thread: any, unless said otherwise. Outlives its sessions.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::unique_ptr<Session> Attach(loop::Loop& loop) = 0;
  // Takes over a partition: every older claim to it is fenced from now on. Survives restarts (epochs only grow).
  virtual Result<Claim> Acquire(uint32_t partition) = 0;
  // Destroys all data of a namespace, durably, in the background; answers on `loop`. Safe to repeat. The caller has
  // made sure that none of its objects is live or has a commit on the way.
  virtual void DropNamespace(NamespaceId ns, loop::Loop& loop, UniqueFunction<void(Result<Done>)> done) = 0;
  // The objects of a namespace that have data, in order of ID, from after `after`; at most `limit`. Blocks: not on a
  // shard. For tools and tests.
  virtual Result<std::vector<ObjectId>> ListObjects(NamespaceId ns, std::optional<ObjectId> after, size_t limit) = 0;
  // From now on, and not over a restart, these namespaces are one sum (Totals::in_group). Each leaves the group that it
  // was in; one that is in none is counted alone.
  virtual void CountTogether(const std::vector<NamespaceId>& namespaces) = 0;
  // What the objects of each namespace store, as Totals::in_namespace; those that never stored anything may be missing.
  virtual std::map<NamespaceId, uint64_t> Stored() = 0;
  // Text for people and metrics, e.g. engine-specific statistics as "name value" lines. May be empty.
  virtual std::string Statistics() { return {}; }
};

}  // namespace limpet::store
