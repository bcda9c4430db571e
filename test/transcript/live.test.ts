import { describe, expect, it } from 'vitest';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import { turnsOf } from '../../src/transcript/live.ts';
import { cpuTime } from '../support/cpu-time.ts';

/** The turns in short: `7 hear 250`. */
function turns(body: string, subject = 'server'): readonly string[] | string {
  const transcript = parseTranscript(`Title: x\nSource: y\nSubject: ${subject}\n\n${body}`);
  if (isTranscriptFault(transcript)) return 'no transcript';
  const read = turnsOf(transcript);
  if (isTranscriptFault(read)) return `line ${read.line}: ${read.expected}`;
  return read.map((turn) => {
    const more = turn.type === 'say' ? ` ${JSON.stringify(decodeLatin1(turn.octets))}` : turn.type === 'hear' ? ` ${turn.code} ${turn.text}` : '';
    return `${turn.line} ${turn.type}${more}`;
  });
}

describe('a transcript as turns', () => {
  it('says what the client says, and hears a reply for each, of one line or more', () => {
    expect(turns('S: 220 mx\nC: EHLO a\nS: 250-mx\nS: 250 HELP\n# a remark\nA: ask client\nC: NOOP\n/\nC: QUIT\nS: 250 ok\nS: 221 bye\n* close\n')).toEqual([
      '5 hear 220 S: 220 mx', '6 say "EHLO a\\r\\n"', '7 hear 250 S: 250-mx', '11 say "NOOP\\r\\nQUIT\\r\\n"', '14 hear 250 S: 250 ok', '15 hear 221 S: 221 bye', '16 close',
    ]);
  });

  it('hears replies that were cut', () => {
    expect(turns('S= "22"\n/\nS= "0-a\\r\\n220 "\nS= "b\\r\\n"\n')).toEqual(['5 hear 220 S= "22"']);
  });

  // found by measuring: a reply of 10,000 lines took 15 seconds, a mail of 40,000 half as long
  it.each([['what the client says', 'C: some text of a mail\n', ''], ['a reply', 'S: 250-some text of a reply\n', 'S: 250 x\n']])('has %s in linear time', (_, line, end) => {
    expect(cpuTime(() => void expect(turns(line.repeat(30_000) + end)).toHaveLength(1))).toBeLessThan(5_000);
  });

  it('shakes hands, ends its side, and goes no further than the connection', () => {
    expect(turns('C: STARTTLS\nS: 220 go\n* tls\n* eof\n* clock +5m\n* lost\nC: NOOP\n')).toEqual(['5 say "STARTTLS\\r\\n"', '6 hear 220 S: 220 go', '7 tls', '8 eof']);
  });

  it('ends where a client closes, and hears the end that came from its server', () => {
    const ofClient = (body: string): readonly string[] | string => turns(body, 'client');
    expect(ofClient('S: 220 mx\nC: QUIT\nS: 221 bye\n* close\nC: NOOP\n')).toEqual(['5 hear 220 S: 220 mx', '6 say "QUIT\\r\\n"', '7 hear 221 S: 221 bye']);
    expect(ofClient('S: 220 mx\n* eof\n* close\n')).toEqual(['5 hear 220 S: 220 mx', '6 close']);
  });

  it('is not what the server says without sense', () => {
    expect(turns('S: hello\n')).toBe('line 5: a reply, to compare with what the server says');
  });
});
