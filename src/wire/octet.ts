// Octets: the few that SMTP gives a meaning to, by the names of RFC 5321 §2.3.8 and RFC 5234 appendix B.1,
// and what is done with runs of them.

export const NUL = 0x00;
export const HT = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const DOT = 0x2e;

/** No octets. Shared, since there is nothing in it to change. */
export const EMPTY: Uint8Array = new Uint8Array(0);

/** Whether a value is octets, whatever its type promises. By its name: an array of another realm is no instance of this one's class. */
export function isOctets(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]');
}

/** Returns the parts in order as one run: a copy, the caller's own. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Returns whether two runs hold the same octets. Takes a time that depends on them: not for comparing secrets. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
