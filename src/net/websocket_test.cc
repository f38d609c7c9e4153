#include "net/websocket.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <vector>

#include "net/websocket_frame.h"
#include "net/websocket_testing.h"

namespace limpet::net {
namespace {

using Strings = std::vector<std::string>;

TEST(WebSocket, AServerTakesAndSendsMessages) {
  Room room;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade() + ClientFrame(0x81, "early"));  // Frames right behind the request.
  EXPECT_TRUE(client.Sees("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Room: websocket\r\n\r\n"));
  client.Forget();
  EXPECT_EQ(room.Seen(1), Strings{"text:early"});
  room.ends[0]->Send(TextMessage("hello"));
  EXPECT_TRUE(client.Sees("\x81\x05hello"));
  std::string ping = ClientFrame(0x89, "are you there");
  client.Send(ping.substr(0, 3));
  room.Turn();
  client.Send(ping.substr(3));
  EXPECT_TRUE(
      client.Sees("\x8a\x0d"
                  "are you there"));
  client.Send(ClientFrame(0x82, std::string("\x00\x01", 2)));
  EXPECT_EQ(room.Seen(2)[1], std::string("binary:\x00\x01", 9));
  EXPECT_EQ(room.server.server.connections(), 1u);

  // The close handshake, begun by the client.
  client.Forget();
  client.Send(ClientFrame(0x88,
                          "\x0f\xa0"
                          "done"));
  EXPECT_EQ(room.Seen(3)[2], "close:4000:done");
  room.ends[0]->Send(TextMessage("last"));  // Half open.
  room.ends[0]->Close(4000, "done");
  room.ends[0]->Send(TextMessage("too late"));
  EXPECT_EQ(client.UntilClosed(),
            "\x81\x04last\x88\x06\x0f\xa0"
            "done");
  EXPECT_EQ(room.server.server.connections(), 0u);
}

TEST(WebSocket, AServerCloses) {
  Room room;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  client.Forget();
  room.ends[0]->Close(kCloseNoCode, "");
  room.ends.clear();  // What was sent still goes out.
  EXPECT_TRUE(client.Sees(std::string("\x88\x00", 2)));
  EXPECT_FALSE(client.ended());
  client.Send(ClientFrame(0x81, "on its way") + ClientFrame(0x88, "\x03\xe8"));
  client.UntilClosed();
}

TEST(WebSocket, AnAnswerMayComeLater) {
  Room room;
  room.hold = true;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  ASSERT_TRUE(RunUntil(room.loop, [&] { return room.held != nullptr; }));
  client.Send(ClientFrame(0x81, "one"));  // The server is reading ahead now.
  room.Turn();
  client.Send(ClientFrame(0x81, "two"));
  room.held->first.Send(std::move(room.held->second));
  EXPECT_EQ(room.Seen(2), (Strings{"text:one", "text:two"}));
  EXPECT_TRUE(client.Sees("101 Switching Protocols"));
}

TEST(WebSocket, ABrokenProtocolEndsTheConnectionWithItsCode) {
  Room room;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  client.Forget();
  client.Send("\x81\x05Hello" + std::string(100'000, 'x'));  // Not masked, and more behind it.
  EXPECT_TRUE(client.UntilClosed().starts_with("\x88\x2a\x03\xeaReceived an unmasked frame")) << client.Take();
  EXPECT_EQ(room.Seen(1), Strings{"error:WebSocket protocol error; protocolError.statusCode = 1002; "
                                  "protocolError.description = Received an unmasked frame from a client"});
}

TEST(WebSocket, UnmaskedFramesAreTakenIfAllowed) {
  Room room({.websocket = {.accept_unmasked = true}});
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade() + "\x81\x02ok");
  EXPECT_EQ(room.Seen(1), Strings{"text:ok"});
}

TEST(WebSocket, ALineThatIsCutIsADisconnect) {
  Room room;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade() + ClientFrame(0x01, "half"));
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  client.Close();
  EXPECT_EQ(room.Seen(1), Strings{"lost"});
  room.ends[0]->Send(TextMessage("nobody hears this"));
  EXPECT_EQ(room.server.server.connections(), 0u);
}

TEST(WebSocket, AnEndThatIsDroppedCutsTheLine) {
  Room room;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  client.Forget();
  room.ends.clear();
  EXPECT_EQ(client.UntilClosed(), "");
}

TEST(WebSocket, RefusesWhatIsNoHandshake) {
  Room room;
  for (auto [head, status] : std::vector<std::pair<std::string, std::string>>{
           {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "500"},
           {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "426"},
           {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n",
            "400"},
           {Upgrade("Content-Length: 5\r\n") + "he", "400"}}) {
    RawClient client(room.loop, room.server.endpoint());
    client.Send(head);
    EXPECT_TRUE(client.Sees("HTTP/1.1 " + status + " "));
    EXPECT_EQ(room.notes.back()->seen, Strings{"lost"});
  }
}

TEST(WebSocket, CompressesWhatIsWorthIt) {
  Room room;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"));
  EXPECT_TRUE(client.Sees("client_max_window_bits=15\r\nX-Room"));
  client.Forget();
  room.ends[0]->Send(TextMessage("short"));
  EXPECT_TRUE(client.Sees("\x81\x05short"));
  client.Forget();
  std::string text(5000, 'x');
  room.ends[0]->Send(TextMessage(text));
  EXPECT_TRUE(RunUntil(room.loop, [&] { return client.Take().size() > 2; }));
  room.Turn();
  FrameOptions options{.mask = FrameOptions::Mask::kForbidden};
  options.coders = std::make_shared<DeflateCoders>();
  FrameReader reader(options);
  std::string_view in = client.Take();
  EXPECT_LT(in.size(), 100u);
  ASSERT_EQ(reader.Next(in), FrameReader::Event::kMessage);
  EXPECT_EQ(reader.TakeMessage()->payload(), text);
  client.Send(ClientFrame(0xc1, std::string_view("\xf2\x48\xcd\xc9\xc9\x07\x00", 7)));
  EXPECT_EQ(room.Seen(1), Strings{"text:Hello"});
}

TEST(WebSocket, ASlowReaderIsSeenAndBounded) {
  Room room;
  RawClient client(room.loop, room.server.endpoint(), 65536);
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  client.Forget();
  WebSocketMessagePtr message = WebSocketMessage::Of(WebSocketMessage::Type::kBinary, std::string(512 * 1024, 'x'));
  // The script's end shows what waits, up to the pipe's own marks: the coupling stops taking.
  for (int i = 0; i < 40; ++i) room.ends[0]->Send(message);
  room.Turn();
  EXPECT_GT(room.ends[0]->buffered_bytes(), 10u * 1024 * 1024);
  EXPECT_TRUE(room.notes[0]->seen.empty());
  // All of it arrives once the client reads.
  size_t got = 0;
  EXPECT_TRUE(RunUntil(room.loop, [&] {
    got += client.Take().size();
    client.Forget();
    return got >= 40u * (512 * 1024 + 10);
  }));
  EXPECT_EQ(room.ends[0]->buffered_bytes(), 0u);
  EXPECT_EQ(room.notes[0]->seen, Strings{"drained"});
}

TEST(WebSocket, WhatWasSentBeforeACutStillGoesOut) {
  for (bool aborts : {false, true}) {
    Room room;
    RawClient client(room.loop, room.server.endpoint());
    client.Send(Upgrade());
    EXPECT_TRUE(client.Sees("\r\n\r\n"));
    client.Forget();
    room.ends[0]->Send(WebSocketMessage::Of(WebSocketMessage::Type::kText, "last words"));
    if (aborts) room.ends[0]->Abort(Error(ErrorCode::kUnavailable, "why"));
    room.ends[0].reset();
    EXPECT_EQ(client.UntilClosed(), std::string("\x81\x0alast words"));
  }
}

TEST(WebSocket, PauseStopsReading) {
  Room room;
  room.listening = false;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  // What the pipe and the kernel take is bounded: the client can't send everything.
  std::string frame = ClientFrame(0x82, std::string(1024 * 1024, 'x')), flood;
  for (int i = 0; i < 32; ++i) flood += frame;
  Instant until = room.loop.Now() + std::chrono::milliseconds(300);
  size_t sent = 0;
  std::string_view rest = flood;
  while (room.loop.Now() < until && !rest.empty()) {
    size_t size = client.SendSome(rest);
    rest.remove_prefix(size);
    sent += size;
    room.Turn();
  }
  EXPECT_LT(sent, 24u * 1024 * 1024);
  room.ends[0]->SetReceiver(room.notes[0].get());
  EXPECT_TRUE(client.Send(rest));
  EXPECT_EQ(room.Seen(32).size(), 32u);
}

TEST(WebSocket, ALineThatBreaksWhileNobodyReadsIsGivenBackAndItsMessagesAreKept) {
  Room room;
  room.listening = false;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  EXPECT_TRUE(client.Send(ClientFrame(0x82, std::string(1100 * 1024, 'x'))));  // The pipe is full.
  room.Turn();
  std::string rest;
  for (int i = 0; i < 20; ++i) rest += ClientFrame(0x81, std::to_string(i)) + ClientFrame(0x89, "ping");
  EXPECT_TRUE(client.Send(rest));
  EXPECT_TRUE(client.Arrived());
  EXPECT_EQ(room.server.server.connections(), 1u);
  client.Reset();
  EXPECT_TRUE(RunUntil(room.loop, [&] { return room.server.server.connections() == 0; }));
  room.ends[0]->SetReceiver(room.notes[0].get());
  std::vector<std::string> seen = room.Seen(22);
  ASSERT_EQ(seen.size(), 22u);
  EXPECT_EQ(seen[1], "text:0");
  EXPECT_EQ(seen[20], "text:19");
  EXPECT_EQ(seen[21], "lost");
}

TEST(WebSocket, APeerThatEndsItsSideWhileNobodyReadsIsSeenAtTheNextTick) {
  Room room;
  room.listening = false;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  EXPECT_TRUE(client.Send(ClientFrame(0x82, std::string(1100 * 1024, 'x'))));  // The pipe is full.
  room.Turn();
  EXPECT_TRUE(client.Send(ClientFrame(0x81, "last")));
  EXPECT_TRUE(client.Arrived());
  room.server.server.CheckDeadlines(room.loop.Now());
  EXPECT_EQ(room.server.server.connections(), 1u);
  client.HalfClose();
  EXPECT_TRUE(client.Arrived());
  room.server.server.CheckDeadlines(room.loop.Now());
  EXPECT_TRUE(RunUntil(room.loop, [&] { return room.server.server.connections() == 0; }));
  room.ends[0]->SetReceiver(room.notes[0].get());
  std::vector<std::string> seen = room.Seen(3);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1], "text:last");
  EXPECT_EQ(seen[2], "lost");
}

