// Bookmarks: the names of an object's states (spec/api.md section 6), and what is stored of a restore that is to come.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "store/history.h"
#include "store/unsettled.h"

namespace limpet::object {

// As text 8hex-8hex-8hex-32hex, which sorts by time: the moment, what kind, the object's ID.
struct Bookmark {
  uint64_t moment = 0;  // Milliseconds since 1970: what was before, see store/history.h.
  // Not the state at `moment`, but the one that the restore found which was asked for then.
  bool undo = false;
  bool operator==(const Bookmark&) const = default;
};
std::string FormatBookmark(const ObjectId& id, const Bookmark& bookmark);
// Errors, as a script sees them: not of this form; of another object.
Result<Bookmark> ParseBookmark(const ObjectId& id, std::string_view text);
// Errors, likewise: it lies in the future; it is older than what is kept.
Result<Done> CheckBookmark(const Bookmark& bookmark, const store::HistoryMark& mark);
// The last moment up to `ms` whose state is known. `before`: the object's last record of history up to then.
// Errors: those of CheckBookmark.
Result<uint64_t> MomentAt(uint64_t ms, const std::optional<Bytes>& before, const store::HistoryMark& mark);
// Finds that record.
store::ScanOptions LastRecordUpTo(uint64_t ms);

// Keys of Space::kMeta: a restore that is to come before the next start; restores that can be undone.
inline constexpr std::string_view kRestoreKey = store::kRestoreKey;
inline constexpr std::string_view kUndoneKey = "undone";

// A restore that changes more than this is several commits. The first of them records it, so that it is gone on with
// after a crash before anybody sees the object.
inline constexpr size_t kRestoreCommitBytes = 4 * 1024 * 1024;

struct PendingRestore {
  enum class Kind : uint8_t {
    kRestore,   // Somebody asked for it.
    kReplaced,  // Under way is a replacement of all that the object stores: what it changed is undone, to `target`.
    kFilled,    // Likewise, of an object that stored nothing: all of it goes, and its history.
  };
  Bookmark target;
  uint64_t asked = 0;  // When. It names the restore in its undo bookmark; 0: it has none.
  uint64_t begun = 0;  // The moment before its first change; 0: it has changed nothing yet.
  Kind kind = Kind::kRestore;
  bool operator==(const PendingRestore&) const = default;
};
Bytes EncodeRestore(const PendingRestore& restore);
// What outsiders see of the object is its state at this moment at the latest: what came later is half done.
// Nothing: it has changed nothing. 0: it stores nothing.
std::optional<uint64_t> SettledUpTo(const PendingRestore& restore);
Result<PendingRestore> DecodeRestore(BytesView bytes);  // Errors: kCorrupt.

// When each was asked for, and the moment before it.
using Undone = std::vector<std::pair<uint64_t, uint64_t>>;
inline constexpr size_t kUndoneMax = 256;  // The oldest goes first.
Bytes EncodeUndone(const Undone& undone);
Result<Undone> DecodeUndone(BytesView bytes);  // Errors: kCorrupt.

}  // namespace limpet::object
