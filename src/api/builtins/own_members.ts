// Before workers_api_getters_setters_on_prototype what is an accessor of a class today was a property of each instance:
// `{ ...request }` had it, and a subclass could not replace it. Of the classes that scripts spread or write as JSON.

let members: Map<Function, PropertyDescriptorMap> | undefined; // Only at such a date.

// Takes the accessors of those names away from where they are; instances have them from now on.
export function moveMembers(holder: Function, names: string[]): void {
  const moved: PropertyDescriptorMap = {};
  for (const name of names) {
    let prototype = holder.prototype;
    while (prototype !== null && !Object.hasOwn(prototype, name)) prototype = Object.getPrototypeOf(prototype);
    if (prototype !== null) moved[name] = Object.getOwnPropertyDescriptor(prototype, name)!;
  }
  (members ??= new Map()).set(holder, moved);
}

export function dropMoved(): void {
  for (const [holder, moved] of members!) {
    for (const name of Object.keys(moved)) {
      for (let prototype = holder.prototype; prototype !== null; prototype = Object.getPrototypeOf(prototype)) delete prototype[name];
    }
  }
}

// Called first in the constructors of the classes that have such.
export function giveMembers(instance: object, holder: Function): void {
  if (members !== undefined) Object.defineProperties(instance, members.get(holder)!);
}
