// Methods of the platform's classes refuse a `this` that is none of theirs, before they look at anything else, as methods of
// native classes do: `const { get } = storage; get("a")` throws "Illegal invocation: …" at once.
//
// The check is put into the bundle: every method and accessor of a class that is given to platform() and has a private member
// begins with it. V8 makes one comparison of maps of it. A class whose methods serve other objects, too, has no private
// members or is one of kLenient.
import { parse } from "acorn";

const kLenient = new Set(["Fetcher"]); // Those of ctx.exports are functions.

function* nodesOf(node) {
  if (typeof node?.type !== "string") return;
  yield node;
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) for (const each of value) yield* nodesOf(each);
    else if (value !== null && typeof value === "object") yield* nodesOf(value);
  }
}

// What a script can call: not what internal symbols name.
function isPublic(member) {
  if (member.type !== "MethodDefinition" || member.static || member.kind === "constructor") return false;
  if (member.computed) return member.key.type === "MemberExpression" && member.key.object.name === "Symbol";
  return member.key.type !== "PrivateIdentifier";
}

export function withReceiverChecks(source) {
  const nodes = [...nodesOf(parse(source, { ecmaVersion: "latest" }))];
  const platform = new Set(); // The classes' names in the bundle.
  for (const { type, callee, arguments: [given] = [] } of nodes) {
    if (type !== "CallExpression" || callee.name !== "platform" || given?.type !== "ObjectExpression") continue;
    for (const { key, value } of given.properties) if (!kLenient.has(key.name)) platform.add(value.name);
  }
  const checks = [];
  const check = (name, { body }) => {
    if (!platform.has(name)) return;
    const mark = body.body.find(({ key, static: shared }) => key?.type === "PrivateIdentifier" && !shared)?.key.name;
    if (mark === undefined) return;
    for (const member of body.body.filter(isPublic)) {
      checks.push([member.value.body.start + 1, `if(!this||typeof this!=="object"||!(#${mark} in this))throw illegalInvocation();`]);
    }
  };
  for (const node of nodes) {
    if (node.type === "VariableDeclarator" && node.init?.type === "ClassExpression") check(node.id.name, node.init);
    if (node.type === "ClassDeclaration") check(node.id.name, node);
  }
  if (checks.length === 0 || !source.includes("function illegalInvocation()")) throw new Error("the bundle looks different: see receivers.mjs");
  let [text, from] = ["", 0];
  for (const [at, addition] of checks.sort(([a], [b]) => a - b)) {
    text += source.slice(from, at) + addition;
    from = at;
  }
  return text + source.slice(from);
}
