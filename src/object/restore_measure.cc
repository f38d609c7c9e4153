// How much an object would store after a restore.
#include <utility>

#include "object/restore.h"

namespace limpet::object {
namespace {

using store::Space;

bool Counts(Space space) { return space == Space::kKv || space == Space::kPage; }

}  // namespace

void Restore::Measure(store::ScanOptions at) {
  store::ScanOptions options = at;
  session_.Scan(id_, std::move(options),
                [self = shared_from_this(), at = std::move(at)](Result<store::ScanPage> page) mutable {
                  self->Measured(std::move(at), std::move(page));
                });
}

void Restore::Measured(store::ScanOptions at, Result<store::ScanPage> page) {
  if (!page.has_value()) return Fail(std::move(page).error());
  if (at.space == Space::kHistory) {
    std::vector<store::Undo::Change> changes;
    Result<Done> added = measuring_->Add(page.value(), changes);
    if (!added.has_value()) return GiveUp(std::move(added).error());
    if (measuring_->nothing()) return Scan();
    for (const store::Undo::Change& change : changes) {
      if (Counts(change.space) && change.before) measured_ += change.key.size() + change.before->size();
    }
  } else {
    for (const auto& [key, value] : page.value().pairs) {
      if (!measuring_->Changes(at.space, key)) measured_ += key.size() + value.size();
    }
  }
  if (!page.value().complete) {
    at.start = page.value().pairs.back().first + '\0';
    return Measure(std::move(at));
  }
  MeasureNext(std::move(at));
}

// `at` has been read to its end.
void Restore::MeasureNext(store::ScanOptions at) {
  if (at.space == Space::kKv) {
    at.space = Space::kPage;
    at.start.clear();
    return Measure(std::move(at));
  }
  Result<store::Totals> totals = session_.TotalsNow(id_);
  if (!totals.has_value()) return Fail(std::move(totals).error());
  if (at.space == Space::kHistory) {
    // All that is there, as if none of it were changed.
    if (CheckReplacement(options_.quota, *totals, totals->object.sum() + measured_).has_value()) return Scan();
    store::ScanOptions present;
    present.bytes_max = at.bytes_max;
    present.once = true;
    return Measure(std::move(present));
  }
  Result<Done> fits = CheckReplacement(options_.quota, *totals, measured_);
  if (!fits.has_value()) return GiveUp(std::move(fits).error());
  measuring_.reset();
  Scan();
}

}  // namespace limpet::object
