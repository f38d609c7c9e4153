// What a declaration file of TypeScript declares for the global scope, read as text: prettier wrote it, so that a member
// begins at a known indentation and everything else is skipped by counting brackets.

// Comments and strings become blanks of the same length.
function blank(source) {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|`[^`]*`/g, (text) =>
    (/^["`]/.test(text) ? `"${"_".repeat(text.length - 2)}"` : text.replace(/[^\n]/g, " ")));
}

// Where the bracket that opens at `at` closes.
function closing(text, at) {
  let depth = 0;
  for (let index = at; index < text.length; index++) {
    if ("{([".includes(text[index])) depth++;
    if ("})]".includes(text[index]) && --depth === 0) return index;
  }
  throw new Error(`a bracket is not closed: ${text.slice(at, at + 80)}`);
}

// The names of a body's members: [{ name, isStatic }]. Private and protected ones, brands and signatures have none.
function membersOf(body) {
  const members = new Map();
  let at = 0;
  while (at < body.length) {
    const start = /\S/.exec(body.slice(at));
    if (!start) break;
    at += start.index;
    let end = at;
    while (end < body.length && body[end] !== ";") end = "{([".includes(body[end]) ? closing(body, end) + 1 : end + 1;
    const text = body.slice(at, end);
    const match = text.match(/^((?:export|declare|public|static|readonly|abstract|protected|private|get|set|const|function)\s+)*\[?([\w$.]+)\]?/);
    at = end + 1;
    if (!match) continue;
    const words = text.slice(0, match[0].length).split(/\s+/).slice(0, -1);
    const name = match[2];
    if (words.some((word) => ["protected", "private"].includes(word))) continue;
    if (/^(new|constructor|type|interface|prototype)$/.test(name) && /^(new|constructor|type|interface)\b|^prototype:/.test(text)) continue;
    if (name.includes(".") && !name.startsWith("Symbol.")) continue;
    if (/^\[\s*\w+\s*:/.test(text)) continue;
    members.set(`${words.includes("static")}:${name}`, { name, isStatic: words.includes("static") });
  }
  return [...members.values()];
}

// { classes: Map name → { members, extends, constructible, isClass }, functions: [name], values: Map name → type }
export function readDeclarations(source) {
  const text = blank(source);
  const classes = new Map();
  const functions = new Set();
  const values = new Map();
  const ofClass = (name) => {
    if (!classes.has(name)) classes.set(name, { members: [], statics: [], bases: [], constructible: false, isGlobal: false });
    return classes.get(name);
  };
  const pattern = /^(declare\s+)?(?:(abstract\s+)?(class|interface|namespace|function|const|var)|module)\s+([\w$]+|"_*")/gm;
  for (let match; (match = pattern.exec(text));) {
    const [, , abstract, kind, name] = match;
    if (kind === "function") {
      functions.add(name);
      continue;
    }
    if (kind === "const" || kind === "var") {
      const rest = text.slice(pattern.lastIndex).replace(/^\s*:\s*/, "");
      if (!rest.startsWith("{")) {
        values.set(name, rest.match(/^[\w$.]+/)?.[0] ?? "");
        continue;
      }
      const body = rest.slice(1, closing(rest, 0));
      const own = ofClass(name);
      own.isGlobal = true;
      own.constructible ||= /\bnew\b/.test(body);
      own.statics.push(...membersOf(body).map((each) => each.name));
      continue;
    }
    // The head may hold type parameters with braces: the body is the first "{" outside of angle brackets.
    let open = pattern.lastIndex;
    for (let depth = 0; text[open] !== "{" || depth > 0; open++) {
      if (text[open] === "<") depth++;
      if (text[open] === ">" && text[open - 1] !== "=") depth--;
    }
    const close = closing(text, open);
    const [head, body] = [text.slice(pattern.lastIndex, open), text.slice(open + 1, close)];
    pattern.lastIndex = close;
    if (kind !== "class" && kind !== "interface") continue; // Namespaces and modules are listed by hand.
    const own = ofClass(name);
    const base = head.replace(/<[^<>]*>/g, "").match(/extends\s+([\w$]+)\s*(?:<|$|implements)/)?.[1] ?? head.match(/\bextends\s+([\w$]+)[^,]*$/)?.[1];
    if (base && classes.has(base)) own.bases.push(base);
    if (kind === "class") {
      own.isGlobal = true;
      own.constructible ||= abstract === undefined;
    }
    for (const { name: member, isStatic } of membersOf(body)) (isStatic ? own.statics : own.members).push(member);
  }
  return { classes, functions: [...functions], values };
}
