#include "control/read_all.h"

#include <utility>

#include "control/catalog.h"

namespace limpet::control {

loop::Task<Result<Done>> ReadAll(store::Session& session, ObjectId object, std::string prefix,
                                 UniqueFunction<Result<Done>(const Bytes& key, const Bytes& value)> take) {
  Bytes start = prefix;
  for (;;) {
    store::ScanOptions options;
    options.start = start;
    options.once = true;
    options.end = PrefixEnd(prefix);
    loop::Completion<Result<store::ScanPage>> scan([&](auto done) { session.Scan(object, options, std::move(done)); });
    LIMPET_CO_TRY(store::ScanPage page, co_await scan);
    for (const auto& [key, value] : page.pairs) {
      Result<Done> taken = take(key, value);
      if (!taken.has_value()) co_return std::move(taken).error();
    }
    if (page.complete || page.pairs.empty()) co_return Done{};
    start = page.pairs.back().first + '\0';
  }
}

}  // namespace limpet::control
