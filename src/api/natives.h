// The C++ side of builtins/native.d.ts.
#pragma once

#include <string_view>
#include <vector>

#include "js/isolate.h"

namespace limpet::api {

std::vector<js::NativeFunction> PureNatives();  // native_*.cc
std::vector<js::NativeFunction> IoNatives();    // io_*.cc
// The bundle of src/api/builtins, embedded at build time.
std::string_view BuiltinsSource();

}  // namespace limpet::api
