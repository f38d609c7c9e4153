export const value = 42;
export let live = 1;
export function raise() { live++; }
export default "default of value";
export const url = typeof import.meta.url;
