// Collecting the buffers that scripts have dropped, in time. V8 waits until 64 MiB of young ArrayBuffers lie about, and
// a script that gets a chunk after the other drops them as fast as it gets them: that is memory for nothing, none of it
// in the processor's caches any more. Thread: the isolate's.
#pragma once

#include <v8.h>

#include <cstddef>

namespace limpet::js {

// Call before a buffer of `bytes` is made. Making it then collects the young generation if there have been
// enough buffers since it was last collected.
void ExpectBuffer(v8::Isolate* isolate, size_t bytes);

}  // namespace limpet::js
