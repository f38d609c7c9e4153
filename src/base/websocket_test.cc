#include "base/websocket.h"

#include <gtest/gtest.h>

namespace limpet {
namespace {

using Type = WebSocketMessage::Type;

TEST(WebSocketMessage, IsKeptAsTheFrameThatAServerSends) {  // RFC 6455, 5.7.
  EXPECT_EQ(WebSocketMessage::Of(Type::kText, "Hello")->frame(), "\x81\x05Hello");
  WebSocketMessagePtr medium = WebSocketMessage::Of(Type::kBinary, Bytes(256, 'x'));
  EXPECT_EQ(medium->frame().substr(0, 4), Bytes("\x82\x7E\x01\x00", 4));
  EXPECT_EQ(medium->frame().size(), 260u);
  WebSocketMessagePtr large = WebSocketMessage::Of(Type::kBinary, Bytes(65536, 'x'));
  EXPECT_EQ(large->frame().substr(0, 10), Bytes("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10));
  EXPECT_EQ(large->payload(), Bytes(65536, 'x'));
}

TEST(WebSocketMessage, KeepsTheFirstCompressedFrame) {
  WebSocketMessagePtr message = WebSocketMessage::Of(Type::kText, "Hello");
  EXPECT_EQ(message->compressed(), nullptr);
  const Bytes* first = message->KeepCompressed(std::make_unique<Bytes>("first"));
  EXPECT_EQ(message->KeepCompressed(std::make_unique<Bytes>("second")), first);
  EXPECT_EQ(*message->compressed(), "first");
}

TEST(WebSocketClose, OnlyCodesThatMayBeSentAreValidOnTheWire) {
  for (uint16_t code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1014, 3000, 4999}) {
    EXPECT_TRUE(IsCloseCodeOnWire(code)) << code;
  }
  for (uint16_t code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535}) {
    EXPECT_FALSE(IsCloseCodeOnWire(code)) << code;
  }
}

TEST(WebSocketClose, AReasonIsCutBetweenCharacters) {
  EXPECT_EQ(CutCloseReason("bye"), "bye");
  EXPECT_EQ(CutCloseReason(std::string(123, 'a')).size(), 123u);
  EXPECT_EQ(CutCloseReason(std::string(200, 'a')).size(), 123u);
  EXPECT_EQ(CutCloseReason(std::string(122, 'a') + "\u00e4").size(), 122u);
  EXPECT_EQ(CutCloseReason(std::string(121, 'a') + "\u00e4" + "b").size(), 123u);
}

}  // namespace
}  // namespace limpet
