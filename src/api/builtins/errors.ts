// DOMException, and how errors travel between a script and C++.
import { platform, textOf } from "./seam";

const kLegacyCodes: Record<string, number> = {
  IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4, InvalidCharacterError: 5,
  NoModificationAllowedError: 7, NotFoundError: 8, NotSupportedError: 9, InUseAttributeError: 10, InvalidStateError: 11,
  SyntaxError: 12, InvalidModificationError: 13, NamespaceError: 14, InvalidAccessError: 15, TypeMismatchError: 17,
  SecurityError: 18, NetworkError: 19, AbortError: 20, URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23,
  InvalidNodeTypeError: 24, DataCloneError: 25,
};
const kConstants: Record<string, number> = {
  INDEX_SIZE_ERR: 1, DOMSTRING_SIZE_ERR: 2, HIERARCHY_REQUEST_ERR: 3, WRONG_DOCUMENT_ERR: 4, INVALID_CHARACTER_ERR: 5,
  NO_DATA_ALLOWED_ERR: 6, NO_MODIFICATION_ALLOWED_ERR: 7, NOT_FOUND_ERR: 8, NOT_SUPPORTED_ERR: 9,
  INUSE_ATTRIBUTE_ERR: 10, INVALID_STATE_ERR: 11, SYNTAX_ERR: 12, INVALID_MODIFICATION_ERR: 13, NAMESPACE_ERR: 14,
  INVALID_ACCESS_ERR: 15, VALIDATION_ERR: 16, TYPE_MISMATCH_ERR: 17, SECURITY_ERR: 18, NETWORK_ERR: 19, ABORT_ERR: 20,
  URL_MISMATCH_ERR: 21, QUOTA_EXCEEDED_ERR: 22, TIMEOUT_ERR: 23, INVALID_NODE_TYPE_ERR: 24, DATA_CLONE_ERR: 25,
};
// Without a code of their own. SyntaxError is left to JavaScript's.
const kOtherNames = ["EncodingError", "NotReadableError", "UnknownError", "ConstraintError", "DataError",
  "TransactionInactiveError", "ReadOnlyError", "VersionError", "OperationError", "NotAllowedError", "OptOutError"];

export class DOMException extends Error {
  #name: string;

  constructor(message: unknown = "", name: unknown = "Error") {
    super(textOf(message));
    this.#name = textOf(name);
  }
  // @ts-ignore: an accessor here, as in WebIDL, where Error has a field.
  get name(): string {
    return this.#name;
  }
  get code(): number {
    return kLegacyCodes[this.#name] ?? 0;
  }
  static isOne(value: unknown): value is DOMException {
    return typeof value === "object" && value !== null && #name in value;
  }
}
const isDomException = DOMException.isOne;
delete (DOMException as any).isOne;
platform({ DOMException });
for (const [name, value] of Object.entries(kConstants)) {
  const property = { value, enumerable: true, configurable: true };
  Object.defineProperty(DOMException, name, property);
  Object.defineProperty(DOMException.prototype, name, property);
}

// -- errors on their way

export const kRemote = 1;
export const kRetryable = 2;
export const kOverloaded = 4;
export const kObjectReset = 8;
const kFlagNames: [number, string][] = [
  [kRemote, "remote"], [kRetryable, "retryable"], [kOverloaded, "overloaded"], [kObjectReset, "durableObjectReset"]];

const kTypes: Record<string, ErrorConstructor> = {
  Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError,
};
const kDomNames = new Set([...Object.keys(kLegacyCodes), ...kOtherNames].filter((name) => name !== "SyntaxError"));

const kAggregate = "AggregateError";

// What of one travels.
function bareAggregate(message: string): Error {
  const error = new AggregateError([], message);
  delete (error as { errors?: unknown[] }).errors;
  return error;
}

// Of the built-in type of that name; Error if there is none.
export function typedError(name: string, message: string): Error {
  if (name === "AggregateError") return new AggregateError([], message);
  return new (Object.hasOwn(kTypes, name) ? kTypes[name]! : Error)(message);
}

// On what makeError made, so that an error that only passes through keeps its flags, and a script can't forge them.
const kFlags = Symbol("flags");

export function makeError(name: string, message: string, flags: number): Error {
  const type = Object.hasOwn(kTypes, name) ? kTypes[name]! : undefined;
  const error = type ? new type(message) : name === kAggregate ? bareAggregate(message) : kDomNames.has(name) ? new DOMException(message, name) : new Error(message);
  if (flags !== 0) {
    for (const [bit, property] of kFlagNames) if (flags & bit) (error as any)[property] = true;
    Object.defineProperty(error, kFlags, { value: flags });
    if (flags & kRemote) error.stack = `${error.name}: ${message}`; // It was thrown elsewhere: no frame here matters.
  }
  return error;
}

export function flagsOfError(error: unknown): number {
  return typeof error === "object" && error !== null ? ((error as any)[kFlags] ?? 0) : 0;
}

// Known types travel as they are; any other error becomes an Error that has its name in the message.
export function describeError(error: unknown): [string, string, string, number] {
  try {
    if (isDomException(error)) return [error.name, String(error.message), stackOf(error), flagsOfError(error)];
    if (error instanceof Error) {
      const name = String(error.name);
      const message = String(error.message);
      if (Object.hasOwn(kTypes, name) || name === kAggregate) return [name, message, stackOf(error), flagsOfError(error)];
      const title = name === "" || message === "" ? name + message : `${name}: ${message}`;
      return ["Error", title, stackOf(error), flagsOfError(error)];
    }
    return ["Error", typeof error === "symbol" ? error.toString() : String(error), "", 0];
  } catch {
    return ["Error", "an error that can't be described", "", 0];
  }
}

function stackOf(error: Error): string {
  const stack: unknown = error.stack;
  return typeof stack === "string" ? stack : "";
}
