#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace limpet {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "limpet: internal error: CHECK(%s) failed at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace limpet
