// What stands behind the options in an input for a session: the peer's octets, and among them cues, two octets each, for
// what else happens. A cue is 0xff and a letter; 0xff twice is the octet 0xff, which UTF-8 never has.

export type Cue =
  | { readonly type: 'octets'; readonly octets: Uint8Array }
  | { readonly type: 'cue'; readonly letter: string };

const MARK = 0xff;

export function readCues(octets: Uint8Array): Cue[] {
  const cues: Cue[] = [];
  let text: number[] = [];
  const end = (): void => {
    if (text.length > 0) cues.push({ type: 'octets', octets: Uint8Array.from(text) });
    text = [];
  };
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at] ?? 0;
    if (octet !== MARK) {
      text.push(octet);
      continue;
    }
    at += 1;
    const letter = octets[at];
    if (letter === MARK) text.push(MARK);
    else if (letter !== undefined) {
      end();
      cues.push({ type: 'cue', letter: String.fromCharCode(letter) });
    }
  }
  end();
  return cues;
}

/** The same, as octets. */
export function formatCues(cues: readonly Cue[]): Uint8Array {
  return Uint8Array.from(cues.flatMap((cue) => (cue.type === 'cue' ? [MARK, cue.letter.charCodeAt(0)] : [...cue.octets].flatMap((octet) => (octet === MARK ? [MARK, MARK] : [octet])))));
}

/** Runs of octets that only cuts part become one. */
export function withoutCuts(cues: readonly Cue[]): Cue[] {
  return readCues(formatCues(cues.filter((cue) => cue.type !== 'cue' || cue.letter !== CUT)));
}

/** A segment ends here. */
export const CUT = 'c';
