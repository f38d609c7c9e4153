#include "net/websocket_frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace limpet::net {
namespace {

constexpr size_t kFirstReserveBytes = 4 * 1024;

bool IsControl(Opcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

std::string TooLarge(uint64_t bytes, uint64_t limit) {
  return "Message is too large: " + std::to_string(bytes) + " > " + std::to_string(limit);
}

uint64_t ReadNumber(const char* at, size_t size) {
  uint64_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8 | static_cast<uint8_t>(at[i]);
  return number;
}

}  // namespace

void ApplyMask(char* data, size_t size, const std::array<char, 4>& key, size_t phase) {
  std::array<char, 8> turned;
  for (size_t i = 0; i < 8; ++i) turned[i] = key[(phase + i) % 4];
  uint64_t wide;
  std::memcpy(&wide, turned.data(), sizeof wide);
  size_t i = 0;
  for (uint64_t word; i + 8 <= size; i += 8) {
    std::memcpy(&word, data + i, sizeof word);
    word ^= wide;
    std::memcpy(data + i, &word, sizeof word);
  }
  for (; i < size; ++i) data[i] = static_cast<char>(data[i] ^ turned[i % 8]);
}

ClosePayload ParseClosePayload(std::string_view payload) {
  ClosePayload result;
  if (payload.empty()) return result;
  if (payload.size() == 1) {
    result.problem = {1002, "Received a Close frame with half a code"};
    return result;
  }
  result.close.code = static_cast<uint16_t>(ReadNumber(payload.data(), 2));
  result.close.reason = payload.substr(2);
  if (!IsCloseCodeOnWire(result.close.code)) {
    result.problem = {1002, "Received a Close frame with the invalid code " + std::to_string(result.close.code)};
  } else if (!IsUtf8(result.close.reason)) {
    result.problem = {1007, "Received a Close frame whose reason is not UTF-8"};
  }
  return result;
}

Bytes MakeClosePayload(uint16_t code, std::string_view reason) {
  Bytes payload;
  if (code == kCloseNoCode) return payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code);
  return payload.append(CutCloseReason(reason));
}

FrameReader::~FrameReader() {
  if (inflater_) options_.coders->GiveBack(std::move(inflater_));
}

FrameReader::Event FrameReader::Next(std::string_view& in) {
  while (true) {
    if (!in_payload_) {
      if (!ReadHead(in)) return problem_.code != 0 ? Event::kProblem : Event::kMore;
      if (!BeginPayload()) return Event::kProblem;
    }
    size_t size = std::min<uint64_t>(payload_left_, in.size());
    std::string_view chunk = in.substr(0, size);
    in.remove_prefix(size);
    if (!TakePayload(chunk)) return Event::kProblem;
    if (payload_left_ > 0) return Event::kMore;
    Event event = EndFrame();
    if (event != Event::kMore) return event;
  }
}

// True when the head is whole.
bool FrameReader::ReadHead(std::string_view& in) {
  while (head_size_ < head_needed_) {
    if (in.empty()) return false;
    size_t size = std::min<size_t>(head_needed_ - head_size_, in.size());
    std::memcpy(head_.data() + head_size_, in.data(), size);
    in.remove_prefix(size);
    head_size_ = static_cast<uint8_t>(head_size_ + size);
    if (head_size_ == 2 && head_needed_ == 2 && !CheckHead()) return false;
  }
  return true;
}

// What the first two bytes say.
bool FrameReader::CheckHead() {
  auto first = static_cast<uint8_t>(head_[0]), second = static_cast<uint8_t>(head_[1]);
  fin_ = (first & 0x80) != 0;
  opcode_ = static_cast<Opcode>(first & 0x0f);
  masked_ = (second & 0x80) != 0;
  uint8_t form = second & 0x7f;
  head_needed_ = static_cast<uint8_t>(2 + (form == 126 ? 2 : form == 127 ? 8 : 0) + (masked_ ? 4 : 0));

  if ((first & 0x30) != 0) return Fail(1002, "Received a WebSocket frame whose reserved bits were set");
  switch (opcode_) {
    case Opcode::kContinuation:
    case Opcode::kText:
    case Opcode::kBinary:
    case Opcode::kClose:
    case Opcode::kPing:
    case Opcode::kPong: break;
    default: return Fail(1002, "Unknown opcode " + std::to_string(first & 0x0f));
  }
  bool compressed = (first & 0x40) != 0;
  if (compressed && options_.coders == nullptr) {
    return Fail(1002,
                "Received a WebSocket frame whose compression bit was set, but the compression extension was not "
                "negotiated for this connection.");
  }
  if (masked_ != (options_.mask == FrameOptions::Mask::kRequired) && options_.mask != FrameOptions::Mask::kAny) {
    return Fail(1002, masked_ ? "Received a masked frame from a server" : "Received an unmasked frame from a client");
  }
  if (IsControl(opcode_)) {
    if (!fin_) return Fail(1002, "Received fragmented control frame");
    if (compressed) return Fail(1002, "Received compressed control frame");
    if (form > kControlBytesMax) return Fail(1002, "Received a control frame that is too large");
    return true;
  }
  if (opcode_ == Opcode::kContinuation) {
    if (!in_message_) return Fail(1002, "Unexpected continuation frame");
    if (compressed) return Fail(1002, "Received a continuation frame whose compression bit was set");
    return true;
  }
  if (in_message_) return Fail(1002, "Missing continuation frame");
  in_message_ = true;
  text_ = opcode_ == Opcode::kText;
  compressed_ = compressed;
  utf8_ = Utf8Checker();
  return true;
}

