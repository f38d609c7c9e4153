// Randomness is passed in, so that a seed replays a run.
#pragma once

#include <array>
#include <cstddef>
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

// The system's, read in blocks, so that a small number costs no call of the kernel. One thread.
class BufferedRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> bytes) override;

 private:
  SystemRandom system_;
  std::array<uint8_t, 1024> buffer_{};
  size_t left_ = 0;  // At the end of the buffer; what was given out is zero.
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
