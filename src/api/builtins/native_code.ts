// The text of the platform's own functions: that of code which has no source, whatever they are made of here.
const names = new WeakMap<object, string>();
const sourceOf = Function.prototype.toString;

export function hideSource(value: unknown, name?: string): void {
  if (typeof value === "function") names.set(value, name ?? (Object.getOwnPropertyDescriptor(value, "name")?.value as string) ?? "");
}

// The class and what scripts reach through it.
export function hideSources(constructor: Function): void {
  hideSource(constructor);
  for (const holder of [constructor, constructor.prototype]) {
    for (const key of Reflect.ownKeys(holder)) {
      const property = Object.getOwnPropertyDescriptor(holder, key)!;
      if (key !== "constructor") hideSource(property.value);
      hideSource(property.get, "");
      hideSource(property.set, "");
    }
  }
}

export function installToString(): void {
  const { toString } = {
    toString(this: Function): string {
      const name = names.get(this);
      return name === undefined ? sourceOf.call(this) : `function ${name}() { [native code] }`;
    },
  };
  hideSource(toString);
  Object.defineProperty(Function.prototype, "toString", { value: toString, writable: true, configurable: true });
}
