// What is known to differ, and why that is so (docs/compatibility.md): taken out of a log before it is compared.
export function expected(log) {
  if (Array.isArray(log)) return log.map(expected);
  if (typeof log === "string") return text(log);
  if (log === null || typeof log !== "object") return log;
  const copy = {};
  for (const [key, value] of Object.entries(log)) {
    if (key === "durableObjectId") continue;
    copy[key] = expected(value);
  }
  return copy;
}

function text(value) {
  // How to get SQL is said for production there, for workerd here.
  return value.replace(/(the older, asyncronous interface|SQL is not enabled for this Durable Object class\.)[^]*/, "$1");
}
