#include "cli/init_menu.h"

#include <gtest/gtest.h>

namespace limpet::cli {
namespace {

TEST(InitMenu, WhatATemplateIsFitsTheTerminal) {
  EXPECT_EQ(FirstWords("rooms with a page", 17), "rooms with a page");
  EXPECT_EQ(FirstWords("rooms with a page", 16), "rooms with a …");
  EXPECT_EQ(FirstWords("rooms with a page", 7), "rooms …");
  EXPECT_EQ(FirstWords("rooms with a page", 6), "");
  EXPECT_EQ(FirstWords("rooms with a page", 0), "");
}

}  // namespace
}  // namespace limpet::cli
