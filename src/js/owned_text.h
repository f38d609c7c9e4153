// Strings whose characters stay outside of the heap, where they were gathered: a text of megabytes is neither copied
// nor paged in a second time. Thread: the isolate's.
#pragma once

#include <v8.h>

#include <memory>

namespace limpet::js {

// `text` is memory of this isolate's, not empty, ASCII, and not longer than v8::String::kMaxLength. It counts against
// the isolate's limit and as a reason to collect garbage, as a buffer does. Empty: an exception is pending.
v8::MaybeLocal<v8::String> NewOwnedText(v8::Isolate* isolate, std::unique_ptr<v8::BackingStore> text);

}  // namespace limpet::js
