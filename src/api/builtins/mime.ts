// MIME types: https://mimesniff.spec.whatwg.org/#parsing-a-mime-type
const kToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const kValue = /^[\t\x20-\x7e\x80-\xff]*$/;
const kBlanksAround = /^[\t\n\r ]+|[\t\n\r ]+$/g;

// The value of a quoted string that begins at `at`, and where it ends.
// https://fetch.spec.whatwg.org/#collect-an-http-quoted-string
function quoted(text: string, at: number): [value: string, end: number] {
  let value = "";
  let index = at + 1;
  for (; index < text.length && text[index] !== '"'; index++) {
    if (text[index] === "\\" && index + 1 < text.length) index++;
    value += text[index];
  }
  return [value, Math.min(index + 1, text.length)];
}

// The type as the standard writes it; undefined if it is none.
export function standardMimeType(given: string): string | undefined {
  const text = given.replace(kBlanksAround, "");
  const end = text.indexOf(";") < 0 ? text.length : text.indexOf(";"); // Of type and subtype.
  const slash = text.indexOf("/");
  if (slash < 0 || slash > end) return undefined;
  const type = text.slice(0, slash);
  const subtype = text.slice(slash + 1, end).replace(/[\t\n\r ]+$/, "");
  if (!kToken.test(type) || !kToken.test(subtype)) return undefined;
  const parameters = new Map<string, string>();
  for (let at = end + 1; at < text.length;) { // Step 11; `at` is behind a ";".
    while (/[\t\n\r ]/.test(text[at] ?? "")) at++;
    let stop = at;
    while (stop < text.length && text[stop] !== ";" && text[stop] !== "=") stop++;
    const name = text.slice(at, stop).toLowerCase();
    if (text[stop] !== "=") { // Without a value: nothing.
      at = stop + 1;
      continue;
    }
    let value: string;
    let isEmpty = false;
    if (text[stop + 1] === '"') {
      [value, stop] = quoted(text, stop + 1);
      while (stop < text.length && text[stop] !== ";") stop++;
    } else {
      const from = stop + 1;
      stop = text.indexOf(";", from) < 0 ? text.length : text.indexOf(";", from);
      value = text.slice(from, stop).replace(/[\t\n\r ]+$/, "");
      isEmpty = value === ""; // Of quoted ones "" is a value.
    }
    at = stop + 1;
    if (!isEmpty && kToken.test(name) && kValue.test(value) && !parameters.has(name)) parameters.set(name, value);
  }
  let written = `${type}/${subtype}`.toLowerCase();
  const separator = written.startsWith("multipart/") ? "; " : ";"; // As workerd has it.
  for (const [name, value] of parameters) {
    written += `${separator}${name}=${kToken.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`}`;
  }
  return written;
}
