// What Cloudflare has beside Workers, Durable Objects and KV, and limpet has not: what is said to who asks for it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace limpet {

// "limpet has no R2. Workers KV holds …", without a full stop at the end. Pure, and empty for what is not such a thing.
std::string AdviceForCommand(std::string_view command);  // wrangler's: "r2"
std::string AdviceForBinding(std::string_view type);     // Of an upload's metadata: "r2_bucket".
// The segments of an API path from "client" on: "client", "v4", "accounts", ID, "r2", …
std::string AdviceForPath(const std::vector<std::string>& segments);

}  // namespace limpet
