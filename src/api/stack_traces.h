// Stacks of errors as scripts see them: without the frames of the built-ins (builtins/stack_traces.ts).
#pragma once

#include <v8.h>

namespace limpet::api {

// Once per isolate, before a script runs. Costs nothing until a stack is read.
void HideBuiltinFrames(v8::Isolate* isolate);

}  // namespace limpet::api
