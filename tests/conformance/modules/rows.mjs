// Tables of cases, and what they share.
export const S = crypto.subtle;

// `count` bytes of one value.
export const u = (count, value = 0) => new Uint8Array(count).fill(value);
export const len = async (promise) => (await promise).byteLength;
export const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const unhex = (text) => Uint8Array.from(text.replaceAll(" ", "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
export const utf8 = (text) => new TextEncoder().encode(text);

// Makes something once, when the first case asks: keys can't be made while a file is only read for its list of cases.
export function once(make) {
  let made;
  return () => (made ??= make());
}

// What comes out of `action`: its value, or "DOMException NAME: MESSAGE" (or "NAME: MESSAGE") of what it throws.
export async function outcome(action) {
  try {
    return await action();
  } catch (error) {
    return `${error instanceof DOMException ? "DOMException " : ""}${error.name}: ${error.message}`;
  }
}

// A table of cases: { name: [action(keys), expected] }.
export function table(keys, rows) {
  const cases = {};
  for (const [name, [action, expect, ...rest]] of Object.entries(rows)) {
    cases[name] = { run: async () => outcome(async () => action(await keys())), expect, ...rest[0] };
  }
  return cases;
}
