// Natives of TextDecoder for encodings other than UTF-8.
#include <cstring>

#include "api/native_list.h"
#include "api/values.h"
#include "js/owned_text.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

void ReturnTwoByte(const Info& info, const std::u16string& text) {
  v8::Local<v8::String> string;
  if (js::NewUtf16(info.GetIsolate(), text).ToLocal(&string)) info.GetReturnValue().Set(string);
}

// utf16Decode(bytes, bigEndian): string, with surrogates as they stand; an odd byte at the end is left out.
void Utf16Decode(const Info& info) {
  HeapView storage;
  BytesView bytes = Contents(info[0], storage);
  std::u16string text(bytes.size() / 2, u'\0');
  if (!text.empty()) std::memcpy(text.data(), bytes.data(), text.size() * 2);
  if (info[1]->IsTrue()) {
    for (char16_t& unit : text) unit = static_cast<char16_t>(unit << 8 | unit >> 8);
  }
  ReturnTwoByte(info, text);
}

// singleByteDecode(bytes, table): string. `table`: what the bytes from 128 on stand for, 128 characters.
void SingleByteDecode(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[1]->IsString() || info[1].As<v8::String>()->Length() != 128) return;
  uint16_t table[128];
  info[1].As<v8::String>()->WriteV2(isolate, 0, 128, table);
  HeapView storage;
  BytesView bytes = Contents(info[0], storage);
  std::u16string text(bytes.size(), u'\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto byte = static_cast<uint8_t>(bytes[i]);
    text[i] = byte < 128 ? byte : static_cast<char16_t>(table[byte - 128]);
  }
  ReturnTwoByte(info, text);
}

}  // namespace

void AddEncodingNatives(std::vector<js::NativeFunction>& to) {
  to.insert(to.end(), {{"utf16Decode", Utf16Decode}, {"singleByteDecode", SingleByteDecode}});
}

}  // namespace limpet::api
