// Natives of WebSockets. A number above zero names an end that the context holds (script_sockets.h), one below zero a
// hibernatable socket of the context's object (object/object_sockets.h).
#include <cmath>
#include <utility>

#include "api/io_natives.h"
#include "api/io_support.h"
#include "api/script_sockets.h"
#include "api/values.h"
#include "loop/websocket_pipe.h"

namespace limpet::api {
namespace {

// Bytes up to this size are compared with what was sent last, so that many can share one message.
constexpr size_t kSharedBytesMax = 64 * 1024;

int64_t SocketNumber(Call& call, int index) {
  const Arguments& args = call.args;
  return args[index]->IsNumber() ? static_cast<int64_t>(args[index].As<v8::Number>()->Value()) : 0;
}

// The context, which holds the socket; else an exception is pending.
IoContext* HolderOf(Call& call, int64_t number) {
  IoContext* context = call.Context();
  if (context == nullptr) return nullptr;
  bool known = number > 0 ? context->sockets().Has(static_cast<uint64_t>(number)) : context->instance() != nullptr;
  if (known) return context;
  ThrowNoSuchSocket(call.scope, *context);
  return nullptr;
}

WebSocketMessagePtr ToMessage(Call& call, IoHost& host, v8::Local<v8::Value> data) {
  v8::Isolate* isolate = call.scope.isolate();
  IoHost::LastSent& last = host.last_sent;
  if (data->IsString()) {
    v8::Local<v8::String> text = data.As<v8::String>();
    if (last.message != nullptr && last.text == text) return last.message;
    size_t size = text->Utf8LengthV2(isolate);
    Bytes buffer(WebSocketMessage::kHeadroom + size, '\0');
    size_t written = text->WriteUtf8V2(isolate, buffer.data() + WebSocketMessage::kHeadroom, size,
                                       v8::String::WriteFlags::kReplaceInvalidUtf8);
    buffer.resize(WebSocketMessage::kHeadroom + written);
    last.text.Reset(isolate, text);
    return last.message = WebSocketMessage::FromBuffer(WebSocketMessage::Type::kText, std::move(buffer));
  }
  HeapView storage;
  BytesView bytes = Contents(data, storage);
  if (last.message != nullptr && !last.message->is_text() && bytes.size() <= kSharedBytesMax &&
      last.message->payload() == bytes) {
    return last.message;
  }
  last.text.Reset();
  return last.message = WebSocketMessage::Of(WebSocketMessage::Type::kBinary, bytes);
}

// wsPair(): [number, number]
void WsPair(const Arguments& args) {
  Call call(args);
  IoContext* context = call.Context();
  if (context == nullptr) return;
  loop::WebSocketPipe pipe = loop::MakeWebSocketPipe(*context->host().loop, *context->host().loop);
  v8::Isolate* isolate = call.scope.isolate();
  v8::Local<v8::Value> numbers[] = {
      v8::Number::New(isolate, static_cast<double>(context->sockets().Add(std::move(pipe.first)))),
      v8::Number::New(isolate, static_cast<double>(context->sockets().Add(std::move(pipe.second))))};
  args.GetReturnValue().Set(v8::Array::New(isolate, numbers, 2));
}

// wsAccept(number, socket, session)
void WsAccept(const Arguments& args) {
  Call call(args);
  int64_t number = SocketNumber(call, 0);
  IoContext* context = HolderOf(call, number);
  if (context == nullptr || number <= 0 || !args[1]->IsObject()) return;
  context->sockets().Accept(call.scope, static_cast<uint64_t>(number), args[1].As<v8::Object>(),
                            {.session = args[2]->IsTrue()});
}

// wsGrip(number, grip): see ScriptSockets::Grip.
void WsGrip(const Arguments& args) {
  Call call(args);
  IoContext* context = IoContext::Current(call.scope.isolate());
  if (context == nullptr) return;
  context->sockets().SetGrip(call.Number(0), static_cast<ScriptSockets::Grip>(call.Number(1) % 3));
}

// wsSend(number, data)
void WsSend(const Arguments& args) {
  Call call(args);
  int64_t number = SocketNumber(call, 0);
  IoContext* context = HolderOf(call, number);
  if (context == nullptr) return;
  context->sockets().Send(number, ToMessage(call, context->host(), args[1]));
}

// wsClose(number, code, reason)
void WsClose(const Arguments& args) {
  Call call(args);
  int64_t number = SocketNumber(call, 0);
  IoContext* context = HolderOf(call, number);
  if (context == nullptr) return;
  context->sockets().Send(number, ScriptSockets::Closing{static_cast<uint16_t>(call.Number(1)), call.Text(2)});
}

// wsDrop(number)
void WsDrop(const Arguments& args) {
  Call call(args);
  int64_t number = SocketNumber(call, 0);
  IoContext* context = HolderOf(call, number);
  if (context != nullptr && number > 0) context->sockets().Drop(static_cast<uint64_t>(number));
}

// wsBuffered(number): number
void WsBuffered(const Arguments& args) {
  Call call(args);
  IoContext* context = IoContext::Current(call.scope.isolate());
  size_t bytes = context == nullptr ? 0 : context->sockets().BufferedBytes(call.Number(0));
  args.GetReturnValue().Set(static_cast<double>(bytes));
}

// -- hibernation

std::vector<std::string> ToTexts(Call& call, v8::Local<v8::Value> list) {
  std::vector<std::string> texts;
  if (!list->IsArray()) return texts;
  v8::Local<v8::Array> array = list.As<v8::Array>();
  for (uint32_t i = 0; i < array->Length(); ++i) {
    v8::Local<v8::Value> item;
    if (array->Get(call.scope.context(), i).ToLocal(&item)) texts.push_back(js::ToUtf8(call.scope.isolate(), item));
  }
  return texts;
}

// wsHibernate(number, tags): number
void WsHibernate(const Arguments& args) {
  Call call(args);
  IoContext* context = call.ObjectContext();
  if (context == nullptr) return;
  object::ObjectSockets& sockets = context->instance()->sockets();
  if (sockets.size() >= object::kSocketsMax) {
    return js::ThrowError(call.scope.isolate(), "only " + std::to_string(object::kSocketsMax) +
                                                    " websockets can be accepted on a single Durable Object instance");
  }
  std::unique_ptr<WebSocketEnd> end = context->sockets().Take(call.Number(0));
  if (end == nullptr) return ThrowNoSuchSocket(call.scope, *context);
  Result<uint64_t> number = sockets.Accept(std::move(end), ToTexts(call, args[1]));
  if (!number.has_value()) return js::ThrowError(call.scope.isolate(), number.error().message());
  args.GetReturnValue().Set(-static_cast<double>(number.value()));
}

object::ObjectSockets* SocketsOf(Call& call) {
  IoContext* context = call.ObjectContext();
  return context == nullptr ? nullptr : &context->instance()->sockets();
}

uint64_t Hibernated(Call& call, int index) {
  int64_t number = SocketNumber(call, index);
  return number < 0 ? static_cast<uint64_t>(-number) : 0;
}

// wsList(tag): number[]
void WsList(const Arguments& args) {
  Call call(args);
  object::ObjectSockets* sockets = SocketsOf(call);
  if (sockets == nullptr) return;
  std::string tag;
  bool tagged = args[0]->IsString();
  if (tagged) tag = call.Text(0);
  std::vector<v8::Local<v8::Value>> numbers;
  for (uint64_t number : sockets->List(tagged ? std::optional<std::string_view>(tag) : std::nullopt)) {
    numbers.push_back(v8::Number::New(call.scope.isolate(), -static_cast<double>(number)));
  }
  args.GetReturnValue().Set(v8::Array::New(call.scope.isolate(), numbers.data(), numbers.size()));
}

// wsTags(number): string[] | undefined
void WsTags(const Arguments& args) {
  Call call(args);
  object::ObjectSockets* sockets = SocketsOf(call);
  const std::vector<std::string>* tags = sockets == nullptr ? nullptr : sockets->Tags(Hibernated(call, 0));
  if (tags == nullptr) return;
  std::vector<v8::Local<v8::Value>> texts;
  for (const std::string& tag : *tags) texts.push_back(js::FromUtf8(call.scope.isolate(), tag));
  args.GetReturnValue().Set(v8::Array::New(call.scope.isolate(), texts.data(), texts.size()));
}

// wsAttachment(number): Uint8Array | undefined
void WsAttachment(const Arguments& args) {
  Call call(args);
  object::ObjectSockets* sockets = SocketsOf(call);
  const Bytes* attachment = sockets == nullptr ? nullptr : sockets->Attachment(Hibernated(call, 0));
  if (attachment == nullptr || attachment->empty()) return;
  v8::Local<v8::Uint8Array> bytes = js::ToUint8Array(call.scope.isolate(), *attachment);
  if (!bytes.IsEmpty()) args.GetReturnValue().Set(bytes);
}

// wsAttach(number, bytes)
void WsAttach(const Arguments& args) {
  Call call(args);
  if (object::ObjectSockets* sockets = SocketsOf(call)) {
    sockets->SetAttachment(Hibernated(call, 0), js::CopyBytes(args[1]));
  }
}

// wsSetAutoResponse(request, response): without a request, none.
void WsSetAutoResponse(const Arguments& args) {
  Call call(args);
  object::ObjectSockets* sockets = SocketsOf(call);
  if (sockets == nullptr) return;
  if (!args[0]->IsString()) return sockets->SetAutoResponse(std::nullopt);
  sockets->SetAutoResponse(object::ObjectSockets::AutoResponse{call.Text(0), call.Text(1)});
}

// wsAutoResponse(): [string, string] | undefined
void WsAutoResponse(const Arguments& args) {
  Call call(args);
  object::ObjectSockets* sockets = SocketsOf(call);
  if (sockets == nullptr || !sockets->auto_response()) return;
  v8::Local<v8::Value> pair[] = {js::FromUtf8(call.scope.isolate(), sockets->auto_response()->request),
                                 js::FromUtf8(call.scope.isolate(), sockets->auto_response()->response)};
  args.GetReturnValue().Set(v8::Array::New(call.scope.isolate(), pair, 2));
}

// wsAutoResponseTime(number): number | undefined
void WsAutoResponseTime(const Arguments& args) {
  Call call(args);
  object::ObjectSockets* sockets = SocketsOf(call);
  if (sockets == nullptr) return;
  if (std::optional<WallTime> at = sockets->AutoResponseTime(Hibernated(call, 0))) {
    args.GetReturnValue().Set(static_cast<double>(at->time_since_epoch().count()));
  }
}

// wsEventTimeout(ms?): number | undefined. With an argument it sets: 0 is none.
void WsEventTimeout(const Arguments& args) {
  Call call(args);
  object::ObjectSockets* sockets = SocketsOf(call);
  if (sockets == nullptr) return;
  if (args[0]->IsNumber()) {
    uint32_t ms = static_cast<uint32_t>(call.Number(0));
    sockets->event_timeout_ms = ms == 0 ? std::nullopt : std::optional<uint32_t>(ms);
  }
  if (sockets->event_timeout_ms) args.GetReturnValue().Set(*sockets->event_timeout_ms);
}

}  // namespace

void AddWebSocketNatives(std::vector<js::NativeFunction>& natives) {
  natives.push_back({"wsPair", WsPair});
  natives.push_back({"wsAccept", WsAccept});
  natives.push_back({"wsGrip", WsGrip});
  natives.push_back({"wsSend", WsSend});
  natives.push_back({"wsClose", WsClose});
  natives.push_back({"wsDrop", WsDrop});
  natives.push_back({"wsBuffered", WsBuffered});
  natives.push_back({"wsHibernate", WsHibernate});
  natives.push_back({"wsList", WsList});
  natives.push_back({"wsTags", WsTags});
  natives.push_back({"wsAttachment", WsAttachment});
  natives.push_back({"wsAttach", WsAttach});
  natives.push_back({"wsSetAutoResponse", WsSetAutoResponse});
  natives.push_back({"wsAutoResponse", WsAutoResponse});
  natives.push_back({"wsAutoResponseTime", WsAutoResponseTime});
  natives.push_back({"wsEventTimeout", WsEventTimeout});
}

}  // namespace limpet::api
