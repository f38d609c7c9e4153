// What depends on the compatibility date or flags of a script (spec/api.md section 14). Set once per isolate, before
// any module runs.
import { type FlagRow, kExperimental, kFlags } from "./compatibility_flags";

// On or off here; `true` is how the built-ins are made.
export const compatibility = {
  closeReasonLimit: false,
  blobMessages: false,
  answersClose: false,
  valueArguments: true, // Of URLSearchParams.delete and has.
  targetIsThis: true, // In listeners.
  reportsListeners: false, // What a listener throws is reported; else it leaves dispatchEvent.
  requestSignal: false,
  setCookieApart: true,
  blobMimeType: true, // A body's blob has its type as the standard writes it.
  rpc: false,
  ctxExports: false,
  enhancedErrors: false,
  brotli: true,
  modernCrypto: false,
  fullUrl: true, // Calls of stubs take no relative URL.
  refusesWrong: true, // What is optional and of a wrong type is not as if it were not there.
  wellFormedText: true, // Of TextDecoder, in UTF-16.
  standardUrls: true, // URL and URLSearchParams are the standard's.
  standardUrl: true, // A Request's URL is parsed when it is made.
  redirectUrl: true, // Response.redirect writes its URL as the standard does.
  httpOnly: true,
  keepsNoAuthorization: true,
  allMethods: true,
  cacheOption: true, // Of a Request.
  noCache: true, // As its value.
  iterableBodies: true,
  ownTexts: true, // Of iterables as bodies.
  stripBom: true,
  formFiles: true,
  exponentBytes: true, // publicExponent is a Uint8Array.
  strictCompression: true,
  pipesBack: true, // A pipe whose destination fails by itself fails, too.
  standardPatterns: true, // Of URLPattern.
  strictKeys: true, // RSA's have a modulus that can be computed with.
  unwrapsThenables: true,
  transformsWait: true, // A TransformStream's writer waits for its reader.
  textsWait: true, // So does that of a stream of texts.
  abortsWrites: true, // That of an identity fails the write that is under way.
  dupStubs: true, // Stubs among a call's arguments stay the caller's.
};
const kSwitches: [keyof typeof compatibility, flag: string][] = [
  ["closeReasonLimit", "websocket_close_reason_byte_limit"],
  ["blobMessages", "websocket_standard_binary_type"],
  ["answersClose", "web_socket_auto_reply_to_close"],
  ["valueArguments", "urlsearchparams_delete_has_value_arg"],
  ["targetIsThis", "set_event_target_this"],
  ["reportsListeners", "spec_compliant_dispatch_exceptions"],
  ["requestSignal", "enable_request_signal"],
  ["setCookieApart", "http_headers_getsetcookie"],
  ["blobMimeType", "blob_standard_mime_type"],
  ["rpc", "rpc"],
  ["ctxExports", "enable_ctx_exports"],
  ["enhancedErrors", "enhanced_error_serialization"],
  ["brotli", "brotli_content_encoding"],
  ["modernCrypto", "webcrypto_modern_algorithms"],
  ["fullUrl", "durable_object_fetch_requires_full_url"],
  ["refusesWrong", "dont_substitute_null_on_type_error"],
  ["wellFormedText", "text_decoder_replace_surrogates"],
  ["standardUrls", "url_standard"],
  ["standardUrl", "fetch_standard_url"],
  ["redirectUrl", "response_redirect_url_standard"],
  ["httpOnly", "fetch_refuses_unknown_protocols"],
  ["keepsNoAuthorization", "strip_authorization_on_cross_origin_redirect"],
  ["allMethods", "upper_case_all_http_methods"],
  ["cacheOption", "cache_option_enabled"],
  ["noCache", "cache_no_cache_enabled"],
  ["iterableBodies", "fetch_iterable_type_support"],
  ["ownTexts", "fetch_iterable_type_support_override_adjustment"],
  ["stripBom", "strip_bom_in_read_all_text"],
  ["formFiles", "formdata_parser_supports_files"],
  ["exponentBytes", "crypto_preserve_public_exponent"],
  ["strictCompression", "strict_compression_checks"],
  ["pipesBack", "pipe_to_backward_propagation"],
  ["standardPatterns", "urlpattern_standard"],
  ["strictKeys", "strict_crypto_checks"],
  ["unwrapsThenables", "unwrap_custom_thenables"],
  ["transformsWait", "fixup-transform-stream-backpressure"],
  ["textsWait", "encoder_stream_spec_compliant_backpressure"],
  ["abortsWrites", "internal_writable_stream_abort_clears_queue"],
  ["dupStubs", "rpc_params_dup_stubs"],
];

