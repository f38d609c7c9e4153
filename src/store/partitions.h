// Who owns which partition: a claim to one fences every older claim to the same (Engine::Acquire), so that two parts of
// the program under one number would shut each other out. On disk: docs/formats/store-rocks.md.
#pragma once

#include <cstdint>

namespace limpet::store {

inline constexpr uint32_t kObjectsPartition = 0;
inline constexpr uint32_t kAssetsPartition = 0xFFFF'FFF0;
inline constexpr uint32_t kKvPartition = 0xFFFF'FFFC;
inline constexpr uint32_t kSchedulesPartition = 0xFFFF'FFFD;
inline constexpr uint32_t kAccessPartition = 0xFFFF'FFFE;
inline constexpr uint32_t kCatalogPartition = 0xFFFF'FFFF;

}  // namespace limpet::store
