// What a script throws where nothing of it catches: its listeners of "error" are told, then the log is.
import { reportException } from "./console";

type Hear = (error: unknown) => boolean;
let hear: Hear = () => true;
let hearing = false;

// `tell` answers false if a listener took the error on itself. Set once, by the global scope.
export function setHearer(tell: Hear): void {
  hear = tell;
}

// What a listener of "error" throws in turn goes to the log alone.
export function reportUncaught(error: unknown): void {
  let report = true;
  if (!hearing) {
    hearing = true;
    try {
      report = hear(error);
    } finally {
      hearing = false;
    }
  }
  if (report) reportException(error);
}
