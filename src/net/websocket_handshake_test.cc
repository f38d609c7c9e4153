#include "net/websocket_handshake.h"

#include <gtest/gtest.h>

namespace limpet::net {
namespace {

HeaderList Headers(std::initializer_list<std::pair<const char*, const char*>> entries) {
  HeaderList headers;
  for (auto [name, value] : entries) headers.Append(name, value);
  return headers;
}

std::unique_ptr<UpgradeOffer> Offer(std::string_view drop = {}, std::pair<const char*, const char*> add = {"X", "y"}) {
  HeaderList headers = Headers({{"Upgrade", "websocket"},
                                {"Connection", "keep-alive, Upgrade"},
                                {"Sec-WebSocket-Version", "13"},
                                {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}});
  if (!drop.empty()) headers.Delete(drop);
  headers.Append(add.first, add.second);
  return TakeUpgradeOffer("GET", headers);
}

std::string AnswerTo(std::string_view offer) {
  std::optional<DeflateAgreement> agreed = AcceptDeflateOffer(offer);
  return agreed ? agreed->header : "none";
}

constexpr std::string_view kAlone = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

TEST(Handshake, AcceptsTheExampleOfTheRfc) {  // RFC 6455, 1.3.
  HttpResponse response;
  response.status = 101;
  response.headers.Append("Sec-WebSocket-Protocol", "chat");
  response.headers.Append("sec-websocket-accept", "not this");
  response.headers.Append("Content-Length", "5");
  UpgradeAnswer answer = AnswerUpgrade(*Offer(), response).value();
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(answer.head,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
  EXPECT_FALSE(answer.deflate);
}

TEST(Handshake, RefusesWhatIsNotWhole) {
  EXPECT_EQ(Offer("Upgrade"), nullptr);
  EXPECT_EQ(TakeUpgradeOffer("POST", Headers({{"Upgrade", "websocket"}})), nullptr);
  EXPECT_EQ(TakeUpgradeOffer("GET", Headers({{"Upgrade", "h2c"}})), nullptr);
  EXPECT_NE(TakeUpgradeOffer("GET", Headers({{"Upgrade", "h2c, WebSocket"}})), nullptr);
  EXPECT_EQ(AnswerUpgrade(*Offer("Sec-WebSocket-Version"), {})->status, 426);
  EXPECT_EQ(AnswerUpgrade(*Offer("Sec-WebSocket-Version", {"Sec-WebSocket-Version", "8"}), {})->status, 426);
  EXPECT_EQ(AnswerUpgrade(*Offer("Sec-WebSocket-Key"), {})->text, "ERROR: Missing Sec-WebSocket-Key");
  EXPECT_EQ(AnswerUpgrade(*Offer("Sec-WebSocket-Key", {"Sec-WebSocket-Key", "short"}), {})->status, 400);
  EXPECT_EQ(AnswerUpgrade(*Offer("", {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}), {})->status, 400) << "twice";
  EXPECT_EQ(AnswerUpgrade(*Offer("Connection"), {})->status, 400);
  HttpResponse broken;
  broken.headers.Append("X", "a\r\nb");
  EXPECT_FALSE(AnswerUpgrade(*Offer(), broken));
}

TEST(Handshake, AClientChecksTheAnswer) {
  SeededRandom random(1);
  ClientUpgrade upgrade = MakeClientUpgrade({}, random);
  EXPECT_EQ(upgrade.key.size(), 24u);
  std::string accept = WebSocketAccept(upgrade.key);
  HeaderList good =
      Headers({{"upgrade", "WebSocket"}, {"connection", "upgrade"}, {"sec-websocket-accept", accept.c_str()}});
  EXPECT_TRUE(CheckUpgradeAnswer(upgrade, good));
  for (const char* name : {"upgrade", "connection", "sec-websocket-accept"}) {
    HeaderList without = good;
    without.Delete(name);
    EXPECT_FALSE(CheckUpgradeAnswer(upgrade, without)) << name;
  }
  good.Append("Sec-WebSocket-Extensions", "permessage-deflate");
  EXPECT_FALSE(CheckUpgradeAnswer(upgrade, good)) << "not offered";
  EXPECT_FALSE(upgrade.deflate_offered);
  ClientUpgrade other = MakeClientUpgrade(Headers({{"Sec-WebSocket-Extensions", "permessage-deflate"}}), random);
  EXPECT_TRUE(other.deflate_offered);
  EXPECT_NE(other.key, upgrade.key);
  EXPECT_NE(other.lines.find("\r\nSec-WebSocket-Extensions: permessage-deflate; "), std::string::npos);
}

TEST(Extension, ChoosesTheFirstOfferThatCanBeMet) {
  EXPECT_EQ(AnswerTo(""), "none");
  EXPECT_EQ(AnswerTo("foo"), "none");
  EXPECT_EQ(AnswerTo("permessage-deflate"), kAlone);
  EXPECT_EQ(AnswerTo("foo; a=1, PerMessage-Deflate ;server_no_context_takeover"), kAlone);
  EXPECT_EQ(AnswerTo("permessage-deflate; client_max_window_bits"),
            std::string(kAlone) + "; client_max_window_bits=15");
  EXPECT_EQ(AnswerTo("permessage-deflate; client_max_window_bits=\"8\"; server_max_window_bits=10"),
            std::string(kAlone) + "; client_max_window_bits=8; server_max_window_bits=10");
  EXPECT_EQ(AcceptDeflateOffer("permessage-deflate; server_max_window_bits=10")->send_window_bits, 10);
  EXPECT_EQ(AnswerTo("permessage-deflate; bogus, permessage-deflate"), kAlone);
  EXPECT_EQ(AnswerTo("permessage-deflate; server_max_window_bits=8, permessage-deflate"), kAlone);
}

TEST(Extension, DeclinesWhatIsNotWellFormed) {
  for (std::string_view bad :
       {"permessage-deflate; client_max_window_bits=16", "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; "
        "client_no_context_takeover",
        "permessage-deflate;", "permessage-deflate; =1", "permessage-deflate; a=\"",
        "permessage-deflate; client_max_window_bits=", "permessage-deflate x", "=", "\"permessage-deflate\""}) {
    EXPECT_EQ(AnswerTo(bad), "none") << bad;
  }
  std::string many = "permessage-deflate";
  for (int i = 0; i < 100; ++i) many += ", permessage-deflate";
  EXPECT_EQ(AnswerTo(many), "none");
}

TEST(Extension, AClientTakesOnlyWhatItOffered) {
  EXPECT_FALSE(ReadDeflateAnswer("", true)->has_value());
  EXPECT_TRUE(ReadDeflateAnswer(kDeflateOffer, true)->has_value());
  EXPECT_FALSE(ReadDeflateAnswer(kDeflateOffer, true).value()->peer_keeps_window);
  EXPECT_TRUE(ReadDeflateAnswer("permessage-deflate; server_max_window_bits=9", true).value()->peer_keeps_window);
  for (std::string_view bad : {"foo", "permessage-deflate, permessage-deflate", "permessage-deflate; x",
                               "permessage-deflate; client_max_window_bits=9", ";"}) {
    EXPECT_FALSE(ReadDeflateAnswer(bad, true).has_value()) << bad;
  }
  EXPECT_FALSE(ReadDeflateAnswer(kDeflateOffer, false).has_value());
}

}  // namespace
}  // namespace limpet::net
