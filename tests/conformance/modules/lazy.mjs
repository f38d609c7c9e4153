globalThis.lazyRuns = (globalThis.lazyRuns ?? 0) + 1;
export const lazy = "loaded when asked for";
