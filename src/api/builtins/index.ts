// The built-ins of a Worker: bundled by build.mjs into one expression, `(native) => hooks`, that installs the globals.
import { inspect } from "./console";
import {
  cloudflareWorkers, constructObject, describeModule, dispatchFetch, dispatchObjectFetch, makeEnv,
} from "./entry";
import { describeError, makeError } from "./errors";
import { installGlobals } from "./globals";
import { fetched, fetchFailed } from "./fetch";
import type { Hooks, Native, Pump } from "./native.d";
import { setNative } from "./seam";

export default function install(native: Native): Hooks {
  setNative(native);
  installGlobals();
  return {
    configure() {}, // No built-in depends on the compatibility date yet.
    makeEnv,
    dispatchFetch,
    constructObject,
    dispatchObjectFetch,
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
  };
}
