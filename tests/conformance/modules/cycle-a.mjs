import { nameOfB } from "./cycle-b.mjs";
export const nameOfA = "a";
export const both = () => nameOfA + nameOfB();
