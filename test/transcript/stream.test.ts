import { describe, expect, it } from 'vitest';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { SentStream, ToldStream } from '../../src/transcript/stream.ts';
import { cpuTime } from '../support/cpu-time.ts';

function sentLine(text: string, line = 1): Parameters<SentStream['await']>[0] {
  const octets = encodeAscii(`${text}\r\n`);
  return { type: 'sent', octets, entry: { type: 'octets', from: 'S', exact: false, text, octets, line } };
}

describe('what was sent', () => {
  it('is compared as far as it has come, and shown from the begin of its line on', () => {
    const stream = new SentStream('S');
    for (const text of ['250 a', '250 b', '250 c']) stream.await(sentLine(text));
    stream.add(encodeAscii('250 a\r\n25'));
    expect(stream.compare(9, false)).toBeUndefined();
    expect(stream.describeLast()).toBe('S= "25"');
    stream.add(encodeAscii('0 x\r\n'));
    expect(stream.compare(9, false)).toEqual({ line: 1, expected: 'S: 250 b', got: 'S: 250 x' });
  });

  it('has to be all that is awaited, where it should be complete, and nothing more', () => {
    const stream = new SentStream('S');
    stream.await(sentLine('250 a', 7));
    expect(stream.compare(9, false)).toBeUndefined();
    expect(stream.compare(9, true)).toEqual({ line: 7, expected: 'S: 250 a', got: 'nothing' });
    stream.add(encodeAscii('250 a\r\n'));
    expect(stream.compare(9, false)).toBeUndefined();
    stream.add(encodeAscii('250 b\r\n'));
    expect(stream.compare(9, false)).toEqual({ line: 9, expected: 'nothing more to be sent before', got: 'S: 250 b' });
  });

  it('is compared in linear time, though it is looked at before each word of the application', () => { // found by measuring: 500 mails took 16 seconds
    const stream = new SentStream('S');
    const step = sentLine('250 2.1.5 recipient ok');
    expect(cpuTime(() => {
      for (let lines = 0; lines < 40_000; lines++) {
        stream.await(step);
        stream.add(step.octets);
        if (stream.compare(1, false) !== undefined) throw new Error('it is as awaited');
      }
    })).toBeLessThan(2_000);
  });
});

describe('what was told', () => {
  it('is compared in linear time, content with it', () => {
    const stream = new ToldStream();
    const sent = new SentStream('S');
    const said = { say: 'data' } as const;
    const content = (text: string) => ({ say: 'content', octets: encodeAscii(text), text }) as const;
    expect(cpuTime(() => {
      for (let mails = 0; mails < 40_000; mails++) for (const each of [said, content('a'), content('b')]) stream.add({ type: 'told', said: each });
      for (let mails = 0; mails < 40_000; mails++) {
        for (const each of [said, content('ab')]) {
          const step = { type: 'told', said: each, entry: { type: 'application', said: each, line: 1 } } as const;
          if (stream.compare(step, sent) !== undefined) throw new Error('it is as awaited');
        }
      }
    })).toBeLessThan(2_000);
    expect(stream.rest(1, true)).toBeUndefined();
  });

  it('leaves out content that may be compared further down, and nothing else', () => {
    const stream = new ToldStream();
    stream.add({ type: 'told', said: { say: 'data' } });
    stream.add({ type: 'told', said: { say: 'content', octets: encodeAscii('a'), text: 'a' } });
    const data = { type: 'told', said: { say: 'data' }, entry: { type: 'application', said: { say: 'data' }, line: 1 } } as const;
    expect(stream.rest(3, false)).toEqual({ line: 3, expected: 'nothing more to be told before', got: 'A: data' });
    expect(stream.compare(data, new SentStream('S'))).toBeUndefined();
    expect(stream.rest(3, false)).toBeUndefined();
    expect(stream.rest(3, true)).toEqual({ line: 3, expected: 'nothing more to be told before', got: 'A: content "a"' });
    expect(stream.compare(data, new SentStream('S'))).toEqual({ line: 1, expected: 'A: data', got: 'A: content "a"' });
  });
});
