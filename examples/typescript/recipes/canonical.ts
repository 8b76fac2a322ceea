/**
 * The canonical JSON of params, and the key of their entry, as the module makes them: for clients that must know the
 * key without asking, and for servers that do not have the module.
 *
 * It is RFC 8785, but for integers: those beyond 2^53 keep all their digits. Give them as bigint; a number has lost
 * them already. What has no one spelling (NaN, undefined in an array, a Date, a lone surrogate) is refused, so that two
 * different questions never share a key.
 */
import { createHash } from "node:crypto";

/** As deep as the module goes, and not one level deeper. */
const DEEPEST = 128;

export function entryKey(namespace: string, operation: string, params: unknown): string {
  const tagged = /\{[^}]+\}/.test(namespace) ? namespace : `{${namespace}}`;
  return `result:${tagged}:${operation}:${fingerprint(operation, params)}`;
}

/** SHA-256, as where no rule says HASH or IGNORE. */
export function fingerprint(operation: string, params: unknown): string {
  return createHash("sha256").update(`{"operation":"${operation}","params":${canonical(params)}}`).digest("hex");
}

export function canonical(value: unknown, depth = 0): string {
  switch (typeof value) {
    case "bigint":
    case "boolean":
      return String(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} is not a JSON number`);
      return JSON.stringify(value); // the spelling of ECMAScript is the one of RFC 8785; -0 is 0
    case "string":
      if (!value.isWellFormed()) throw new TypeError("a lone surrogate is not Unicode");
      return JSON.stringify(value);
    case "object":
      if (value === null) return "null";
      if (depth === DEEPEST) throw new TypeError(`params are nested deeper than ${DEEPEST}`);
      return Array.isArray(value) ? arrayOf(value, depth + 1) : objectOf(value, depth + 1);
    default:
      throw new TypeError(`${typeof value} is not JSON`);
  }
}

function arrayOf(elements: unknown[], depth: number): string {
  return `[${Array.from(elements, (element) => canonical(element, depth)).join(",")}]`;
}

function objectOf(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError("only plain objects are params");
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined) // as JSON.stringify leaves them out
    .sort(([a], [b]) => (a < b ? -1 : 1)) // by UTF-16 code units, as the RFC says and as < compares
    .map(([name, member]) => `${canonical(name)}:${canonical(member, depth)}`);
  return `{${members.join(",")}}`;
}
