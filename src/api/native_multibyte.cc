// The native of TextDecoder for encodings with several bytes a character: the decoders of
// https://encoding.spec.whatwg.org/#legacy-multi-byte-chinese-(simplified)-encodings and the sections behind it. Each
// step takes one character, or one error, from the front of the input.
#include <algorithm>
#include <string>

#include "api/encoding_tables.h"
#include "api/native_list.h"
#include "api/values.h"
#include "js/owned_text.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

// As builtins/text_labels.ts numbers them.
enum Encoding : uint32_t { kGb, kBig, kEucJp, kIso2022Jp, kShiftJis, kEucKorean };

constexpr char32_t kError = 0xFFFFFFFF;  // U+FFFD, and an exception if the decoder is fatal.
constexpr char32_t kNothing = 0xFFFFFFFE;

// What the front of the input is: `used` bytes that stand for `point`. `used` 0: more bytes must come first.
struct Step {
  size_t used = 0;
  char32_t point = kNothing;
};
constexpr Step kNeedMore{};

struct Input {
  const uint8_t* bytes;
  size_t size;
  bool finish;  // Nothing comes behind it.
  uint8_t operator[](size_t index) const { return bytes[index]; }
};

bool In(uint32_t value, uint32_t low, uint32_t high) { return value >= low && value <= high; }

template <typename T>
char32_t Look(const T* table, size_t count, size_t pointer) {
  return pointer < count && table[pointer] != 0 ? table[pointer] : kError;
}

// The end of a step with two bytes: an ASCII byte that does not belong to the first is not used up.
Step TwoBytes(char32_t point, uint8_t second) {
  return {point == kError && second < 0x80 ? size_t{1} : size_t{2}, point};
}

// A character is cut off at the end of the input.
Step CutOff(const Input& in) { return in.finish ? Step{in.size, kError} : kNeedMore; }

char32_t GbRange(uint32_t pointer) {
  if (In(pointer, 39420, 188999) || pointer > 1237575) return kError;
  if (pointer == 7457) return 0xE7C7;
  size_t at = 0;
  while (at + 2 < kGb18030RangesCount && kGb18030Ranges[at + 2] <= pointer) at += 2;
  return kGb18030Ranges[at + 1] + pointer - kGb18030Ranges[at];
}

// https://encoding.spec.whatwg.org/#gb18030-decoder
Step Gb18030(const Input& in) {
  uint8_t first = in[0];
  if (first < 0x80) return {1, first};
  if (first == 0x80) return {1, 0x20AC};
  if (first == 0xFF) return {1, kError};
  if (in.size < 2) return CutOff(in);
  uint8_t second = in[1];
  if (In(second, 0x30, 0x39)) {
    if (in.size < 3) return CutOff(in);
    if (!In(in[2], 0x81, 0xFE)) return {1, kError};
    if (in.size < 4) return CutOff(in);
    if (!In(in[3], 0x30, 0x39)) return {1, kError};
    uint32_t pointer = ((first - 0x81u) * 10 + second - 0x30u) * 1260 + (in[2] - 0x81u) * 10 + in[3] - 0x30u;
    return {4, GbRange(pointer)};
  }
  char32_t point = kError;
  if (In(second, 0x40, 0x7E) || In(second, 0x80, 0xFE)) {
    point = Look(kGb18030, kGb18030Count, (first - 0x81u) * 190 + second - (second < 0x7F ? 0x40u : 0x41u));
  }
  return TwoBytes(point, second);
}

// https://encoding.spec.whatwg.org/#big5-decoder. The four pointers that stand for two characters are told by the
// first, with the second in the upper half.
constexpr uint32_t kSecondShift = 21;
Step Big5(const Input& in) {
  uint8_t lead = in[0];
  if (lead < 0x80) return {1, lead};
  if (!In(lead, 0x81, 0xFE)) return {1, kError};
  if (in.size < 2) return CutOff(in);
  uint8_t trail = in[1];
  if (!In(trail, 0x40, 0x7E) && !In(trail, 0xA1, 0xFE)) return TwoBytes(kError, trail);
  uint32_t pointer = (lead - 0x81u) * 157 + trail - (trail < 0x7F ? 0x40u : 0x62u);
  switch (pointer) {
    case 1133: return {2, 0xCA | 0x304 << kSecondShift};
    case 1135: return {2, 0xCA | 0x30C << kSecondShift};
    case 1164: return {2, 0xEA | 0x304 << kSecondShift};
    case 1166: return {2, 0xEA | 0x30C << kSecondShift};
    default: return TwoBytes(Look(kBig5, kBig5Count, pointer), trail);
  }
}

