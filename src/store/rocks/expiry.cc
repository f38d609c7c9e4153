#include "store/rocks/expiry.h"

#include <chrono>

#include "store/history.h"
#include "store/limits.h"
#include "store/rocks/keys.h"

namespace limpet::store::rocks {
namespace {

constexpr Duration kGrace = std::chrono::hours(1);

class Expiry final : public rocksdb::CompactionFilter {
 public:
  explicit Expiry(uint64_t horizon) : horizon_(horizon) {}
  const char* Name() const override { return "limpet.history"; }
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice&, std::string*, bool*) const override {
    std::optional<uint64_t> slot = SlotOfKey({key.data(), key.size()});
    return slot && *slot < horizon_;
  }

 private:
  const uint64_t horizon_;
};

class ExpiryFactory final : public rocksdb::CompactionFilterFactory {
 public:
  ExpiryFactory(const Clock& clock, Duration window) : clock_(clock), window_(window) {}
  const char* Name() const override { return "limpet.history"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    auto kept = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(window_ + kGrace).count());
    uint64_t now = WallMs(clock_);
    return std::make_unique<Expiry>(now > kept ? now - kept : 0);
  }

 private:
  const Clock& clock_;
  const Duration window_;
};

}  // namespace

std::shared_ptr<rocksdb::CompactionFilterFactory> MakeExpiry(const Clock& clock, Duration window) {
  return std::make_shared<ExpiryFactory>(clock, window);
}

}  // namespace limpet::store::rocks