const kRows = new Map(kFlags.map((row) => [row[0], row]));
const kNodejs = "nodejs_compat";
const kNodejs2 = "nodejs_compat_v2"; // Comes with nodejs_compat, and since a later date without it.
const kZlib = "nodejs_zlib"; // Comes with either.
let current: { date: string; flags: string[] } = { date: "", flags: [] };

function isRowOn([on, off, since, , withNodejs]: FlagRow): boolean {
  const { date, flags } = current;
  if (flags.includes(on)) return true;
  if (flags.includes(off)) return false;
  if (withNodejs !== undefined && date >= withNodejs && (isOn(kNodejs) || (on === kZlib && isOn(kNodejs2)))) return true;
  if (withNodejs !== undefined && on !== kNodejs2) return false;
  return since !== "" && date >= since;
}

export function isOn(flag: string): boolean {
  return isRowOn(kRows.get(flag)!);
}

export function setCompatibility(date: string, flags: string[]): void {
  current = { date, flags };
  for (const [name, flag] of kSwitches) compatibility[name] = isOn(flag);
}

// All flags by the name that turns them on, as `Cloudflare.compatibilityFlags` has them.
export function flagValues(): Record<string, boolean> {
  return Object.freeze(Object.fromEntries(kFlags.map((row) => [row[0], isRowOn(row)])));
}

// Why a deploy with this date and these flags is refused, in the words of workerd's; undefined if it is not.
export function compatibilityProblem(date: string, flags: string[]): string | undefined {
  // A script without a date has the behaviour of the first.
  if (date !== "") {
    const day = new Date(`${date}T00:00:00Z`);
    if (!/^\d{4}-\d\d-\d\d$/.test(date) || Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date) {
      return `Invalid compatibility date: ${date}`;
    }
    const today = new Date().toISOString().slice(0, 10);
    if (date > today) return `Can't set compatibility date in the future: "${date}". Today's date (UTC) is "${today}".`;
  }
  const byName = new Map<string, FlagRow>();
  for (const row of kFlags) for (const name of row.slice(0, 2) as string[]) if (name !== "") byName.set(name, row);
  for (const [index, flag] of flags.entries()) {
    if (flags.indexOf(flag) < index) return `Compatibility flag specified multiple times: ${flag}`;
    const row = byName.get(flag);
    if (row === undefined) return `No such compatibility flag: ${flag}`;
    const [on, off, , effect] = row;
    if (flags.includes(on) && flags.includes(off)) return `Compatibility flags are mutually contradictory: ${on} vs ${off}`;
    if (flag === on && effect === kExperimental) {
      return `The compatibility flag ${flag} is experimental and cannot be used on this server.`;
    }
  }
  return undefined;
}

// The codings that a body with a Content-Encoding of that name has (native.d.ts, Codings).
export const bodyCodings = (): number => (compatibility.brotli ? 3 : 1);

// The option encodeBody of a Response or encodeResponseBody of a Request: whether its author does the coding.
export function isManual(name: string, value: unknown): boolean {
  const text = `${value as string}`;
  if (text !== "automatic" && text !== "manual") throw new TypeError(`${name}: unexpected value: ${text}`);
  return text === "manual";
}
