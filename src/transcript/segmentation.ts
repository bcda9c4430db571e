// How the octets of a transcript are cut into segments when it is replayed. What a session says may depend on none of it.
//
// The cuts of TCP mean nothing, so each run of the peer's lines is given as written, octet by octet, in one piece, and cut at
// random; the random cuts are the same on every day and machine. Besides, a server is given all input up to the next event
// of the world at once, as though the client had pipelined everything: a server answers what it has read in the order in
// which it came and loses nothing (RFC 2920 §3.2 (1), (9)), and has no right to treat it otherwise. A client's input is never
// joined over what the client says: a server that answers before it was asked is at fault (RFC 5321 §4.3.1).

import { concat } from '../wire/octet.ts';
import { randomFrom } from '../wire/random.ts';
import type { Script, Step } from './script.ts';

export interface Segmentation {
  readonly name: string;
  /** Whether all input is given at once up to the next event of the world. */
  readonly ahead: boolean;
  /** The segments of one run of octets that stands in the transcript with these cuts. */
  readonly cut: (written: readonly Uint8Array[]) => Iterable<Uint8Array>;
}

const RANDOM_CUTS = 20;
/** Longest piece at random cuts, taken in turn. */
const LONGEST_PIECES = [3, 9, 40, 200];

export const OCTET_BY_OCTET: Segmentation = { name: 'octet by octet', ahead: false, cut: (written) => pieces(concat(written), () => 1) };

/** Every way in which the script is to be replayed. */
export function segmentationsOf({ header }: Script): Segmentation[] {
  const asWritten: Segmentation = { name: 'as written', ahead: false, cut: (written) => written };
  if (header.asWritten) return [asWritten];
  const server = header.subject === 'server';
  return [
    asWritten,
    OCTET_BY_OCTET,
    { name: 'coalesced', ahead: false, cut: (written) => [concat(written)] },
    ...(server ? [{ name: 'sent ahead', ahead: true, cut: (written: readonly Uint8Array[]) => [concat(written)] }] : []),
    ...Array.from({ length: RANDOM_CUTS }, (_, seed): Segmentation => {
      const random = randomFrom(seed);
      const longest = LONGEST_PIECES[seed % LONGEST_PIECES.length] ?? 1;
      const ahead = server && seed >= RANDOM_CUTS / 2;
      const length = (): number => 1 + Math.floor(random() * longest);
      return { name: `random cuts ${seed}${ahead ? ', sent ahead' : ''}`, ahead, cut: (written) => pieces(concat(written), length) };
    }),
  ];
}

/** The steps with all input of a stretch at the place of its first, a stretch being what stands between events of the world. */
export function sendAhead(steps: readonly Step[]): Step[] {
  const ordered: Step[] = [];
  let input: Uint8Array[] | undefined; // of the stretch, at its place in `ordered`
  for (const step of steps) {
    if (step.type === 'world') input = undefined;
    if (step.type !== 'receive') ordered.push(step);
    else if (input === undefined) ordered.push({ ...step, segments: (input = [...step.segments]) });
    else for (const segment of step.segments) input.push(segment);
  }
  return ordered;
}

/** One at a time: a list of ten million octets, each a piece, does not fit into memory. */
function* pieces(octets: Uint8Array, length: () => number): Generator<Uint8Array, void> {
  for (let at = 0, end; at < octets.length; at = end) {
    end = at + length();
    yield octets.subarray(at, end);
  }
}
