// Randomness is passed in, so that a seed replays a run.
#pragma once

#include <cstdint>
#include <span>

namespace limpet {

class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<uint8_t> bytes) = 0;
  uint64_t Next();                 // 64 random bits.
  uint64_t Below(uint64_t limit);  // 0 … limit - 1; limit > 0.
};

// The kernel's generator (getrandom); fit for keys. Any thread.
class SystemRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> bytes) override;
};

// The same numbers for the same seed (splitmix64); for simulations and jitter only.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(std::span<uint8_t> bytes) override;

 private:
  uint64_t state_;
};

}  // namespace limpet
