// TextDecoder: labels, every encoding, streams, byte order marks, errors.
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
// All pairs of bytes that stand for something; what does not is a mark.
const everyPair = (label, from, to, before = []) => {
  const decoder = new TextDecoder(label);
  let all = "";
  for (let lead = from; lead <= to; lead++) {
    for (let trail = 0; trail < 256; trail++) {
      const text = decoder.decode(bytes(...before, lead, trail));
      all += (text.includes("\ufffd") ? "?" : text) + "|";
    }
  }
  return hash(all);
};
const everyFour = (from, to) => {
  const decoder = new TextDecoder("gb18030");
  let all = "";
  for (let n = from; n < to; n += 3) {
    const text = decoder.decode(bytes(0x81 + Math.floor(n / 12600), 0x30 + (Math.floor(n / 1260) % 10), 0x81 + (Math.floor(n / 10) % 126), 0x30 + (n % 10)));
    all += (text.includes("\ufffd") ? "?" : text) + "|";
  }
  return hash(all);
};
const iso2022 = (...input) => codes(new TextDecoder("iso-2022-jp").decode(bytes(...input)));
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
  "labels of several bytes": [() => labels("gb2312", "x-gbk", "big5-hkscs", "x-euc-jp", "csiso2022jp", "ms_kanji", "sjis", "ks_c_5601-1987"), ["gbk", "gbk", "big5", "euc-jp", "iso-2022-jp", "shift_jis", "shift_jis", "euc-kr"]],
  "gb18030: every pair": [() => everyPair("gb18030", 0x81, 0xfe), 396514873],
  "gbk: every pair": [() => everyPair("gbk", 0x81, 0xfe), 396514873],
  "gb18030: four bytes, the plane of all scripts": [() => everyFour(0, 40_000), 1290440078],
  "gb18030: four bytes, the planes above": [() => everyFour(189_000, 200_000), 3274597903],
  "gb18030: four bytes, beyond the last": [() => everyFour(1_237_000, 1_238_000), 463933205],
  "big5: every pair": [() => everyPair("big5", 0x81, 0xfe), 1954010828],
  "big5: two characters of one": [() => decode("big5", 0x88, 0x62, 0x88, 0x64, 0x88, 0xa3, 0x88, 0xa5), "ca 304 ca 30c ea 304 ea 30c"],
  "big5: above the basic plane": [() => decode("big5", 0x87, 0x45), "27267"],
  "euc-jp: every pair": [() => everyPair("euc-jp", 0x80, 0xff), 3082659728],
  "euc-jp: three bytes": [() => everyPair("euc-jp", 0xa1, 0xfe, [0x8f]), 2040764230],
  "shift_jis: every pair below the private use": [() => everyPair("shift_jis", 0x80, 0xef), 2068284343],
  "shift_jis: every pair above it": [() => everyPair("shift_jis", 0xfa, 0xff), 1251740653],
  "euc-kr: every pair": [() => everyPair("euc-kr", 0x80, 0xff), 3843464418],
  "iso-2022-jp: a word": [() => iso2022(0x1b, 0x24, 0x42, 0x24, 0x22, 0x24, 0x24, 0x1b, 0x28, 0x42, 0x41), "3042 3044 41"],
  "iso-2022-jp: roman": [() => iso2022(0x1b, 0x28, 0x4a, 0x5c, 0x7e, 0x41), "a5 203e 41"],
  "iso-2022-jp: katakana": [() => iso2022(0x1b, 0x28, 0x49, 0x31, 0x32, 0x60), "ff71 ff72 fffd"],
  "iso-2022-jp: an unknown escape": [() => iso2022(0x1b, 0x24, 0x43, 0x41), "fffd 24 43 41"],
  "iso-2022-jp: a cut-off escape": [() => iso2022(0x41, 0x1b, 0x24), "41 fffd", { limpet: "41 fffd 24", because: "the Encoding standard: the byte is read again" }],
  "iso-2022-jp: two escapes": [() => iso2022(0x1b, 0x28, 0x4a, 0x1b, 0x28, 0x42, 0x41), "fffd 41"],
  "iso-2022-jp: a high byte": [() => iso2022(0x41, 0x80, 0x42), "41 fffd 42"],
  "iso-2022-jp in pieces": [() => pieces("iso-2022-jp", [[0x1b], [0x24], [0x42, 0x24], [0x22, 0x24], [0x24, 0x1b, 0x28], [0x42, 0x41]]), ["", "", "", "3042", "3044", "41", ""]],
  "shift_jis in pieces": [() => pieces("shift_jis", [[0x82], [0xa0, 0x83], [0x41]]), ["", "3042", "30a2", ""]],
  "gb18030 in pieces": [() => pieces("gb18030", [[0x81], [0x30], [0x81], [0x30, 0xb0], [0xa1]]), ["", "", "", "80", "554a", ""]],
  "euc-jp: cut off": [() => pieces("euc-jp", [[0x8f, 0xa1]]), ["", "fffd"]],
  "an ASCII byte behind half a character stays": [() => [decode("euc-kr", 0x81, 0x20, 0x41), decode("big5", 0x81, 0x20), decode("gb18030", 0x81, 0x20), decode("shift_jis", 0x81, 0x20)], ["fffd 20 41", "fffd 20", "fffd 20", "fffd 20"]],
  "gb18030: a broken character of four bytes": [() => decode("gb18030", 0x81, 0x30, 0x81, 0x41, 0x42), "fffd 30 4e04 42"],
  "shift_jis, fatal: half a character": [() => new TextDecoder("shift_jis", { fatal: true }).decode(bytes(0x82)), "TypeError: Failed to decode input."],
  "shift_jis, fatal: starts anew after an error": [() => { const decoder = new TextDecoder("shift_jis", { fatal: true }); try { decoder.decode(bytes(0xff, 0x82), { stream: true }); } catch {} return decoder.decode(bytes(0x42)); }, "B"],
  "Japanese of three encodings": [() => ["shift_jis", "euc-jp"].map((label) => new TextDecoder(label).decode({ shift_jis: bytes(0x93, 0xfa, 0x96, 0x7b), "euc-jp": bytes(0xc6, 0xfc, 0xcb, 0xdc) }[label])), ["日本", "日本"]],
  "gb18030: a byte of 0x80": [() => decode("gb18030", 0x80), "fffd", { limpet: "20ac", because: "the Encoding standard: the euro sign" }],
  "shift_jis: private use": [() => decode("shift_jis", 0xf0, 0x40), "e000", { limpet: "e000", because: "the Encoding standard" }],
  "big5: a broken pair": [() => decode("big5", 0x81, 0x81), "fffd fffd", { limpet: "fffd", because: "the Encoding standard: one error" }],
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
