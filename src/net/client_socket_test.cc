#include "net/client_socket.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "loop/asio_loop.h"
#include "net/asio_address.h"

namespace limpet::net {
namespace {

using boost::asio::ip::tcp;

struct Rig {
  explicit Rig(ClientOptions options = {.allow_private_network = true}) {
    client = HttpClient::Open(loop, std::move(options)).value();
    acceptor.open(tcp::v4());
    acceptor.bind({boost::asio::ip::address_v4::loopback(), 0});
    acceptor.listen();
  }
  ClientSocket::To Here() { return {.host = "127.0.0.1", .port = acceptor.local_endpoint().port()}; }
  // Runs the loop until `done`.
  void Until(const bool& done) {
    for (int i = 0; i < 10'000 && !done; ++i) loop.context().run_one_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(done);
  }
  Result<Done> Open(ClientSocket& socket, ClientSocket::To to) {
    bool done = false;
    Result<Done> outcome = Done{};
    socket.Open(std::move(to), [&](Result<Done> result) {
      outcome = std::move(result);
      done = true;
    });
    Until(done);
    return outcome;
  }
  Result<std::optional<Bytes>> Read(BodyStream& stream) {
    bool done = false;
    Result<std::optional<Bytes>> outcome = std::optional<Bytes>();
    stream.Read([&](Result<std::optional<Bytes>> chunk) {
      outcome = std::move(chunk);
      done = true;
    });
    Until(done);
    return outcome;
  }

  loop::AsioLoop loop;
  std::unique_ptr<HttpClient> client;
  tcp::acceptor acceptor{loop.context()};
};

TEST(ClientSocket, RefusesWhatScriptsMayNotReach) {
  Rig closed_off({});
  std::shared_ptr<ClientSocket> socket = ClientSocket::Make(*closed_off.client);
  Result<Done> opened = closed_off.Open(*socket, closed_off.Here());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kConflict);
  EXPECT_NE(opened.error().message().find("--allow-private-network"), std::string::npos);

  Rig open;
  std::shared_ptr<ClientSocket> mail = ClientSocket::Make(*open.client);
  opened = open.Open(*mail, {.host = "127.0.0.1", .port = 25});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kConflict);

  Rig reserved({.allow_private_network = true, .forbidden = {}});
  Endpoint admin = FromAsio(reserved.acceptor.local_endpoint());
  reserved.client = HttpClient::Open(reserved.loop, {.allow_private_network = true, .forbidden = {admin}}).value();
  std::shared_ptr<ClientSocket> own = ClientSocket::Make(*reserved.client);
  EXPECT_FALSE(reserved.Open(*own, reserved.Here()).has_value());
}

TEST(ClientSocket, ReadsAnEndIfItCouldNotBeOpened) {
  Rig rig({});
  std::shared_ptr<ClientSocket> socket = ClientSocket::Make(*rig.client);
  std::unique_ptr<BodyStream> reader = socket->Reader({});
  EXPECT_FALSE(rig.Open(*socket, rig.Here()).has_value());
  Result<std::optional<Bytes>> chunk = rig.Read(*reader);
  ASSERT_TRUE(chunk.has_value());
  EXPECT_FALSE(chunk.value().has_value());
}

TEST(ClientSocket, IsCutWhenBothHoldersHaveLetGo) {
  Rig rig;
  std::shared_ptr<ClientSocket> socket = ClientSocket::Make(*rig.client);
  std::unique_ptr<BodyStream> reader = socket->Reader({});
  ASSERT_TRUE(rig.Open(*socket, rig.Here()).has_value());
  tcp::socket peer(rig.loop.context());
  rig.acceptor.accept(peer);
  socket->DropWriter();
  boost::asio::write(peer, boost::asio::buffer("ab", 2));
  EXPECT_EQ(rig.Read(*reader).value(), Bytes("ab"));  // Who reads goes on.

  reader.reset();
  char byte;
  boost::system::error_code error;
  peer.read_some(boost::asio::buffer(&byte, 1), error);
  EXPECT_TRUE(error);
}

TEST(ClientSocket, IsReadThoughWhoOpenedItHasLetGoBefore) {
  Rig rig;
  std::shared_ptr<ClientSocket> socket = ClientSocket::Make(*rig.client);
  std::unique_ptr<BodyStream> reader = socket->Reader({});
  bool opened = false, read = false;
  socket->Open(rig.Here(), [&](Result<Done>) { opened = true; });
  reader->Read([&](Result<std::optional<Bytes>> chunk) { read = chunk.has_value() && chunk.value() == Bytes("ab"); });
  socket->DropWriter();
  tcp::socket peer(rig.loop.context());
  rig.acceptor.async_accept(peer,
                            [&](boost::system::error_code) { boost::asio::write(peer, boost::asio::buffer("ab", 2)); });
  rig.Until(read);
  EXPECT_FALSE(opened);
}

TEST(ClientSocket, TellsWhoReadsAndWritesThatItWasClosed) {
  Rig rig;
  std::shared_ptr<ClientSocket> socket = ClientSocket::Make(*rig.client);
  std::unique_ptr<BodyStream> reader = socket->Reader({});
  ASSERT_TRUE(rig.Open(*socket, rig.Here()).has_value());
  tcp::socket peer(rig.loop.context());
  rig.acceptor.accept(peer);
  bool read = false, written = false;
  reader->Read([&](Result<std::optional<Bytes>> chunk) {
    EXPECT_FALSE(chunk.has_value());
    read = true;
  });
  socket->Write(Bytes(64 * 1024 * 1024, 'x'), [&](Result<Done> result) {  // More than the kernel takes.
    EXPECT_FALSE(result.has_value());
    written = true;
  });
  socket->Close();
  EXPECT_TRUE(read);
  rig.Until(written);
}

TEST(ClientSocket, OutlivesItsClientAsAClosedOne) {
  Rig rig;
  std::shared_ptr<ClientSocket> socket = ClientSocket::Make(*rig.client);
  ASSERT_TRUE(rig.Open(*socket, rig.Here()).has_value());
  rig.client.reset();
  bool written = false;
  socket->Write("x", [&](Result<Done> result) {
    EXPECT_FALSE(result.has_value());
    written = true;
  });
  rig.Until(written);
}

}  // namespace
}  // namespace limpet::net
