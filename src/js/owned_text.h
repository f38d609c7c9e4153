// Strings of any length, which a script may decide: what V8's strings can't hold is a RangeError. And strings whose
// characters stay outside of the heap, where they were gathered: a text of megabytes is neither copied nor paged in a
// second time. Thread: the isolate's.
#pragma once

#include <v8.h>

#include <memory>
#include <string_view>

namespace limpet::js {

inline constexpr char kTextTooLong[] = "String is too long for a V8 string";

// Of bytes of which each is a character, of UTF-8, where V8 replaces what is malformed, and of UTF-16, whose
// surrogates stay as they stand. Empty: a RangeError is pending.
v8::MaybeLocal<v8::String> NewLatin1(v8::Isolate* isolate, std::string_view text);
v8::MaybeLocal<v8::String> NewUtf8(v8::Isolate* isolate, std::string_view text);
v8::MaybeLocal<v8::String> NewUtf16(v8::Isolate* isolate, std::u16string_view text);

// `text` is memory of this isolate's, not empty, ASCII, and not longer than v8::String::kMaxLength. It counts against
// the isolate's limit and as a reason to collect garbage, as a buffer does. Empty: an exception is pending.
v8::MaybeLocal<v8::String> NewOwnedText(v8::Isolate* isolate, std::unique_ptr<v8::BackingStore> text);

}  // namespace limpet::js