// https://encoding.spec.whatwg.org/#euc-jp-decoder
Step EucJp(const Input& in) {
  uint8_t lead = in[0];
  if (lead < 0x80) return {1, lead};
  if (lead != 0x8E && lead != 0x8F && !In(lead, 0xA1, 0xFE)) return {1, kError};
  if (in.size < 2) return CutOff(in);
  uint8_t second = in[1];
  if (lead == 0x8E && In(second, 0xA1, 0xDF)) return {2, 0xFF61u - 0xA1 + second};
  if (lead == 0x8F && In(second, 0xA1, 0xFE)) {
    if (in.size < 3) return CutOff(in);
    char32_t point = kError;
    if (In(in[2], 0xA1, 0xFE)) point = Look(kJis0212, kJis0212Count, (second - 0xA1u) * 94 + in[2] - 0xA1u);
    Step step = TwoBytes(point, in[2]);
    return {step.used + 1, step.point};
  }
  char32_t point = kError;
  if (In(lead, 0xA1, 0xFE) && In(second, 0xA1, 0xFE)) {
    point = Look(kJis0208, kJis0208Count, (lead - 0xA1u) * 94 + second - 0xA1u);
  }
  return TwoBytes(point, second);
}

// https://encoding.spec.whatwg.org/#shift_jis-decoder
Step ShiftJis(const Input& in) {
  uint8_t lead = in[0];
  if (lead <= 0x80) return {1, lead};
  if (In(lead, 0xA1, 0xDF)) return {1, 0xFF61u - 0xA1 + lead};
  if (!In(lead, 0x81, 0x9F) && !In(lead, 0xE0, 0xFC)) return {1, kError};
  if (in.size < 2) return CutOff(in);
  uint8_t trail = in[1];
  if (!In(trail, 0x40, 0x7E) && !In(trail, 0x80, 0xFC)) return TwoBytes(kError, trail);
  uint32_t pointer = (lead - (lead < 0xA0 ? 0x81u : 0xC1u)) * 188 + trail - (trail < 0x7F ? 0x40u : 0x41u);
  if (In(pointer, 8836, 10715)) return {2, 0xE000 - 8836 + pointer};
  return TwoBytes(Look(kJis0208, kJis0208Count, pointer), trail);
}

// https://encoding.spec.whatwg.org/#euc-kr-decoder
Step EucKr(const Input& in) {
  uint8_t lead = in[0];
  if (lead < 0x80) return {1, lead};
  if (!In(lead, 0x81, 0xFE)) return {1, kError};
  if (in.size < 2) return CutOff(in);
  char32_t point = kError;
  if (In(in[1], 0x41, 0xFE)) point = Look(kEucKr, kEucKrCount, (lead - 0x81u) * 190 + in[1] - 0x41u);
  return TwoBytes(point, in[1]);
}

// https://encoding.spec.whatwg.org/#iso-2022-jp-decoder, the one with a state that outlasts a character.
struct Iso2022Jp {
  enum Mode : uint32_t { kAscii, kRoman, kKatakana, kDouble };
  uint32_t mode = kAscii;
  bool escaped = false;  // An escape sequence came last: another one is an error.

  Step Escape(const Input& in) {
    if (in.size < 3 && !in.finish && (in.size < 2 || in[1] == 0x24 || in[1] == 0x28)) return kNeedMore;
    uint32_t next = kDouble + 1;
    if (in.size >= 3) {
      if (in[1] == 0x28) next = in[2] == 0x42 ? kAscii : in[2] == 0x4A ? kRoman : in[2] == 0x49 ? kKatakana : next;
      if (in[1] == 0x24 && (in[2] == 0x40 || in[2] == 0x42)) next = kDouble;
    }
    if (next > kDouble) {
      escaped = false;
      return {1, kError};
    }
    mode = next;
    return {3, std::exchange(escaped, true) ? kError : kNothing};
  }

