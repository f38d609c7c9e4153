// The Web Platform Tests' own data, as Debian's packages of Rust's `url` and `data-url` carry it (tools/bootstrap.sh). Each
// case gives what comes out otherwise than the data says: both sides differ from data of 2022 where the standards moved on.
import { worker } from "./lib.mjs";
import base64 from "./wpt/base64.json";
import mimeTypes from "./wpt/mime-types.json";
import setters from "./wpt/setters_tests.json";
import urls from "./wpt/urltestdata.json";

const kParts = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

function parsed(input, base) {
  try {
    return new URL(input, base ?? undefined);
  } catch {
    return undefined;
  }
}

// Of one entry of urltestdata.json: undefined if all is as it says.
function urlProblem({ input, base, failure, ...wanted }) {
  const url = parsed(input, base);
  const name = JSON.stringify([input, base]);
  if (URL.canParse(input, base ?? undefined) !== (url !== undefined)) return `${name}: canParse disagrees`;
  if (failure) return url === undefined ? undefined : `${name}: ${url.href}`;
  if (url === undefined) return `${name}: refused`;
  const parts = kParts.filter((part) => part in wanted && url[part] !== wanted[part]);
  return parts.length > 0 ? `${name}: ${parts.map((part) => `${part} ${url[part]}`).join(", ")}` : undefined;
}

function setterProblem(attribute, { href, new_value: value, expected }) {
  const url = new URL(href);
  url[attribute] = value;
  const parts = Object.keys(expected).filter((part) => url[part] !== expected[part]);
  return parts.length > 0 ? `${attribute} of ${href} = ${JSON.stringify(value)}: ${parts.map((part) => url[part]).join(", ")}` : undefined;
}

function decoded(text) {
  try {
    return [...atob(text)].map((each) => each.charCodeAt(0));
  } catch {
    return null;
  }
}

const isProblem = (each) => each !== undefined;
const cases = {
  "there is data": { run: () => [urls.length > 500, Object.keys(setters).length, base64.length > 70, mimeTypes.length > 30], expect: [true, 10, true, true] },
  "URL: urltestdata.json": { run: () => urls.filter((each) => typeof each === "object").map(urlProblem).filter(isProblem), expect: [
      "[\"http://a.b.c.xn--pokxncvks\",\"about:blank\"]: http://a.b.c.xn--pokxncvks/",
      "[\"http://10.0.0.xn--pokxncvks\",\"about:blank\"]: http://10.0.0.xn--pokxncvks/",
      "[\"http://a.b.c.XN--pokxncvks\",\"about:blank\"]: http://a.b.c.xn--pokxncvks/",
      "[\"http://a.b.c.Xn--pokxncvks\",\"about:blank\"]: http://a.b.c.xn--pokxncvks/",
      "[\"http://10.0.0.XN--pokxncvks\",\"about:blank\"]: http://10.0.0.xn--pokxncvks/",
      "[\"http://10.0.0.xN--pokxncvks\",\"about:blank\"]: http://10.0.0.xn--pokxncvks/",
      "[\"file://xn--/p\",\"about:blank\"]: file://xn--/p",
      "[\"foo://host/ !\\\"$%&'()*+,-./:;<=>@[\\\\]^_`{|}~\",\"about:blank\"]: href foo://host/%20!%22$%&'()*+,-./:;%3C=%3E@[\\]%5E_%60%7B|%7D~, pathname /%20!%22$%&'()*+,-./:;%3C=%3E@[\\]%5E_%60%7B|%7D~",
      "[\"wss://host/ !\\\"$%&'()*+,-./:;<=>@[\\\\]^_`{|}~\",\"about:blank\"]: href wss://host/%20!%22$%&'()*+,-./:;%3C=%3E@[/]%5E_%60%7B|%7D~, pathname /%20!%22$%&'()*+,-./:;%3C=%3E@[/]%5E_%60%7B|%7D~",
    ] },
  "URL: setters_tests.json": { run: () => Object.entries(setters).filter(([name]) => name !== "comment").flatMap(([name, all]) => all.map((each) => setterProblem(name, each))).filter(isProblem), expect: [
      "hostname of http://example.net/path = \"example.com:8080\": http://example.net/path, example.net, example.net",
      "hostname of http://example.net:8080/path = \"example.com:\": http://example.net:8080/path, example.net:8080, example.net",
      "pathname of a:/ = \"\\u0000\\u0001\\t\\n\\r\\u001f !\\\"#$%&'()*+,-./09:;<=>?@AZ[\\\\]^_`az{|}~\u007f\u0080\u0081\u00c9\u00e9\": a:/%00%01%1F%20!%22%23$%&'()*+,-./09:;%3C=%3E%3F@AZ[\\]%5E_%60az%7B|%7D~%7F%C2%80%C2%81%C3%89%C3%A9, /%00%01%1F%20!%22%23$%&'()*+,-./09:;%3C=%3E%3F@AZ[\\]%5E_%60az%7B|%7D~%7F%C2%80%C2%81%C3%89%C3%A9",
      "pathname of file://monkey/ = \"\\\\\\\\\": file://monkey//, //",
      "pathname of file:///unicorn = \"//\\\\/\": file://////, ////",
      "pathname of file:///unicorn = \"//monkey/..//\": file://///, ///",
    ] },
  "atob: base64.json": { run: () => base64.map(([text, wanted]) => [text, wanted, decoded(text)]).filter(([, wanted, seen]) => JSON.stringify(wanted) !== JSON.stringify(seen)), expect: [] },
  "a response's blob has its type: mime-types.json": { run: async () => { const seen = []; for (const { input, output } of mimeTypes.filter((each) => typeof each === "object" && /^[\x20-\x7e]*$/.test(each.input))) { const type = await new Response("", { headers: { "content-type": input } }).blob().then((blob) => blob.type, (error) => error.name); if (type !== (output ?? "")) seen.push([input, type]); } return seen; }, expect: [
      ["x/x;test=\"\\", "x/x;test=\\"],
    ], limpet: [], because: "a value with a backslash is quoted, as the standard has it" },
};
export default worker(cases);
