#include "js/owned_text.h"

#include <utility>

#include "js/isolate.h"
#include "js/isolate_state.h"

namespace limpet::js {

// V8 leaves some of them behind at the end of an isolate (the leak checker saw it): all are in a list of the isolate's.
class OwnedText final : public v8::String::ExternalOneByteStringResource {
 public:
  OwnedText(IsolateState& state, std::unique_ptr<v8::BackingStore> text)
      : state_(state), text_(std::move(text)), next_(state.texts) {
    if (next_ != nullptr) next_->previous_ = this;
    state_.texts = this;
  }
  ~OwnedText() override {
    (previous_ != nullptr ? previous_->next_ : state_.texts) = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
  }
  const char* data() const override { return static_cast<const char*>(text_->Data()); }
  size_t length() const override { return text_->ByteLength(); }

  void Count() { state_.isolate->AdjustAmountOfExternalAllocatedMemory(static_cast<int64_t>(length())); }

 protected:
  // By V8, in a collection or at the end of the isolate.
  void Dispose() override {
    if (!state_.disposing) state_.isolate->AdjustAmountOfExternalAllocatedMemory(-static_cast<int64_t>(length()));
    delete this;
  }

 private:
  IsolateState& state_;
  std::unique_ptr<v8::BackingStore> text_;
  OwnedText* previous_ = nullptr;
  OwnedText* next_;
};

namespace {

// What `make` makes of so many characters or bytes; longer than any string: throws.
template <typename Make>
v8::MaybeLocal<v8::String> NewText(v8::Isolate* isolate, size_t size, Make make) {
  v8::Local<v8::String> string;
  if (size > v8::String::kMaxLength || !make(static_cast<int>(size)).ToLocal(&string)) {
    ThrowRangeError(isolate, kTextTooLong);
    return {};
  }
  return string;
}

}  // namespace

v8::MaybeLocal<v8::String> NewLatin1(v8::Isolate* isolate, std::string_view text) {
  return NewText(isolate, text.size(), [&](int size) {
    const auto* data = reinterpret_cast<const uint8_t*>(text.data());
    return v8::String::NewFromOneByte(isolate, data, v8::NewStringType::kNormal, size);
  });
}

v8::MaybeLocal<v8::String> NewUtf8(v8::Isolate* isolate, std::string_view text) {
  return NewText(isolate, text.size(), [&](int size) {
    return v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal, size);
  });
}

v8::MaybeLocal<v8::String> NewUtf16(v8::Isolate* isolate, std::u16string_view text) {
  return NewText(isolate, text.size(), [&](int size) {
    const auto* data = reinterpret_cast<const uint16_t*>(text.data());
    return v8::String::NewFromTwoByte(isolate, data, v8::NewStringType::kNormal, size);
  });
}

v8::MaybeLocal<v8::String> NewOwnedText(v8::Isolate* isolate, std::unique_ptr<v8::BackingStore> text) {
  auto* owned = new OwnedText(IsolateState::From(isolate), std::move(text));
  v8::Local<v8::String> string;
  if (!v8::String::NewExternalOneByte(isolate, owned).ToLocal(&string)) {
    delete owned;  // V8 takes it over on success alone.
    return {};
  }
  owned->Count();
  return string;
}

void IsolateState::DropTexts() {
  while (texts != nullptr) delete texts;
}

}  // namespace limpet::js
