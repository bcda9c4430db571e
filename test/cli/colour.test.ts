import { describe, expect, it } from 'vitest';
import { inColours } from '../../src/cli/colour.ts';

const DIALOGUE = 'Title: a session\nSubject: client\n\nS: 220 mx.test\nC: EHLO client.test\nS: 250 mx.test\n* tls\nC: MAIL FROM:<>\nS: 452 4.3.1 full\nC: DATA\nS: 554 5.5.1 no\nC= "x"\nS= "354 \\xff"\nA: content "x"\n/\n# remark\n';

function colour(...pieces: readonly string[]): string {
  let shown = '';
  const write = inColours((text) => (shown += text));
  for (const piece of pieces) write(piece);
  return shown;
}

describe('a transcript in colours', () => {
  it('has one for what each side says, a reply by the class of its code', () => {
    const shown = colour(DIALOGUE).split('\n').map((line) => /^(?:\x1b\[(\d+)m)?(.*?)(?:\x1b\[0m)?$/.exec(line)?.slice(1).join(' '));
    expect(shown).toEqual([
      '2 Title: a session', '2 Subject: client', ' ', '32 S: 220 mx.test', '36 C: EHLO client.test', '32 S: 250 mx.test', '35 * tls', '36 C: MAIL FROM:<>',
      '33 S: 452 4.3.1 full', '36 C: DATA', '31 S: 554 5.5.1 no', '36 C= "x"', '32 S= "354 \\xff"', '2 A: content "x"', '2 /', '2 # remark', ' ',
    ]);
  });

  it('is the same transcript without them, in whatever pieces it comes', () => {
    expect(colour(DIALOGUE).replace(/\x1b\[\d+m/g, '')).toBe(DIALOGUE);
    expect(colour(...DIALOGUE)).toBe(colour(DIALOGUE));
  });
});