  Step Next(const Input& in) {
    uint8_t byte = in[0];
    if (byte == 0x1B) return Escape(in);
    if (mode == kDouble && In(byte, 0x21, 0x7E)) {
      if (in.size < 2 && !in.finish) return kNeedMore;
      escaped = false;
      if (in.size < 2 || in[1] == 0x1B) return {1, kError};
      if (!In(in[1], 0x21, 0x7E)) return {2, kError};
      return {2, Look(kJis0208, kJis0208Count, (byte - 0x21u) * 94 + in[1] - 0x21u)};
    }
    escaped = false;
    if (mode == kDouble) return {1, kError};
    if (mode == kKatakana) return {1, In(byte, 0x21, 0x5F) ? 0xFF61u - 0x21 + byte : kError};
    if (byte >= 0x80 || byte == 0x0E || byte == 0x0F) return {1, kError};
    if (mode == kRoman && byte == 0x5C) return {1, 0xA5};
    if (mode == kRoman && byte == 0x7E) return {1, 0x203E};
    return {1, byte};
  }
};

Step NextOf(uint32_t encoding, Iso2022Jp& iso, const Input& in) {
  switch (encoding) {
    case kGb: return Gb18030(in);
    case kBig: return Big5(in);
    case kEucJp: return EucJp(in);
    case kIso2022Jp: return iso.Next(in);
    case kShiftJis: return ShiftJis(in);
    default: return EucKr(in);
  }
}

void Append(std::u16string& text, char32_t point) {
  if (point > 0xFFFF) {
    text.push_back(static_cast<char16_t>(0xD7C0 + (point >> 10)));
    text.push_back(static_cast<char16_t>(0xDC00 | (point & 0x3FF)));
  } else {
    text.push_back(static_cast<char16_t>(point));
  }
}

// multiByteDecode(encoding, bytes, finish, state): [text, used, state, failed]. What was not used belongs in front of
// the next piece. `state` is 0 at the start.
void MultiByteDecode(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsUint32() || !info[3]->IsUint32()) return;
  uint32_t encoding = info[0].As<v8::Uint32>()->Value();
  uint32_t state = info[3].As<v8::Uint32>()->Value();
  Iso2022Jp iso{state & 3, (state & 4) != 0};
  HeapView storage;
  BytesView bytes = Contents(info[1], storage);
  std::u16string text;
  text.reserve(bytes.size());
  bool failed = false;
  size_t at = 0;
  while (at < bytes.size()) {
    Step step = NextOf(encoding, iso,
                       {reinterpret_cast<const uint8_t*>(bytes.data()) + at, bytes.size() - at, info[2]->IsTrue()});
    if (step.used == 0) break;
    at += step.used;
    if (step.point == kNothing) continue;
    if (step.point == kError) {
      failed = true;
      text.push_back(u'\uFFFD');
    } else {
      Append(text, step.point & ((1u << kSecondShift) - 1));
      if (step.point >> kSecondShift != 0) Append(text, step.point >> kSecondShift);
    }
  }
  v8::Local<v8::String> string;
  if (!js::NewUtf16(isolate, text).ToLocal(&string)) return;
  v8::Local<v8::Value> parts[] = {string, v8::Number::New(isolate, static_cast<double>(at)),
                                  v8::Integer::NewFromUnsigned(isolate, iso.mode | (iso.escaped ? 4u : 0u)),
                                  v8::Boolean::New(isolate, failed)};
  info.GetReturnValue().Set(v8::Array::New(isolate, parts, std::size(parts)));
}

}  // namespace

void AddMultiByteNatives(std::vector<js::NativeFunction>& to) { to.push_back({"multiByteDecode", MultiByteDecode}); }

}  // namespace limpet::api
