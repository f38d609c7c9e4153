#include "object/list_merge.h"

#include <algorithm>

namespace limpet::object {

ListMerge::ListMerge(ListOptions options, std::vector<WriteCache::Overlay> overlay, bool hides_store)
    : options_(std::move(options)), overlay_(std::move(overlay)) {
  if (options_.reverse) std::reverse(overlay_.begin(), overlay_.end());
  bool empty = (options_.end && *options_.end <= options_.start) || Full();
  if (!empty && !hides_store) return;
  if (!empty) EmitOverlayBefore(nullptr);
  done_ = true;
}

store::ScanOptions ListMerge::NextPage() const {
  store::ScanOptions page{.space = store::Space::kKv, .start = options_.start, .end = options_.end};
  page.reverse = options_.reverse;
  // Each pending pair hides at most one stored one.
  if (options_.limit) page.limit = *options_.limit - out_.size() + (overlay_.size() - next_);
  return page;
}

void ListMerge::EmitOverlayBefore(const Bytes* key) {
  for (; next_ < overlay_.size() && !Full(); ++next_) {
    WriteCache::Overlay& pending = overlay_[next_];
    if (key != nullptr && (options_.reverse ? pending.key <= *key : pending.key >= *key)) return;
    if (pending.value) out_.emplace_back(std::move(pending.key), *std::move(pending.value));
  }
}

void ListMerge::AddPage(store::ScanPage page) {
  size_t asked = NextPage().limit;
  for (auto& [key, value] : page.pairs) {
    EmitOverlayBefore(&key);
    if (Full()) break;
    if (next_ < overlay_.size() && overlay_[next_].key == key) {
      if (overlay_[next_].value) out_.emplace_back(key, *std::move(overlay_[next_].value));
      ++next_;
    } else {
      out_.emplace_back(key, std::move(value));
    }
    if (Full()) break;
  }
  bool more = !page.pairs.empty() && (!page.complete || page.pairs.size() >= asked);
  if (Full()) {
    done_ = true;
  } else if (!more) {
    EmitOverlayBefore(nullptr);
    done_ = true;
  } else if (options_.reverse) {
    options_.end = std::move(page.pairs.back().first);
  } else {
    options_.start = std::move(page.pairs.back().first);
    options_.start.push_back('\0');
  }
}

}  // namespace limpet::object
