#include "js/isolate.h"
#include "js/snapshot.h"
#include "js/watchdog.h"

namespace limpet::js {

Runtime::Runtime(Options options) : options_(std::move(options)) {}

Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::Make(Options options) {
  std::unique_ptr<Runtime> runtime(new Runtime(std::move(options)));
  LIMPET_TRY(runtime->snapshot_, Snapshot::Make(runtime->options_));
  runtime->watchdog_ = std::make_unique<Watchdog>();
  return runtime;
}

}  // namespace limpet::js
