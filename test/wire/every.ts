// Everything that a decoder can be fed, when its alphabet is small: every string, every way to cut it.

/** Yields the strings over the alphabet with a length in this range, shortest first. A string has a character for each octet. */
export function* everyString(alphabet: string, from: number, to: number): Generator<string> {
  let strings = [''];
  for (let length = 0; length <= to; length++) {
    if (length >= from) yield* strings;
    if (length < to) strings = strings.flatMap((string) => [...alphabet].map((character) => string + character));
  }
}

/** A way to cut octets: the indices, in order, at which a segment ends and another begins. */
export type Cuts = readonly number[];

/** Returns all 2^(length - 1) ways to cut so many octets, the uncut one first. */
export function everyCut(length: number): readonly Cuts[] {
  let all: Cuts[] = [[]];
  for (let at = 1; at < length; at++) all = all.flatMap((cuts) => [cuts, [...cuts, at]]);
  return all;
}

/** Returns the ways that are left when there are too many: whole, octet by octet, and each single cut. */
export function someCuts(length: number): readonly Cuts[] {
  const inside = Array.from({ length: Math.max(0, length - 1) }, (_, at) => at + 1);
  return [[], inside, ...inside.map((at) => [at])];
}

const segments = new Map<string, Uint8Array>();

/** Returns the text cut in pieces. Each lies among octets of memory that are not part of it, and is shared: equal pieces are one. */
export function cut(text: string, cuts: Cuts): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let index = 0; index <= cuts.length; index++) {
    const piece = text.slice(cuts[index - 1] ?? 0, cuts[index]);
    let segment = segments.get(piece);
    if (segment === undefined) {
      segment = octetsOf(`\n\n${piece}\n\n`).subarray(2, -2);
      if (piece.length <= 8) segments.set(piece, segment);
    }
    pieces.push(segment);
  }
  return pieces;
}

export function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}
