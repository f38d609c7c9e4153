#include "loop/asio_loop.h"

#include <gtest/gtest.h>

namespace limpet::loop {
namespace {

using namespace std::chrono_literals;

TEST(AsioLoop, GoesOnAfterItServedFromInsideWhatTheOuterClosurePosted) {
  AsioLoop loop;
  bool went_on = false;
  loop.Post([&] {
    loop.AtTurnEnd([] {});
    loop.Post([] {});
    loop.ServeFor(1ms);
    loop.Post([&] {
      went_on = true;
      loop.Stop();
    });
  });
  loop.Run();
  EXPECT_TRUE(went_on);
}

}  // namespace
}  // namespace limpet::loop
