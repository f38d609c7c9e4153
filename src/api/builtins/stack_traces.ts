// The text of an error's stack: frames of the built-ins are left out, as workerd has none. V8 asks when the stack is read for
// the first time; what a script sets as Error.prepareStackTrace is asked then, as without us.
const kBuiltins = "limpet:builtins"; // As js/snapshot.cc names them.
const { apply } = Reflect;
const NativeError = Error as ErrorConstructor & { prepareStackTrace?: unknown };

interface Site { getFileName(): string | null | undefined }

export function prepareStack(error: any, sites: Site[]): unknown {
  const all: Site[] = [];
  let hidden = false; // The caller's frame is.
  for (let index = sites.length - 1; index >= 0; index--) {
    const file = sites[index]!.getFileName();
    // A function of V8's own belongs to who calls it.
    if (typeof file === "string" || !hidden) hidden = file === kBuiltins;
    if (!hidden) all[all.length] = sites[index]!;
  }
  const shown: Site[] = [];
  for (let index = all.length - 1; index >= 0; index--) shown[shown.length] = all[index]!;
  const prepare = NativeError.prepareStackTrace;
  if (typeof prepare === "function") return apply(prepare, NativeError, [error, shown]);
  let text = titleOf(error);
  for (let index = 0; index < shown.length; index++) text += `\n    at ${shown[index]}`;
  return text;
}

// Error.prototype.toString, which a script may have replaced.
function titleOf(error: any): string {
  try {
    const name = error.name === undefined ? "Error" : `${error.name}`;
    const message = error.message === undefined ? "" : `${error.message}`;
    return name === "" ? message : message === "" ? name : `${name}: ${message}`;
  } catch {
    return "<error>";
  }
}
