#include "object/alarm_record.h"

#include <chrono>
#include <utility>

namespace limpet::object {
namespace {

constexpr char kVersion = 1;
constexpr size_t kFixedBytes = 8 + 1 + 8 + 1 + 8 + 1;

}  // namespace

Bytes EncodeAlarm(const AlarmRecord& alarm) {
  Bytes bytes;
  AppendBigEndian64(bytes, static_cast<uint64_t>(alarm.attempt_ms));
  bytes += kVersion;
  AppendBigEndian64(bytes, static_cast<uint64_t>(alarm.scheduled_ms));
  bytes += static_cast<char>(alarm.retries);
  AppendBigEndian64(bytes, alarm.serial);
  bytes += alarm.name ? '\1' : '\0';
  if (alarm.name) bytes += *alarm.name;
  return bytes;
}

Result<AlarmRecord> DecodeAlarm(BytesView bytes) {
  if (bytes.size() < kFixedBytes || bytes[8] != kVersion) {
    return Error(ErrorCode::kCorrupt, "the object's alarm is not a record that this limpet knows");
  }
  AlarmRecord alarm;
  alarm.attempt_ms = static_cast<int64_t>(ReadBigEndian64(bytes));
  alarm.scheduled_ms = static_cast<int64_t>(ReadBigEndian64(bytes.substr(9)));
  alarm.retries = static_cast<uint8_t>(bytes[17]);
  alarm.serial = ReadBigEndian64(bytes.substr(18));
  if (bytes[26] != 0) alarm.name = std::string(bytes.substr(kFixedBytes));
  return alarm;
}

std::optional<AlarmRecord> AfterFailure(AlarmRecord alarm, WallTime now, Random& jitter) {
  if (alarm.retries >= kAlarmRetriesMax) return std::nullopt;
  auto first = std::chrono::duration_cast<std::chrono::milliseconds>(kAlarmRetryFirst).count();
  int64_t delay = first << alarm.retries;
  delay += static_cast<int64_t>(jitter.Below(static_cast<uint64_t>(delay) / 4 + 1));
  alarm.attempt_ms = ToMs(now) + delay;
  ++alarm.retries;
  return alarm;
}

bool CountsAgainstAlarm(const Error& failure) {
  return failure.code() == ErrorCode::kScript || failure.code() == ErrorCode::kOverloaded;
}

}  // namespace limpet::object
