// The built-ins of a Worker: bundled by build.mjs into one expression, `(native) => hooks`, that installs the globals.
import { packHost, unpackHost } from "./clone";
import { compatibilityProblem, isOn, setCompatibility } from "./compatibility";
import { inspect } from "./console";
import {
  builtinModule, constructObject, describeModule, dispatchFetch, dispatchObjectAlarm, dispatchObjectFetch, dispatchObjectSocket,
  dispatchCall, dispatchPreShutdown, dispatchRpc, dispatchScheduled, dispatchTail, makeEnv, setExports,
} from "./entry";
import { describeError, makeError } from "./errors";
import { rejected, trimScope } from "./global_scope";
import { installGlobals, trimNavigator } from "./globals";
import "./rpc_local";
import { fetched, fetchFailed } from "./fetch";
import { trimHeaders } from "./headers";
import type { Hooks, Native, Pump } from "./native.d";
import { applyOldDates } from "./old_dates";
import { trimPerformance } from "./performance";
import { Client, PlainCall } from "./rpc_ends";
import { Session } from "./rpc_session";
import { setNative } from "./seam";
import { prepareStack } from "./stack_traces";
import { socketEvent } from "./websocket";

const isRpc = (state: object): state is Client | PlainCall => state instanceof PlainCall || state instanceof Client;

export default function install(native: Native): Hooks {
  setNative(native);
  installGlobals();
  return {
    configure(date, flags) {
      setCompatibility(date, flags);
      trimScope();
      trimNavigator();
      trimPerformance();
      trimHeaders();
      applyOldDates();
      native.allowEval(isOn("allow_eval_during_startup"));
      native.requireExports(isOn("export_commonjs_default"));
    },
    makeEnv,
    dispatchFetch,
    constructObject,
    dispatchObjectFetch: dispatchObjectFetch as Hooks["dispatchObjectFetch"],
    makeError,
    describeError,
    describeModule,
    builtinModule,
    readPump(pump: Pump, done, fail) {
      pump.read().then(done, fail);
    },
    fetched(state, status, statusText, headers, body, socket) {
      return isRpc(state) ? state.answered(status, statusText, headers, body, socket)
        : fetched(state, status, statusText, headers, body, socket);
    },
    fetchFailed(state, name, message, flags, details) {
      return isRpc(state) ? state.unanswered(name, message, flags) : fetchFailed(state, name, message, flags, details);
    },
    inspect,
    socketEvent(target, kind, first, reason, clean) {
      if (target instanceof Session) target.event(kind, first, reason, clean);
      else socketEvent(target, kind, first, reason, clean);
    },
    dispatchObjectSocket: dispatchObjectSocket as Hooks["dispatchObjectSocket"],
    dispatchObjectAlarm: dispatchObjectAlarm as Hooks["dispatchObjectAlarm"],
    dispatchRpc: dispatchRpc as Hooks["dispatchRpc"],
    dispatchCall: dispatchCall as Hooks["dispatchCall"],
    callReturned(state, value) {
      (state as PlainCall).returned(value);
    },
    setExports,
    compatibilityProblem,
    rejected: rejected as Hooks["rejected"],
    packHost,
    unpackHost,
    prepareStack: prepareStack as Hooks["prepareStack"],
    dispatchPreShutdown: dispatchPreShutdown as Hooks["dispatchPreShutdown"],
    dispatchScheduled,
    dispatchTail,
  };
}
