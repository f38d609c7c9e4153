// TextDecoder: labels, every encoding with one byte a character, UTF-16, streams, byte order marks, errors.
import { worker } from "./lib.mjs";
import { once, table, u } from "./modules/rows.mjs";

const codes = (text) => [...text].map((each) => each.codePointAt(0).toString(16)).join(" ");
const bytes = (...all) => new Uint8Array(all);
const decode = (label, ...input) => codes(new TextDecoder(label).decode(bytes(...input)));
// A number that tells texts apart (FNV-1a over code units).
const hash = (text) => {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
};
const everyByte = (label) => {
  const decoder = new TextDecoder(label);
  let all = "";
  for (let byte = 0; byte < 256; byte++) all += decoder.decode(bytes(byte)) + "|";
  return hash(all);
};
const pieces = (label, chunks, options) => {
  const decoder = new TextDecoder(label, options);
  return [...chunks.map((chunk) => codes(decoder.decode(bytes(...chunk), { stream: true }))), codes(decoder.decode())];
};
const labels = (...all) => all.map((label) => new TextDecoder(label).encoding);

const rows = {
  "labels of UTF-8": [() => labels("utf8", "UTF-8", " unicode-1-1-utf-8\t", "x-unicode20utf8"), ["utf-8", "utf-8", "utf-8", "utf-8"]],
  "labels of windows-1252": [() => labels("latin1", "ascii", "iso-8859-1", "us-ascii", "l1", "cp819"), u(6).reduce((all) => [...all, "windows-1252"], [])],
  "labels of UTF-16": [() => labels("utf-16", "ucs-2", "unicode", "utf-16be", "unicodefffe"), ["utf-16le", "utf-16le", "utf-16le", "utf-16be", "utf-16be"]],
  "labels that are none": [() => ["utf-7", "replacement", "hz-gb-2312", "", "\u00a0utf-8"].map((label) => { try { return new TextDecoder(label).encoding; } catch (error) { return `${error.name}: ${error.message}`; } }), ["RangeError: \"utf-7\" is not a valid encoding.", "RangeError: \"replacement\" is not a valid encoding.", "RangeError: \"hz-gb-2312\" is not a valid encoding.", "RangeError: \"\" is not a valid encoding.", "RangeError: \" utf-8\" is not a valid encoding."]],
  "no label": [() => labels(undefined), ["utf-8"]],
  "null is a label": [() => new TextDecoder(null), 'RangeError: "null" is not a valid encoding.'],
  "its fields": [() => { const decoder = new TextDecoder("UTF-16", { fatal: 1, ignoreBOM: "yes" }); return [decoder.encoding, decoder.fatal, decoder.ignoreBOM]; }, ["utf-16le", true, true]],
  "not bytes": [() => new TextDecoder().decode("text"), "TypeError: Failed to execute 'decode' on 'TextDecoder': parameter 1 is not of type 'Array'."],
  "UTF-16LE": [() => decode("utf-16le", 0x41, 0, 0x3d, 0xd8, 0, 0xde), "41 1f600"],
  "UTF-16BE": [() => decode("utf-16be", 0, 0x41, 0xd8, 0x3d, 0xde, 0), "41 1f600"],
  "UTF-16LE: a byte order mark": [() => decode("utf-16le", 0xff, 0xfe, 0x41, 0), "41"],
  "UTF-16LE: a byte order mark is kept": [() => codes(new TextDecoder("utf-16le", { ignoreBOM: true }).decode(bytes(0xff, 0xfe, 0x41, 0))), "feff 41"],
  "UTF-16BE: a byte order mark of the other": [() => decode("utf-16be", 0xff, 0xfe, 0, 0x41), "fffe 41"],
  "UTF-16LE: lone surrogates": [() => decode("utf-16le", 0, 0xdc, 0, 0xd8, 0x41, 0), "fffd fffd 41"],
  "UTF-16LE: an odd byte": [() => decode("utf-16le", 0x41, 0, 0x42), "41 fffd"],
  "UTF-16LE: a surrogate and an odd byte": [() => decode("utf-16le", 0x3d, 0xd8, 0x42), "fffd"],
  "UTF-16LE, fatal: a lone surrogate": [() => new TextDecoder("utf-16le", { fatal: true }).decode(bytes(0, 0xd8)), "TypeError: Failed to decode input."],
  "UTF-16LE, fatal: an odd byte": [() => new TextDecoder("utf-16le", { fatal: true }).decode(bytes(0x41)), "TypeError: Failed to decode input."],
  "UTF-16LE in pieces": [() => pieces("utf-16le", [[0x3d], [0xd8, 0], [0xde], [0x41, 0, 0x42]]), ["", "", "1f600", "41", "fffd"]],
  "UTF-16LE in pieces: the mark is split": [() => pieces("utf-16le", [[0xff], [0xfe, 0x41], [0, 0xff, 0xfe]]), ["", "", "41 feff", ""]],
  "UTF-8 in pieces": [() => pieces("utf-8", [[0xf0, 0x9f], [0x98], [0x80, 0xe2]]), ["", "", "1f600", "fffd"]],
  "a decoder starts anew after the last piece": [() => { const decoder = new TextDecoder("utf-16le"); const mark = bytes(0xff, 0xfe); return [decoder.decode(mark), decoder.decode(mark)].map(codes); }, ["", ""]],
  "a decoder starts anew after an error": [() => { const decoder = new TextDecoder("utf-16le", { fatal: true }); try { decoder.decode(bytes(0, 0xdc, 1), { stream: true }); } catch {} return codes(decoder.decode(bytes(0x41, 0))); }, "41"],
  "windows-1252, fatal, has every byte": [() => new TextDecoder("latin1", { fatal: true }).decode(Uint8Array.from({ length: 256 }, (_, index) => index)).length, 256],
  "windows-1253, fatal": [() => new TextDecoder("windows-1253", { fatal: true }).decode(bytes(0xaa)), "TypeError: Failed to decode input."],
  "x-user-defined": [() => decode("x-user-defined", 0x41, 0x80, 0xff), "41 f780 f7ff"],
  "a byte order mark is nothing to others": [() => decode("windows-1251", 0xef, 0xbb, 0xbf), "43f bb 457"],
  "TextDecoderStream of another encoding": [async () => { const stream = new Response(bytes(0xcf, 0xf0, 0xe8)).body.pipeThrough(new TextDecoderStream("windows-1251")); let all = ""; for await (const chunk of stream) all += chunk; return all; }, "При"],
  "TextDecoderStream of none": [() => new TextDecoderStream("foo"), 'RangeError: "foo" is not a valid encoding.'],
};
for (const [label, expected] of Object.entries({
  "ibm866": 1866837297, "iso-8859-2": 3279703340, "iso-8859-3": 1249195910, "iso-8859-4": 155236245, "iso-8859-5": 2884258025,
  "iso-8859-6": 2783297857, "iso-8859-7": 1797394369, "iso-8859-8": 2632928838, "iso-8859-8-i": 2632928838, "iso-8859-10": 1832135020,
  "iso-8859-13": 2218637914, "iso-8859-14": 830362436, "iso-8859-15": 1167639123, "iso-8859-16": 4081561403, "koi8-r": 2081512599,
  "koi8-u": 220162723, "macintosh": 2201147468, "windows-874": 347078987, "windows-1250": 972958493, "windows-1251": 241634727,
  "windows-1252": 1963571875, "windows-1253": 764496373, "windows-1254": 3256524865, "windows-1255": 1219484151,
  "windows-1256": 1910791610, "windows-1257": 3792197668, "windows-1258": 581710444, "x-mac-cyrillic": 3045175482,
})) {
  rows[`every byte of ${label}`] = [() => everyByte(label), expected];
}

const cases = table(once(async () => ({})), rows);

export default worker(cases);
