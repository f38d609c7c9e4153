// HTTP messages as plain data: what the network, Workers and Durable Objects hand each other. No I/O here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/function.h"
#include "base/result.h"
#include "base/websocket.h"

namespace limpet {

// Name-value pairs in order, names compared without case, kept as they came. All text in one buffer: two allocations
// whatever the number of headers, one copy to duplicate. Holds what it is given: whoever takes outside input checks
// it first (IsHeaderName, IsHeaderValue), so there is no NUL in it.
class HeaderList {
 public:
  struct Entry {
    std::string_view name, value;  // Into the list's buffer: valid until the list changes.
  };
  size_t size() const { return spans_.size(); }
  bool empty() const { return spans_.empty(); }
  Entry operator[](size_t index) const;
  // The first value under `name`.
  std::optional<std::string_view> Get(std::string_view name) const;
  // All values joined by ", " (Fetch standard, "get").
  std::optional<std::string> GetCombined(std::string_view name) const;
  bool Has(std::string_view name) const { return Get(name).has_value(); }
  void Append(std::string_view name, std::string_view value);
  void Set(std::string_view name, std::string_view value);  // Replaces the first, drops the rest, else appends.
  void Delete(std::string_view name);
  void Reserve(size_t count, size_t bytes);
  size_t bytes() const { return text_.size(); }
  // "name NUL value NUL" for each, in order: the form in which a list crosses into JavaScript and back.
  std::string Packed() const;
  // The buffer of a list that was only appended to is packed already; empty if this one is not.
  std::optional<std::string_view> PackedView() const;
  static HeaderList FromPacked(std::string packed);

 private:
  struct Span {
    uint32_t name_at, name_size, value_at, value_size;
  };
  std::string_view At(uint32_t at, uint32_t size) const { return std::string_view(text_).substr(at, size); }
  std::string text_;
  std::vector<Span> spans_;
  bool packed_ = true;  // `text_` is what Packed() gives.
};

bool IsHeaderName(std::string_view name);    // RFC 9110 "token".
bool IsHeaderValue(std::string_view value);  // No NUL, CR or LF.

// A body that arrives in pieces. One reader; lives and is read on the thread that made it. Destroying it cancels.
class BodyStream {
 public:
  using OnChunk = UniqueFunction<void(Result<std::optional<Bytes>>)>;
  virtual ~BodyStream() = default;
  // Answers once, at once or later, never after destruction: a chunk of at least one byte, nothing at the end, or why
  // the rest can't be had. Not called again before the answer, nor after the end or an error.
  virtual void Read(OnChunk on_chunk) = 0;

  // Whether the bytes that come next may go from their socket into a pipe, without a copy of them here. May be asked
  // whenever Read may be called; holds for the next read only.
  virtual bool CanPipe() const { return false; }
  // Instead of Read, if CanPipe(): moves up to `bytes_max` bytes into `pipe`, a descriptor that does not block and has
  // room, and answers how many, as Read does; none is the end. `pipe` stays open until the answer or destruction.
  using OnPiped = UniqueFunction<void(Result<size_t>)>;
  virtual void ReadIntoPipe(int /*pipe*/, size_t /*bytes_max*/, OnPiped /*on_piped*/) {}
};

// No body, bytes at hand, or a stream.
struct Body {
  bool present = false;  // A script sees `body === null` otherwise.
  Bytes bytes;           // If `stream` is null.
  std::unique_ptr<BodyStream> stream;
  std::optional<uint64_t> length;  // Of the stream, where it was announced.

  static Body None() { return {}; }
  static Body Of(Bytes bytes) {
    Body body;
    body.present = true;
    body.bytes = std::move(bytes);
    return body;
  }
  static Body Of(std::unique_ptr<BodyStream> stream, std::optional<uint64_t> length = std::nullopt) {
    Body body;
    body.present = true;
    body.stream = std::move(stream);
    body.length = length;
    return body;
  }
};

// How many calls in a row inside the server led to an event.
struct CallDepth {
  uint8_t objects = 0;  // Calls of objects,
  uint8_t workers = 0;  // ... and, since the last of them, of Workers.
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // Absolute, as the server made it from scheme, Host and target; or a script's.
  HeaderList headers;
  Body body;
  std::shared_ptr<const std::string> cf;  // `request.cf` as JSON text, or null. Shared: most requests have the same.
  // Not HTTP but the first message of an RPC session (docs/formats/rpc.md): the body is that message, and so is the
  // answer's; nothing else counts. `session` is the callee's end of the rest of the session, if the caller opened one.
  bool rpc = false;
  std::unique_ptr<WebSocketEnd> session = nullptr;
  CallDepth depth = {};  // Of a call of an object.
};

struct HttpResponse {
  int status = 200;
  std::string status_text;  // Empty: the standard phrase.
  HeaderList headers;
  Body body;
  // Of a call, the caller's end of the rest of the session, if the callee opened one. Of HTTP,
  // with status 101: whoever answers a request that has "Upgrade: websocket" gives the end that is to be connected with
  // the requester; whoever made such a request gets the end that speaks with the server.
  std::unique_ptr<WebSocketEnd> websocket;
};

std::string_view StandardReason(int status);  // "Not Found"; empty if unknown.

}  // namespace limpet
