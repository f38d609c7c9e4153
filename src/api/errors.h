// Texts of errors that more than one file throws; literal, as workerd has them (docs/compatibility.md).
#pragma once

namespace limpet::api {

// An Error: I/O, a timer or a random number was asked for while no event runs.
inline constexpr const char* kGlobalScopeError =
    "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, "
    "and generating random values are not allowed within global scope. To fix this error, perform this operation "
    "within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/";
inline constexpr const char* kNotTransferable = "Object is not transferable";
inline constexpr const char* kInvalidUtf8 = "Failed to decode input.";
inline constexpr const char* kOutOfMemory = "Array buffer allocation failed";

}  // namespace limpet::api
