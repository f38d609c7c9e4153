#include "store/limits.h"

#include <string>

namespace limpet::store {

Result<Done> CheckBatch(const ObjectBatch& batch) {
  if (batch.object.ns == kEngineNamespace)
    return Error(ErrorCode::kInvalidArgument, "the last namespace is the store's own");
  for (const Write& write : batch.writes) {
    if (write.key.size() > kKeyBytesMax) {
      return Error(ErrorCode::kInvalidArgument, "a key of " + std::to_string(write.key.size()) +
                                                    " bytes is over the limit of " + std::to_string(kKeyBytesMax));
    }
    if (write.value.size() > kValueBytesMax) {
      return Error(ErrorCode::kInvalidArgument, "a value of " + std::to_string(write.value.size()) +
                                                    " bytes is over the limit of " + std::to_string(kValueBytesMax));
    }
    if (write.space == Space::kAlarm &&
        (!write.key.empty() || (write.kind == Write::Kind::kPut && write.value.size() < kAlarmTimeBytes))) {
      return Error(ErrorCode::kInvalidArgument, "an alarm has no key, and a value that begins with its time");
    }
    if (write.space == Space::kHistory && write.kind != Write::Kind::kClear) {
      return Error(ErrorCode::kInvalidArgument, "history is the store's own to write");
    }
    if (write.kind == Write::Kind::kClear && !(write.key.empty() && write.value.empty())) {
      return Error(ErrorCode::kInvalidArgument, "a clear has no key and no value");
    }
  }
  return Done{};
}

Error Fenced(const Claim& claim, uint64_t current_epoch) {
  std::string partition = "partition " + std::to_string(claim.partition);
  if (current_epoch == 0) return Error(ErrorCode::kFenced, partition + " was never acquired");
  if (claim.epoch == current_epoch) return Error(ErrorCode::kFenced, "the claim to " + partition + " has expired");
  return Error(ErrorCode::kFenced, partition + " is owned under epoch " + std::to_string(current_epoch) +
                                       " now, the claim has " + std::to_string(claim.epoch));
}

}  // namespace limpet::store
