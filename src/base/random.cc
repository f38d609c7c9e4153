#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace limpet {

uint64_t Random::Next() {
  uint64_t value = 0;
  Fill({reinterpret_cast<uint8_t*>(&value), sizeof value});
  return value;
}

uint64_t Random::Below(uint64_t limit) {
  LIMPET_CHECK(limit > 0);
  return Next() % limit;
}

void SystemRandom::Fill(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      LIMPET_CHECK(errno == EINTR);
      continue;
    }
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

void BufferedRandom::Fill(std::span<uint8_t> bytes) {
  if (bytes.size() > buffer_.size() / 4) return system_.Fill(bytes);
  if (bytes.size() > left_) {
    system_.Fill(buffer_);
    left_ = buffer_.size();
  }
  std::span<uint8_t> given(buffer_.data() + buffer_.size() - left_, bytes.size());
  std::copy(given.begin(), given.end(), bytes.begin());
  std::fill(given.begin(), given.end(), 0);
  left_ -= bytes.size();
}

void SeededRandom::Fill(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    state_ += 0x9E3779B97F4A7C15u;
    uint64_t word = state_;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    word ^= word >> 31;
    size_t count = std::min(bytes.size(), sizeof word);
    std::memcpy(bytes.data(), &word, count);
    bytes = bytes.subspan(count);
  }
}

}  // namespace limpet
