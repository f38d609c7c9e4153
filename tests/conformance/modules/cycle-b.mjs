import { nameOfA } from "./cycle-a.mjs";
export const nameOfB = () => `b after ${nameOfA}`;
