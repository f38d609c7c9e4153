// ada (https://url.spec.whatwg.org), which the host exports with a C interface and no header: what of it is used here.
// Pure, on any thread; a parsed URL belongs to whoever parsed it, until ada_free.
#pragma once

#include <cstddef>

extern "C" {
struct ada_string {  // Belongs to the URL; valid until it changes.
  const char* data;
  size_t length;
};
struct ada_owned_string {
  const char* data;
  size_t length;
};
using ada_url = void*;
#define LIMPET_HOST __attribute__((visibility("default")))
LIMPET_HOST ada_url ada_parse(const char* input, size_t length);  // Never null: ask ada_is_valid.
LIMPET_HOST ada_url ada_parse_with_base(const char* input, size_t length, const char* base, size_t base_length);
LIMPET_HOST bool ada_is_valid(ada_url url);
LIMPET_HOST void ada_free(ada_url url);
LIMPET_HOST void ada_free_owned_string(ada_owned_string text);
LIMPET_HOST ada_owned_string ada_get_origin(ada_url url);
LIMPET_HOST ada_string ada_get_href(ada_url url);
LIMPET_HOST ada_string ada_get_protocol(ada_url url);
LIMPET_HOST ada_string ada_get_username(ada_url url);
LIMPET_HOST ada_string ada_get_password(ada_url url);
LIMPET_HOST ada_string ada_get_host(ada_url url);
LIMPET_HOST ada_string ada_get_hostname(ada_url url);
LIMPET_HOST ada_string ada_get_port(ada_url url);
LIMPET_HOST ada_string ada_get_pathname(ada_url url);
LIMPET_HOST ada_string ada_get_search(ada_url url);
LIMPET_HOST ada_string ada_get_hash(ada_url url);
LIMPET_HOST bool ada_set_href(ada_url url, const char* value, size_t length);
LIMPET_HOST bool ada_set_protocol(ada_url url, const char* value, size_t length);
LIMPET_HOST bool ada_set_username(ada_url url, const char* value, size_t length);
LIMPET_HOST bool ada_set_password(ada_url url, const char* value, size_t length);
LIMPET_HOST bool ada_set_host(ada_url url, const char* value, size_t length);
LIMPET_HOST bool ada_set_hostname(ada_url url, const char* value, size_t length);
LIMPET_HOST bool ada_set_port(ada_url url, const char* value, size_t length);
LIMPET_HOST bool ada_set_pathname(ada_url url, const char* value, size_t length);
LIMPET_HOST void ada_set_search(ada_url url, const char* value, size_t length);
LIMPET_HOST void ada_set_hash(ada_url url, const char* value, size_t length);
#undef LIMPET_HOST
}
