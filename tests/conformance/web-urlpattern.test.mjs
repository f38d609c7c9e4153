// URLPattern: its parts, matches, errors.
import { worker } from "./lib.mjs";
import { once, table } from "./modules/rows.mjs";

const all = (p) => [p.protocol, p.username, p.password, p.hostname, p.port, p.pathname, p.search, p.hash, p.hasRegExpGroups];
const p = globalThis.URLPattern && new URLPattern({ pathname: "/books/:id/:rest*" });

const cases = table(once(async () => ({})), {
  "of a dictionary": [() => all(new URLPattern({ pathname: "/books/:id" })), ["*", "*", "*", "*", "*", "/books/:id", "*", "*", false]],
  "of a text": [() => all(new URLPattern("https://example.com/books/:id(\\d+)?q=*#h")), ["https", "*", "*", "example.com", "", "/books/:id(\\d+)?q=*", "", "h", true]],
  "of a text and a base": [() => all(new URLPattern("/books/:id", "https://example.com")), ["https", "*", "*", "example.com", "", "/books/:id", "*", "*", false]],
  "of nothing": [() => all(new URLPattern()), ["*", "*", "*", "*", "*", "*", "*", "*", false]],
  "of an empty dictionary": [() => all(new URLPattern({})), ["*", "*", "*", "*", "*", "*", "*", "*", false]],
  "with wildcards": [() => all(new URLPattern("https://*.example.com/*")), ["https", "*", "*", "*.example.com", "", "/*", "*", "*", false]],
  "with optional parts": [() => all(new URLPattern({ hostname: "{:sub.}?example.com", port: "443", protocol: "http{s}?" })), ["http{s}?", "*", "*", "{:sub.}?example.com", "443", "*", "*", "*", false]],
  "of a dictionary with a base": [() => all(new URLPattern({ pathname: "/foo/bar", baseURL: "https://user:pw@x.com:8080/a/b?c#d" })), ["https", "*", "*", "x.com", "8080", "/foo/bar", "*", "*", false]],
  "ignoring case": [() => new URLPattern({ pathname: "/A" }, { ignoreCase: true }).test({ pathname: "/a" }), true],
  "ignoring case, with a base": [() => new URLPattern("/A", "https://x.com", { ignoreCase: true }).test("https://x.com/a"), true],
  "relative, without a base": [() => new URLPattern("/books"), "TypeError: Failed to construct URLPattern"],
  "with an open group": [() => new URLPattern({ pathname: "/(" }), "TypeError: Failed to construct URLPattern"],
  "with a bad regular expression": [() => new URLPattern({ pathname: "/([)" }), "TypeError: Failed to construct URLPattern"],
  "with a name twice": [() => new URLPattern({ pathname: "/:a/:a" }), "TypeError: Failed to construct URLPattern"],
  "of null": [() => new URLPattern(null), {  }],
  "of a number": [() => new URLPattern(5), "TypeError: Failed to construct URLPattern"],
  "of a dictionary and a base": [() => new URLPattern({ pathname: "/a" }, "https://x.com"), "TypeError: Failed to construct URLPattern"],
  "with a bad base": [() => new URLPattern("/a", "nope"), "TypeError: Failed to construct URLPattern"],
  "exec without a match": [() => p.exec("https://example.com/nope"), null],
  "exec of nothing": [() => p.exec(), null],
  "exec of a dictionary": [() => JSON.parse(JSON.stringify(p.exec({ pathname: "/books/5" }))), { inputs: [{ pathname: "/books/5" }], protocol: { input: "", groups: { 0: "" } }, username: { input: "", groups: { 0: "" } }, password: { input: "", groups: { 0: "" } }, hostname: { input: "", groups: { 0: "" } }, port: { input: "", groups: { 0: "" } }, pathname: { input: "/books/5", groups: { id: "5" } }, search: { input: "", groups: { 0: "" } }, hash: { input: "", groups: { 0: "" } } }],
  "exec with a base": [() => p.exec("/books/7", "https://e.com"), { inputs: ["/books/7", "https://e.com"], protocol: { input: "https", groups: { 0: "https" } }, username: { input: "", groups: { 0: "" } }, password: { input: "", groups: { 0: "" } }, hostname: { input: "e.com", groups: { 0: "e.com" } }, port: { input: "", groups: { 0: "" } }, pathname: { input: "/books/7", groups: { rest: undefined, id: "7" } }, search: { input: "", groups: { 0: "" } }, hash: { input: "", groups: { 0: "" } } }],
  "exec of what is no URL": [() => p.exec("not a url"), null],
  "exec of a dictionary and a base": [() => p.exec({ pathname: "/books/5" }, "https://e.com"), "TypeError: Failed to exec URLPattern"],
  "test": [() => [p.test("https://x.com/books/1"), p.test("https://x.com/"), p.test({ pathname: "/books/1" }), p.test()], [true, false, true, false]],
  "test of a URL object": [() => p.test(new URL("https://x.com/books/1")), true],
  "groups without names": [() => new URLPattern({ pathname: "/*/x/(\\d+)" }).exec({ pathname: "/a/b/x/12" }).pathname, { input: "/a/b/x/12", groups: { 0: "a/b", 1: "12" } }],
  "optional and repeated groups": [() => [new URLPattern({ pathname: "/a{/b}?" }).test({ pathname: "/a" }), new URLPattern({ pathname: "/a/:x?" }).test({ pathname: "/a" }), new URLPattern({ pathname: "/a/:x+" }).exec({ pathname: "/a/b/c" }).pathname], [true, true, { input: "/a/b/c", groups: { x: "b/c" } }]],
  "encodes as URLs do": [() => [new URLPattern({ pathname: "/é" }).pathname, new URLPattern({ hostname: "münchen.de" }).hostname, new URLPattern({ search: "q=é" }).search], ["/%C3%A9", "xn--mnchen-3ya.de", "q=%C3%A9"]],
  "with a lookahead": [() => new URLPattern({ pathname: "/:x(?!foo)" }), "TypeError: Failed to construct URLPattern"],
  "default ports": [() => [new URLPattern({ protocol: "https", port: "443" }).port, new URLPattern("https://x.com:443/").port, new URLPattern("https://x.com/").port, new URLPattern("https://x.com:*/").port], ["", "", "", "*"]],
  "what it is": [() => String(new URLPattern()) + Object.prototype.toString.call(p) + Object.keys(p), "[object URLPattern][object URLPattern]"],
  "its members": [() => Object.getOwnPropertyNames(URLPattern.prototype).sort(), ["constructor", "exec", "hasRegExpGroups", "hash", "hostname", "password", "pathname", "port", "protocol", "search", "test", "username"]],
  "hasRegExpGroups": [() => [new URLPattern({ pathname: "/:a" }).hasRegExpGroups, new URLPattern({ pathname: "/(a|b)" }).hasRegExpGroups, new URLPattern({ pathname: "/*" }).hasRegExpGroups], [false, true, false]],
  "of another scheme": [() => all(new URLPattern("data\\:foobar")), ["data", "*", "*", "", "", "foobar", "*", "*", false]],
  "of an IPv6 address": [() => all(new URLPattern({ hostname: "[::1]" })), "TypeError: Failed to construct URLPattern"],
  "normalises paths": [() => [new URLPattern({ pathname: "/a/../b" }).pathname, new URLPattern({ pathname: "a", baseURL: "https://x.com/y/z" }).pathname], ["/b", "/y/a"]],
  "inputs of a dictionary": [() => JSON.parse(JSON.stringify(p.exec({ pathname: "/books/1" }).inputs)), [{ pathname: "/books/1" }]],
  "inputs of a text and a base": [() => p.exec("/books/1", "https://e.com").inputs, ["/books/1", "https://e.com"]],
});

export default worker(cases);
