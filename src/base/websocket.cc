#include "base/websocket.h"

#include "base/check.h"

namespace limpet {

bool IsCloseCodeOnWire(uint16_t code) {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code != 1004 && code != kCloseNoCode && code != kCloseDisconnected;
}

FrameHead MakeFrameHead(uint8_t first, size_t payload_bytes, bool masked) {
  FrameHead head{};
  uint8_t mask_bit = masked ? 0x80 : 0;
  head.bytes[0] = static_cast<char>(first);
  auto put = [&](uint8_t form, size_t size) {
    head.bytes[1] = static_cast<char>(mask_bit | form);
    for (size_t i = 0; i < size; ++i) head.bytes[2 + i] = static_cast<char>(payload_bytes >> (8 * (size - 1 - i)));
    head.size = static_cast<uint8_t>(2 + size);
  };
  if (payload_bytes < 126) {
    put(static_cast<uint8_t>(payload_bytes), 0);
  } else if (payload_bytes <= 0xffff) {
    put(126, 2);
  } else {
    put(127, 8);
  }
  return head;
}

WebSocketMessage::WebSocketMessage(Type type, Bytes buffer) : type_(type), buffer_(std::move(buffer)) {
  LIMPET_CHECK(buffer_.size() >= kHeadroom);
  FrameHead head = MakeFrameHead(0x80 | static_cast<uint8_t>(type), buffer_.size() - kHeadroom, false);
  frame_at_ = static_cast<uint8_t>(kHeadroom - head.size);
  buffer_.replace(frame_at_, head.size, head.view());
}

WebSocketMessagePtr WebSocketMessage::Of(Type type, BytesView payload) {
  Bytes buffer;
  buffer.reserve(kHeadroom + payload.size());
  buffer.resize(kHeadroom);
  buffer.append(payload);
  return FromBuffer(type, std::move(buffer));
}

WebSocketMessagePtr WebSocketMessage::FromBuffer(Type type, Bytes buffer) {
  return std::make_shared<const WebSocketMessage>(type, std::move(buffer));
}

const Bytes* WebSocketMessage::KeepCompressed(std::unique_ptr<const Bytes> frame) const {
  const Bytes* kept = nullptr;
  if (compressed_.compare_exchange_strong(kept, frame.get(), std::memory_order_acq_rel)) return frame.release();
  return kept;
}

std::string_view CutCloseReason(std::string_view reason) {
  if (reason.size() <= kCloseReasonBytesMax) return reason;
  size_t size = kCloseReasonBytesMax;
  while (size > 0 && (static_cast<uint8_t>(reason[size]) & 0xc0) == 0x80) --size;
  return reason.substr(0, size);
}

}  // namespace limpet
