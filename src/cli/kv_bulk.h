// The files of `limpet kv bulk`: what they may hold, and a whole namespace as one of them.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "cli/client.h"
#include "cli/terminal.h"

namespace limpet::cli {

std::string ToBase64(BytesView bytes);

// The pairs of a file of `bulk put`: a list [{key, value, …}] as it is; or {KEY: value} or {KEY: {value, metadata}}, as
// `bulk get` of this tool and of wrangler print it, without those that are null. `file` is for the text of the error,
// kInvalidArgument.
Result<Json::Array> ReadPairs(const Json& content, const std::string& file);

// Prints all pairs of the namespace at `path` as the list that `bulk put` takes, a page of keys and a
// hundred values a call. What is not UTF-8 is base64, and comes by itself, as do the values near it.
Result<Done> ExportPairs(Client& client, const std::string& path, const Terminal& terminal);

}  // namespace limpet::cli