TEST(WebSocket, ACloseFrameThatCameBeforeTheBreakCounts) {
  Room room;
  room.listening = false;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  EXPECT_TRUE(client.Send(ClientFrame(0x82, std::string(1100 * 1024, 'x'))));
  room.Turn();
  EXPECT_TRUE(client.Send(ClientFrame(0x88, std::string("\x0f\xa0"
                                                        "bye"))));
  EXPECT_TRUE(client.Arrived());
  client.Reset();
  EXPECT_TRUE(RunUntil(room.loop, [&] { return room.server.server.connections() == 0; }));
  room.ends[0]->SetReceiver(room.notes[0].get());
  EXPECT_EQ(room.Seen(2).back(), "close:4000:bye");
}

TEST(WebSocket, UrgentDataIsNoBreak) {
  Room room;
  room.listening = false;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  EXPECT_TRUE(client.Send(ClientFrame(0x82, std::string(1100 * 1024, 'x'))));
  room.Turn();
  EXPECT_TRUE(client.Send(ClientFrame(0x81, "after")));
  client.SendUrgent('!');
  room.Turn();
  EXPECT_EQ(room.server.server.connections(), 1u);
  room.ends[0]->SetReceiver(room.notes[0].get());
  EXPECT_EQ(room.Seen(2).back(), "text:after");
}

