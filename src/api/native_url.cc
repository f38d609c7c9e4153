// Natives about URLs: https://url.spec.whatwg.org through ada.
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "api/native_list.h"
#include "base/host_url.h"
#include "js/owned_text.h"

namespace limpet::api {
namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

class Url {
 public:
  static Url Parse(std::string_view input) { return Url(ada_parse(input.data(), input.size())); }
  static Url Parse(std::string_view input, std::string_view base) {
    return Url(ada_parse_with_base(input.data(), input.size(), base.data(), base.size()));
  }
  ~Url() { ada_free(url_); }
  Url(const Url&) = delete;
  Url& operator=(const Url&) = delete;
  bool valid() const { return ada_is_valid(url_); }
  ada_url get() const { return url_; }

 private:
  explicit Url(ada_url url) : url_(url) {}
  ada_url url_;
};

// False only for an href that does not parse; the other setters ignore what they can't use, as the standard says.
bool Set(const Url& url, std::string_view part, std::string_view value) {
  using Setter = bool (*)(ada_url, const char*, size_t);
  static constexpr std::pair<std::string_view, Setter> kSetters[] = {
      {"protocol", ada_set_protocol}, {"username", ada_set_username}, {"password", ada_set_password},
      {"host", ada_set_host},         {"hostname", ada_set_hostname}, {"port", ada_set_port},
      {"pathname", ada_set_pathname}};
  if (part == "href") return ada_set_href(url.get(), value.data(), value.size());
  if (part == "search") ada_set_search(url.get(), value.data(), value.size());
  if (part == "hash") ada_set_hash(url.get(), value.data(), value.size());
  for (const auto& [name, setter] : kSetters) {
    if (name == part) setter(url.get(), value.data(), value.size());
  }
  return true;
}

// The order that native.d.ts gives. A serialised URL is ASCII.
void ReturnParts(const Info& info, const Url& url) {
  using Getter = ada_string (*)(ada_url);
  static constexpr Getter kGetters[] = {ada_get_href,   ada_get_protocol, ada_get_username, ada_get_password,
                                        ada_get_host,   ada_get_hostname, ada_get_port,     ada_get_pathname,
                                        ada_get_search, ada_get_hash};
  v8::Isolate* isolate = info.GetIsolate();
  std::array<v8::Local<v8::Value>, std::size(kGetters) + 1> parts;
  size_t at = 0;
  for (Getter getter : kGetters) {
    ada_string text = getter(url.get());
    if (text.length > v8::String::kMaxLength) return js::ThrowRangeError(isolate, js::kTextTooLong);
    parts[at++] = js::FromLatin1(isolate, {text.data, text.length});
  }
  ada_owned_string origin = ada_get_origin(url.get());  // Shorter than the whole.
  parts[at++] = js::FromLatin1(isolate, {origin.data, origin.length});
  ada_free_owned_string(origin);
  info.GetReturnValue().Set(v8::Array::New(isolate, parts.data(), parts.size()));
}

void ReturnHref(const Info& info, const Url& url) {
  ada_string href = ada_get_href(url.get());
  v8::Local<v8::String> text;
  if (js::NewLatin1(info.GetIsolate(), {href.data, href.length}).ToLocal(&text)) info.GetReturnValue().Set(text);
}

void UrlParse(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  std::string input = js::ToUtf8(isolate, info[0]);
  Url url = info[1]->IsUndefined() ? Url::Parse(input) : Url::Parse(input, js::ToUtf8(isolate, info[1]));
  if (url.valid()) ReturnHref(info, url);
}

void UrlParts(const Info& info) {
  Url url = Url::Parse(js::ToUtf8(info.GetIsolate(), info[0]));
  if (url.valid()) ReturnParts(info, url);
}

void UrlSet(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  Url url = Url::Parse(js::ToUtf8(isolate, info[0]));
  if (!url.valid()) return;
  if (Set(url, js::ToUtf8(isolate, info[1]), js::ToUtf8(isolate, info[2]))) ReturnHref(info, url);
}

// The host as a URL would have it; "" if none would.
void DomainToAscii(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  std::string host = js::ToUtf8(isolate, info[0]);
  Url url = Url::Parse("ws://x");
  ada_string text{"", 0};
  if (ada_set_hostname(url.get(), host.data(), host.size())) text = ada_get_hostname(url.get());
  v8::Local<v8::String> made;
  if (js::NewLatin1(isolate, {text.data, text.length}).ToLocal(&made)) info.GetReturnValue().Set(made);
}

}  // namespace

void AddUrlNatives(std::vector<js::NativeFunction>& to) {
  to.insert(to.end(),
            {{"urlParse", UrlParse}, {"urlParts", UrlParts}, {"urlSet", UrlSet}, {"domainToAscii", DomainToAscii}});
}

}  // namespace limpet::api
