// The Content-Type of a file by its name's extension, as wrangler uploads it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace limpet::assets {

// "text/html; charset=utf-8" of "/a/index.html". Empty: not known.
std::string ContentTypeOf(std::string_view path);

}  // namespace limpet::assets
