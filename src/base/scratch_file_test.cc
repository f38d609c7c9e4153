#include "base/scratch_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace limpet {
namespace {

TEST(ScratchFile, HoldsWhatIsWrittenAndHasNoName) {
  std::string folder = testing::TempDir() + "/scratch-test";
  std::unique_ptr<ScratchFile> file = ScratchFile::Make(folder).value();
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  EXPECT_TRUE(file->Write(3, "abc").has_value());
  EXPECT_EQ(file->size(), 6u);
  char into[8] = {};
  EXPECT_EQ(file->Read(0, into).value(), 6u);
  EXPECT_EQ(std::string(into, 6), std::string("\0\0\0abc", 6));
  EXPECT_TRUE(file->Resize(4).has_value());
  EXPECT_EQ(file->Read(0, into).value(), 4u);
  EXPECT_EQ(file->Read(9, into).value(), 0u);
}

TEST(ScratchFile, SaysWhereItCanNotBeMade) {
  EXPECT_NE(ScratchFile::Make("/proc/none/of it").error().message().find("/proc/none"), std::string::npos);
}

TEST(ScratchFile, SaysThatTheDiskIsFull) {
  errno = ENOSPC;
  EXPECT_EQ(DiskError("write").code(), ErrorCode::kOverloaded);
  errno = EIO;
  EXPECT_EQ(DiskError("write").code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace limpet
