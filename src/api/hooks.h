// The functions that the built-ins give to C++, by index. Same order as `Hooks` in builtins/native.d.ts.
#pragma once

namespace limpet::api {

enum Hook : int {
  kConfigure,
  kMakeEnv,
  kDispatchFetch,
  kConstructObject,
  kDispatchObjectFetch,
  kMakeError,
  kDescribeError,
  kDescribeModule,
  kBuiltinModule,
  kReadPump,
  kFetched,
  kFetchFailed,
  kInspect,
  kSocketEvent,
  kDispatchObjectSocket,
  kDispatchObjectAlarm,
  kDispatchRpc,
  kSetExports,
  kCompatibilityProblem,
  kRejected,
  kPackHost,
  kUnpackHost,
};
inline constexpr const char* kHookNames[] = {"configure",
                                             "makeEnv",
                                             "dispatchFetch",
                                             "constructObject",
                                             "dispatchObjectFetch",
                                             "makeError",
                                             "describeError",
                                             "describeModule",
                                             "builtinModule",
                                             "readPump",
                                             "fetched",
                                             "fetchFailed",
                                             "inspect",
                                             "socketEvent",
                                             "dispatchObjectSocket",
                                             "dispatchObjectAlarm",
                                             "dispatchRpc",
                                             "setExports",
                                             "compatibilityProblem",
                                             "rejected",
                                             "packHost",
                                             "unpackHost"};

}  // namespace limpet::api
