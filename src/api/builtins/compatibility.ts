// What depends on the compatibility date or flags of a script (spec/api.md section 14). Set once per isolate, before
// any module runs.

export const compatibility = {
  closeReasonLimit: false, // websocket_close_reason_byte_limit
  blobMessages: false, // websocket_standard_binary_type
  answersClose: false, // web_socket_auto_reply_to_close
  rpc: false, // rpc
  ctxExports: false, // enable_ctx_exports
  enhancedErrors: false, // enhanced_error_serialization
  anyClassRpc: false, // js_rpc: objects whose class does not extend DurableObject, too
};

// Name of the switch, since when it is on, the flag that turns it on, and the one that turns it off.
const kSwitches: [keyof typeof compatibility, string, string, string][] = [
  ["closeReasonLimit", "2026-03-03", "websocket_close_reason_byte_limit", "no_websocket_close_reason_byte_limit"],
  ["blobMessages", "2026-03-17", "websocket_standard_binary_type", "no_websocket_standard_binary_type"],
  ["answersClose", "2026-04-07", "web_socket_auto_reply_to_close", "web_socket_manual_reply_to_close"],
  ["rpc", "2024-04-03", "rpc", "no_rpc"],
  ["ctxExports", "2025-11-17", "enable_ctx_exports", "disable_ctx_exports"],
  ["enhancedErrors", "2026-04-21", "enhanced_error_serialization", "legacy_error_serialization"],
  ["anyClassRpc", "9999", "js_rpc", ""],
];

export function configure(date: string, flags: string[]): void {
  for (const [name, since, on, off] of kSwitches) {
    compatibility[name] = flags.includes(on) || (date >= since && !flags.includes(off));
  }
}
