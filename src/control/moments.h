// Moments of an object's history, as callers of the API name them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "control/lifecycle.h"
#include "loop/task.h"
#include "object/bookmark.h"
#include "store/engine.h"

namespace limpet::control {

struct Moment {
  object::Bookmark bookmark;
  store::HistoryMark mark;
};

// `at`: "" for now; a bookmark; a time. `session` outlives the task; so below.
loop::Task<Decision<Moment>> FindMoment(store::Session& session, ObjectId id, std::string at);
// The moment that an undo bookmark means.
loop::Task<Decision<uint64_t>> ResolveUndo(store::Session& session, ObjectId id, object::Bookmark bookmark);

// Milliseconds since 1970, or what ParseIsoTime takes.
std::optional<uint64_t> ParseTime(std::string_view text);

// A refusal of ours, or the store's failure.
Refusal HistoryRefused(const limpet::Error& error);
Refusal BadMoment(std::string why);

}  // namespace limpet::control
