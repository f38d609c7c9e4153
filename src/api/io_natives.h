// The tables of I/O natives, one per file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/http.h"
#include "base/ids.h"
#include "js/isolate.h"
#include "net/content_coding.h"
#include "object/code.h"

namespace limpet::api {

void AddEventNatives(std::vector<js::NativeFunction>& natives);      // io_events.cc
void AddJoinNatives(std::vector<js::NativeFunction>& natives);       // io_joins.cc
void AddFetchNatives(std::vector<js::NativeFunction>& natives);      // io_fetch.cc
void AddStateNatives(std::vector<js::NativeFunction>& natives);      // io_state.cc
void AddCryptoIoNatives(std::vector<js::NativeFunction>& natives);   // io_crypto.cc
void AddKvNatives(std::vector<js::NativeFunction>& natives);         // io_kv.cc
void AddRpcNatives(std::vector<js::NativeFunction>& natives);        // io_rpc.cc
void AddSqlNatives(std::vector<js::NativeFunction>& natives);        // io_sql.cc
void AddWebSocketNatives(std::vector<js::NativeFunction>& natives);  // io_websocket.cc
void AddTcpNatives(std::vector<js::NativeFunction>& natives);        // io_tcp.cc
void AddStorageNatives(std::vector<js::NativeFunction>& natives);    // io_storage.cc

struct Call;
class IoContext;
// Of io_storage.cc, shared with io_sql.cc.
// False, and a RangeError is pending: the key is too long.
bool CheckKey(Call& call, const std::string& key);
// The same for a serialised value.
bool CheckValue(Call& call, const IoContext& context, const std::string& key, size_t bytes, bool single);
// Reads start, end, startAfter, prefix, reverse, limit from the first argument on.
object::ListOptions ReadListOptions(Call& call);

// Of io_fetch.cc, shared with io_rpc.cc. The first argument of such a native is the state of the fetch.
// Reads method, url, headers, body, length from `first` on. Nothing: an exception is pending.
std::optional<HttpRequest> ReadRequest(Call& call, IoContext& context, int first);
// Reads the index of a namespace and a hex ID from `first` on. Nothing: an exception is pending.
std::optional<ObjectId> ReadObjectId(Call& call, IoContext& context, int first);
// Makes the native return the promise of a fetch; `codings`: those that its answer may have. Nothing: V8 is being
// ended.
std::optional<uint64_t> ReturnFetch(Call& call, IoContext& context, net::ContentCodings codings);
// Settles it, as an event of `where`.
object::OnReply OnAnswer(std::weak_ptr<IoContext> weak, uint64_t number, object::GateRef where);
// Sends a request to the object through the output gate; the answer is that of the fetch `number`.
void CallObject(IoContext& context, uint64_t number, const ObjectId& id, std::optional<std::string> name,
                HttpRequest request);
// Of io_rpc.cc. Gives the answer of a plain call to whoever made it. Empty: an exception is pending.
v8::MaybeLocal<v8::Value> ReturnPlainCall(js::Scope& scope, v8::Local<v8::Value> state, BytesView message);

}  // namespace limpet::api
