// Runs another program and waits for it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace limpet::cli {

// Its standard output and error go to ours' standard error. No other descriptor is inherited; NODE_* variables are
// not either. Answers its exit code (128 + signal if it was killed). Errors: kNotFound, kUnavailable.
Result<int> RunProcess(const std::vector<std::string>& arguments, const std::string& working_dir);

}  // namespace limpet::cli
