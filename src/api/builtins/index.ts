// The built-ins of a Worker: bundled by build.mjs into one expression, `(native) => hooks`, that installs the globals.
import { configure } from "./compatibility";
import { inspect } from "./console";
import {
  cloudflareWorkers, constructObject, describeModule, dispatchFetch, dispatchObjectFetch, dispatchObjectSocket,
  makeEnv,
} from "./entry";
import { describeError, makeError } from "./errors";
import { installGlobals } from "./globals";
import { fetched, fetchFailed } from "./fetch";
import type { Hooks, Native, Pump } from "./native.d";
import { setNative } from "./seam";
import { socketEvent } from "./websocket";

export default function install(native: Native): Hooks {
  setNative(native);
  installGlobals();
  return {
    configure,
    makeEnv,
    dispatchFetch,
    constructObject,
    dispatchObjectFetch: dispatchObjectFetch as Hooks["dispatchObjectFetch"],
    makeError,
    describeError,
    describeModule,
    cloudflareWorkers,
    readPump(pump: Pump, done, fail) {
      pump.read().then(done, fail);
    },
    fetched,
    fetchFailed,
    inspect,
    socketEvent,
    dispatchObjectSocket: dispatchObjectSocket as Hooks["dispatchObjectSocket"],
  };
}