bool FrameReader::BeginPayload() {
  uint8_t form = static_cast<uint8_t>(head_[1]) & 0x7f;
  payload_left_ = form == 126 ? ReadNumber(&head_[2], 2) : form == 127 ? ReadNumber(&head_[2], 8) : form;
  if (masked_) std::memcpy(mask_.data(), &head_[head_needed_ - 4u], 4);
  head_size_ = 0;
  head_needed_ = 2;
  phase_ = 0;
  in_payload_ = true;
  if (IsControl(opcode_)) {
    control_.clear();
    return true;
  }
  // What a compressed frame expands to is counted as it comes; its own bytes are limited as well.
  uint64_t room = options_.message_bytes_max - (compressed_ ? 0 : std::min(options_.message_bytes_max, bytes_so_far()));
  if (payload_left_ > room) return Fail(1009, TooLarge(payload_left_, room));
  return true;
}

bool FrameReader::TakePayload(std::string_view chunk) {
  payload_left_ -= chunk.size();
  if (chunk.empty()) return true;
  if (!IsControl(opcode_) && compressed_) return Inflate(chunk);

  Bytes& out = IsControl(opcode_) ? control_ : data_;
  size_t before = out.size();
  if (!IsControl(opcode_) && before == 0) before = WebSocketMessage::kHeadroom;
  // Memory follows the bytes that have come, not those that a head announces.
  size_t needed = before + chunk.size();
  if (needed > out.capacity()) {
    out.reserve(std::min<uint64_t>(needed + payload_left_, std::max({needed, kFirstReserveBytes, 2 * out.capacity()})));
  }
  out.resize(before);
  out.append(chunk);
  if (masked_) ApplyMask(out.data() + before, chunk.size(), mask_, phase_);
  phase_ += chunk.size();
  if (IsControl(opcode_) || !text_) return true;
  return utf8_.Add(std::string_view(out).substr(before)) || Fail(1007, "Received a text message that is not UTF-8");
}

bool FrameReader::Inflate(std::string_view chunk) {
  if (!inflater_) inflater_ = options_.coders->TakeInflater();
  if (data_.empty()) data_.resize(WebSocketMessage::kHeadroom);
  char plain[4096];
  while (!chunk.empty()) {
    size_t size = std::min(chunk.size(), sizeof plain);
    std::memcpy(plain, chunk.data(), size);
    chunk.remove_prefix(size);
    if (masked_) ApplyMask(plain, size, mask_, phase_);
    phase_ += size;
    size_t before = data_.size();
    size_t limit = WebSocketMessage::kHeadroom + options_.message_bytes_max;
    if (!Inflated(inflater_->Add({plain, size}, data_, limit), before)) return false;
  }
  return true;
}

bool FrameReader::Inflated(Inflater::Status status, size_t before) {
  switch (status) {
    case Inflater::Status::kTooLarge: return Fail(1009, "Message is too large");
    case Inflater::Status::kCorrupt: return Fail(1007, "Received a compressed message that can't be expanded");
    case Inflater::Status::kOk: break;
  }
  if (!text_ || utf8_.Add(std::string_view(data_).substr(before))) return true;
  return Fail(1007, "Received a text message that is not UTF-8");
}

// kMore: the message goes on.
FrameReader::Event FrameReader::EndFrame() {
  in_payload_ = false;
  switch (opcode_) {
    case Opcode::kPing: return Event::kPing;
    case Opcode::kPong: return Event::kPong;
    case Opcode::kClose: {
      ClosePayload payload = ParseClosePayload(TakeControl());
      close_ = std::move(payload.close);
      if (payload.problem.code == 0) return Event::kClose;
      Fail(payload.problem.code, std::move(payload.problem.text));
      return Event::kProblem;
    }
    default: return fin_ ? EndMessage() : Event::kMore;
  }
}

FrameReader::Event FrameReader::EndMessage() {
  if (data_.empty()) data_.resize(WebSocketMessage::kHeadroom);
  if (compressed_) {
    if (!inflater_) inflater_ = options_.coders->TakeInflater();
    size_t before = data_.size();
    size_t limit = WebSocketMessage::kHeadroom + options_.message_bytes_max;
    if (!Inflated(inflater_->EndMessage(data_, limit), before)) return Event::kProblem;
    if (!options_.peer_keeps_window) options_.coders->GiveBack(std::move(inflater_));
  }
  if (text_ && !utf8_.complete()) {
    Fail(1007, "Received a text message that is not UTF-8");
    return Event::kProblem;
  }
  in_message_ = false;
  auto type = text_ ? WebSocketMessage::Type::kText : WebSocketMessage::Type::kBinary;
  message_ = WebSocketMessage::FromBuffer(type, std::exchange(data_, Bytes()));
  return Event::kMessage;
}

bool FrameReader::Fail(uint16_t code, std::string text) {
  problem_ = {code, std::move(text)};
  return false;
}

}  // namespace limpet::net
