// Runs a folder's GoogleTest suite inside the host: tests/host.cjs loads this shared object, which exits the process.
#include <gtest/gtest.h>
#include <node.h>
#include <unistd.h>
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// The host's V8 platform, for the tests that make isolates.
node::MultiIsolatePlatform* g_host_platform = nullptr;

#pragma clang diagnostic ignored "-Wcast-function-type-mismatch"  // Node's macro casts so.
NODE_MODULE_INIT() {
  g_host_platform = node::GetMultiIsolatePlatform(node::GetCurrentEnvironment(context));
  std::vector<std::string> arguments{"limpet_test"};
  if (const char* given = std::getenv("LIMPET_TEST_ARGUMENTS")) {
    std::string word;
    for (const char* at = given;; ++at) {
      if (*at != ' ' && *at != 0) {
        word += *at;
        continue;
      }
      if (!word.empty()) arguments.push_back(word);
      word.clear();
      if (*at == 0) break;
    }
  }
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  int count = static_cast<int>(arguments.size());
  testing::InitGoogleTest(&count, pointers.data());
  int failed = RUN_ALL_TESTS();
#if __has_feature(address_sanitizer)
  if (__lsan_do_recoverable_leak_check() != 0) failed = 1;  // _exit does not look.
#endif
  std::fflush(nullptr);
  _exit(failed);
}