TEST(WebSocket, DrainClosesAndWaits) {
  Room room;
  RawClient client(room.loop, room.server.endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  client.Forget();
  bool drained = false;
  room.server.server.Drain([&] { drained = true; });
  EXPECT_TRUE(client.Sees("\x03\xe9The server is going away."));
  EXPECT_FALSE(drained);
  client.Send(ClientFrame(0x88, "\x03\xe9"));
  client.UntilClosed();
  EXPECT_TRUE(RunUntil(room.loop, [&] { return drained; }));
  EXPECT_EQ(room.Seen(1), Strings{"close:1001:"});
}

TEST(WebSocket, TheServersEndCutsTheLines) {
  loop::AsioLoop loop;
  Notes notes;
  loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(loop, loop);
  pipe.second->SetReceiver(&notes);
  auto server = std::make_unique<TestServer>(loop, [&](HttpRequest, const RequestInfo&, Responder responder) {
    HttpResponse response;
    response.status = 101;
    response.websocket = std::move(pipe.first);
    responder.Send(std::move(response));
  });
  RawClient client(loop, server->endpoint());
  client.Send(Upgrade());
  EXPECT_TRUE(client.Sees("\r\n\r\n"));
  server.reset();
  EXPECT_EQ(notes.seen, Strings{"lost"});
  client.UntilClosed();
}

TEST(WebSocket, TimeoutsCutWhoDoesNotAnswer) {
  using std::chrono::seconds;
  {
    Room room({.websocket = {.ping_interval = seconds(30)}});
    RawClient client(room.loop, room.server.endpoint());
    client.Send(Upgrade());
    EXPECT_TRUE(client.Sees("\r\n\r\n"));
    client.Forget();
    Instant start = room.loop.Now();
    room.server.server.CheckDeadlines(start + seconds(29));
    room.Turn();
    EXPECT_EQ(client.Take(), "");
    room.server.server.CheckDeadlines(start + seconds(31));
    EXPECT_TRUE(client.Sees(std::string("\x89\x00", 2)));
    client.Send(ClientFrame(0x8a, ""));
    room.Turn();
    room.server.server.CheckDeadlines(start + seconds(60));  // Heard at 31.
    EXPECT_EQ(room.Seen(0), Strings{});
    room.server.server.CheckDeadlines(start + seconds(62));
    room.server.server.CheckDeadlines(start + seconds(92));
    EXPECT_EQ(room.notes[0]->seen, Strings{"lost"});
  }
  {
    Room room;
    RawClient client(room.loop, room.server.endpoint());
    client.Send(Upgrade());
    EXPECT_TRUE(client.Sees("\r\n\r\n"));
    room.ends[0]->Close(1000, "");
    EXPECT_TRUE(client.Sees("\x88\x02\x03\xe8"));
    room.server.server.CheckDeadlines(room.loop.Now() + seconds(9));
    EXPECT_EQ(room.notes[0]->seen, Strings{});
    room.server.server.CheckDeadlines(room.loop.Now() + seconds(12));
    EXPECT_EQ(room.notes[0]->seen, Strings{"lost"});
    client.UntilClosed();
  }
  {
    Room room;
    RawClient client(room.loop, room.server.endpoint(), 4096);
    client.Send(Upgrade());
    EXPECT_TRUE(client.Sees("\r\n\r\n"));
    room.ends[0]->Send(WebSocketMessage::Of(WebSocketMessage::Type::kBinary, Bytes(20'000'000, 'x')));
    room.Turn();
    room.server.server.CheckDeadlines(room.loop.Now() + seconds(110));
    EXPECT_FALSE(room.notes[0]->ended);
    room.server.server.CheckDeadlines(room.loop.Now() + seconds(125));
    EXPECT_EQ(room.notes[0]->seen.back(), "lost");
  }
}

TEST(WebSocket, ManySmallMessagesOfATurnGoOutTogether) {
  Room room;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(room.loop, room.server.endpoint()));
    clients.back()->Send(Upgrade());
    EXPECT_TRUE(clients.back()->Sees("\r\n\r\n"));
    clients.back()->Forget();
  }
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    WebSocketMessagePtr message = TextMessage("message " + std::to_string(i));
    expected += message->frame();
    for (auto& end : room.ends) end->Send(message);
  }
  for (auto& client : clients) {
    EXPECT_TRUE(RunUntil(room.loop, [&] { return client->Take().size() >= expected.size(); }));
    EXPECT_EQ(client->Take(), expected);
  }
}

TEST(WebSocket, AWaitingConnectionIsSmall) {
  Room room;
  auto open = [&](std::vector<std::unique_ptr<RawClient>>& into, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      into.push_back(std::make_unique<RawClient>(room.loop, room.server.endpoint()));
      into.back()->Send(Upgrade("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
      EXPECT_TRUE(into.back()->Sees("\r\n\r\n"));
      into.back()->Forget();
    }
    std::string text(3000, 'x');
    for (auto& end : room.ends) end->Send(TextMessage(text));
    for (auto& client : into) {
      client->Send(ClientFrame(0x81, text));
      EXPECT_TRUE(RunUntil(room.loop, [&] { return !client->Take().empty(); }));
    }
    room.Turn();
    for (auto& notes : room.notes) notes->seen = {};
    for (auto& client : into) client->Forget();
  };
  std::vector<std::unique_ptr<RawClient>> first, rest;
  open(first, 50);
  size_t before = mallinfo2().uordblks;
  open(rest, 200);
  size_t each = (mallinfo2().uordblks - before) / 200;
  std::cout << each << " bytes for a waiting connection, with the test's own client and notes" << std::endl;
  EXPECT_LT(each, 3000u);
}

}  // namespace
}  // namespace limpet::net
