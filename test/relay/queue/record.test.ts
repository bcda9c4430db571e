import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../src/relay/queue/checksum.ts';
import { decodeFact, encodeFact, MOST_RECIPIENTS, NOT_ATTEMPTED, type Fact } from '../../../src/relay/queue/fact.ts';
import { PayloadReader, PayloadWriter } from '../../../src/relay/queue/payload.ts';
import { HEADER, readRecord, seal, secretOf } from '../../../src/relay/queue/record.ts';
import { concat } from '../../../src/wire/octet.ts';
import { encodeAscii } from '../../../src/wire/ascii.ts';
import { cpuTime } from '../../support/cpu-time.ts';
import { randomOf } from '../../support/random.ts';

const REPLY = { code: 451, enhanced: '4.7.1', lines: ['greylisted', 'come back'] };
const ENVELOPE = { id: 'm0-1', arrival: 1_753_000_000_000, reversePath: '<alice@sender.test>', forwardPaths: ['<bob@peer.test>', '<пример@пример.test>'], size: 7, eightBit: true, parameters: '', recipientParameters: [] };
const ASKED = { ...ENVELOPE, parameters: 'BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb', recipientParameters: ['NOTIFY=SUCCESS,DELAY', ''] };

const FACTS: readonly Fact[] = [
  { type: 'SEG', version: 1, segment: 42 },
  { type: 'ENQ', envelope: ENVELOPE, external: false, cause: undefined },
  { type: 'ENQ', envelope: { ...ENVELOPE, size: 2 ** 40, eightBit: false }, external: true, cause: { id: 'm', turn: 2 ** 50, nextAttempt: 0, recipients: [{ recipient: 300, state: { state: 'failed', reply: { ...REPLY, enhanced: undefined }, host: 'mx.test' } }], warned: [] } },
  { type: 'ENQ', envelope: ASKED, external: false, cause: { id: 'm', turn: 1, nextAttempt: 9, recipients: [], warned: [0, 200] } },
  { type: 'ENQ', envelope: { ...ASKED, parameters: '' }, external: true, cause: undefined },
  { type: 'RES', results: { id: 'm', turn: 3, nextAttempt: 17, recipients: [{ recipient: 0, state: { state: 'delivered' } }, { recipient: 1, state: { state: 'waiting', reply: REPLY } }], warned: [] } },
  { type: 'RES', results: { id: 'm', turn: 4, nextAttempt: 17, recipients: [], warned: [3] } },
  { type: 'ATT', id: 'm', turn: 128, host: 'mx.test', recipients: [0, 127, 128, 16_384] },
  { type: 'STATE', envelope: ENVELOPE, external: false, next: { turn: 1, value: 2 }, held: { turn: 3, value: 1 }, recipients: [{ state: 'waiting', turn: 4, attempted: { turn: 5, host: 'mx' }, unsettled: { turn: 5, host: 'mx' } as { host: string } }, { state: 'failed', reply: REPLY, turn: 6, attempted: NOT_ATTEMPTED }] },
  { type: 'STATE', envelope: { ...ASKED, recipientParameters: [] }, external: true, next: { turn: 1, value: 2 }, held: { turn: 0, value: 0 }, recipients: [{ state: 'waiting', turn: 4, attempted: NOT_ATTEMPTED }, { state: 'waiting', turn: 6, attempted: NOT_ATTEMPTED, warned: true }] },
  { type: 'STATE', envelope: ASKED, external: false, next: { turn: 0, value: 2 }, held: { turn: 0, value: 0 }, recipients: [{ state: 'waiting', turn: 6, attempted: NOT_ATTEMPTED, warned: true }] },
  { type: 'HOLD', id: 'm', turn: 1, order: 'return' },
  { type: 'KILL', id: 'm' },
];

const PLACE = { secret: secretOf(0x12345678, 42), sequence: 7, watermark: 4096 };

function recordOf(fact: Fact, place = PLACE): Uint8Array {
  const content = 'external' in fact && !fact.external ? [encodeAscii('con'), encodeAscii('tent')] : [];
  const draft = encodeFact(fact, crc32, content);
  seal(draft, place, crc32);
  return concat([draft.octets, ...draft.behind]);
}

describe('CRC-32', () => {
  it('is that of zlib, in one piece and in two', () => {
    const random = randomOf(1);
    for (let length = 0; length < 200; length++) {
      const octets = Uint8Array.from({ length }, () => random.below(256));
      const cut = random.below(length + 1);
      expect(crc32(octets)).toBe(zlibCrc32?.(octets));
      expect(crc32(octets.subarray(cut), crc32(octets.subarray(0, cut)))).toBe(zlibCrc32?.(octets));
    }
  });
});

/** A writer that has the first 30,000 octets of a buffer. */
function atBeginning(): PayloadWriter {
  for (;;) {
    const to = new PayloadWriter(0, 30_000);
    if (to.written.byteOffset === 0) return to;
  }
}

describe('a payload', () => {
  it('gives numbers back, up to the largest that is exact', () => {
    const numbers = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 49 - 1, 2 ** 53 - 1];
    const to = new PayloadWriter(0);
    for (const number of numbers) to.number(number);
    expect(to.length).toBe(35); // no octet more than they take
    const from = new PayloadReader(to.written);
    expect(numbers.map(() => from.number())).toEqual(numbers);
    expect(from.sound && from.rest === 0).toBe(true);
  });

  it('gives back what several writers wrote by turns, each more than was expected of it', () => {
    const writers = Array.from({ length: 40 }, (_, index) => ({ text: `${index}`.repeat(200 * (index + 1)), to: new PayloadWriter(5, index) }));
    for (let part = 0; part < 3; part++) for (const { to, text } of writers) to.text(text);
    for (const { to, text } of writers) {
      expect(to.length).toBe(to.written.length);
      const from = new PayloadReader(to.finish().subarray(5));
      expect([from.text(), from.text(), from.text(), from.rest]).toEqual([text, text, text, 0]);
      new PayloadWriter(0).text('another one, where there is room again');
    }
  });

  it('takes nothing from another writer when one comes to its end, whatever was expected of it', () => {
    const first = atBeginning();
    const second = new PayloadWriter(0, 10_000); // up to 40,000
    const large = new PayloadWriter(0, 40_000); //  not in the same buffer
    const writers = [first, second, large];
    for (const [index, to] of writers.entries()) to.text(`${index}`.repeat(100));
    first.finish();
    large.finish();
    new PayloadWriter(0, 30_000).text('x'.repeat(29_990));
    expect(writers.map(({ written }) => new PayloadReader(written).text())).toEqual(['0'.repeat(100), '1'.repeat(100), '2'.repeat(100)]);
  });

  it.each([7, 8])('goes on elsewhere where the largest number does not fit into %i octets', (expected) => {
    const [number, next] = [new PayloadWriter(0, expected), new PayloadWriter(0)];
    next.text('next');
    number.number(2 ** 53 - 1);
    expect(new PayloadReader(number.written).number()).toBe(2 ** 53 - 1);
    expect([...next.written]).toEqual([4, ...encodeAscii('next')]);
  });

  it('goes on elsewhere where a buffer ends', () => {
    atBeginning();
    new PayloadWriter(0, 65_536 - 30_000 - 17);
    const to = new PayloadWriter(0, 7); // and 10 octets are left
    to.octets(new Uint8Array(14).fill(1));
    expect([...to.written]).toEqual(new Array<number>(14).fill(1));
  });

  it('gives text back, ASCII or not', () => {
    const texts = ['', 'a', 'a'.repeat(300), 'ü', '日本語 and more', 'a'.repeat(200) + '\u{1f4e7}'];
    const to = new PayloadWriter(20);
    for (const text of texts) to.text(text);
    const from = new PayloadReader(to.written.subarray(20));
    expect(texts.map(() => from.text())).toEqual(texts);
    expect(from.sound && from.rest === 0).toBe(true);
  });

  it('is unsound where it is too short, claims too much, or holds a number that is none', () => {
    const reads: readonly (readonly [readonly number[], (from: PayloadReader) => unknown])[] = [
      [[], (from) => from.number()],
      [[0x80], (from) => from.number()],
      [Array.from({ length: 12 }, () => 0xff), (from) => from.number()],
      [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10], (from) => from.number()], // 2 ** 53 and more
      [[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0], (from) => from.number()],
      [[5, 97], (from) => from.text()],
      [[1, 0xff], (from) => from.text()],
      [[0xff, 0xff, 0xff, 0xff, 0x7f], (from) => from.list(() => from.number())],
    ];
    for (const [octets, read] of reads) {
      const from = new PayloadReader(Uint8Array.from(octets));
      read(from);
      expect(from.sound, octets.join()).toBe(false);
    }
  });
});

describe('a record', () => {
  it.each(FACTS)('gives the fact back: $type', (fact) => {
    const octets = recordOf(fact);
    const record = readRecord(octets, 0, PLACE.secret, crc32);
    expect(record).toMatchObject({ type: fact.type, sequence: 7, watermark: 4096 });
    expect(record === undefined ? undefined : decodeFact(record)).toEqual(fact);
  });

  it('of the state of a mail gives back in linear time whose delay the sender knows of', () => { // found by measuring: a start took 5 s for such a mail
    const recipients = Array.from({ length: MOST_RECIPIENTS }, () => ({ state: 'waiting', turn: 1, attempted: NOT_ATTEMPTED, warned: true }) as const);
    const record = readRecord(recordOf({ type: 'STATE', envelope: ENVELOPE, external: true, next: { turn: 1, value: 2 }, held: { turn: 0, value: 0 }, recipients }), 0, PLACE.secret, crc32);
    expect(cpuTime(() => void (record === undefined ? undefined : decodeFact(record)))).toBeLessThan(1_500);
  });

  it('that orders what this version does not know holds the mail', () => {
    const payload = new PayloadWriter(0);
    payload.text('m');
    for (const number of [1, 3]) payload.number(number);
    expect(decodeFact({ type: 'HOLD', flags: 0, sequence: 0, watermark: 0, payload: payload.finish() })).toMatchObject({ order: 'hold' });
  });

  it.each([[0, 'waiting'], [1, 'delivered'], [2, 'failed'], [3, undefined]] as const)('has no fact where a recipient has a state that this version does not know: %i', (number, state) => {
    const payload = new PayloadWriter(0);
    payload.text('m');
    for (const each of [1, 5, 1, 0, number]) payload.number(each); // turn, time, one recipient, the first
    payload.text('mx.test');
    payload.number(0);
    const fact = decodeFact({ type: 'RES', flags: 0, sequence: 0, watermark: 0, payload: payload.finish() });
    expect(fact?.type === 'RES' ? fact.results.recipients[0]?.state.state : fact).toBe(state);
  });

  it('has its content at the end of its payload', () => {
    const having = FACTS.filter((fact) => 'external' in fact && !fact.external);
    expect(having.map(({ type }) => type)).toEqual(['ENQ', 'ENQ', 'STATE', 'STATE']);
    for (const fact of having) expect(recordOf(fact).subarray(-7)).toEqual(encodeAscii('content'));
  });

  it('is found at its place among other octets', () => {
    const octets = concat([new Uint8Array(13).fill(0x45), recordOf(FACTS[3] ?? { type: 'KILL', id: '' }), new Uint8Array(30)]);
    expect([...octets.keys()].filter((at) => readRecord(octets, at, PLACE.secret, crc32) !== undefined)).toEqual([13]);
  });

  it('is none when any octet of it is missing or any bit of it is another', () => {
    for (const fact of FACTS) {
      const octets = recordOf(fact);
      for (let length = 0; length < octets.length; length++) expect(readRecord(octets.subarray(0, length), 0, PLACE.secret, crc32)).toBeUndefined();
      for (let bit = 0; bit < 8 * octets.length; bit++) {
        const flipped = octets.slice();
        flipped[bit >> 3] = (octets[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        if (readRecord(flipped, 0, PLACE.secret, crc32) !== undefined) expect.fail(`${fact.type}: bit ${bit}`);
      }
    }
  });

  it('is none under the secret of another segment, or of another queue', () => {
    const octets = recordOf({ type: 'KILL', id: 'm' });
    for (const secret of [secretOf(0x12345678, 43), secretOf(0x12345679, 42), 0]) expect(readRecord(octets, 0, secret, crc32)).toBeUndefined();
  });

  it('has no fact where its payload is cut, though its checksum is right', () => {
    for (const fact of FACTS) {
      const { type, flags, octets } = encodeFact(fact, crc32);
      const whole = octets.subarray(HEADER);
      for (let length = 0; length < whole.length; length++) {
        const cut = decodeFact({ type, flags, sequence: 0, watermark: 0, payload: whole.subarray(0, length) });
        if (cut !== undefined) expect.fail(`${type} cut to ${length} octets`);
      }
    }
  });

  const naming: readonly (readonly [type: string, fact: (recipient: number) => Fact])[] = [
    ['an attempt', (recipient) => ({ type: 'ATT', id: 'm', turn: 1, host: '', recipients: [0, recipient] })],
    ['a result', (recipient) => ({ type: 'RES', results: { id: 'm', turn: 1, nextAttempt: 0, recipients: [{ recipient, state: { state: 'delivered' } }], warned: [] } })],
    ['a delay', (recipient) => ({ type: 'RES', results: { id: 'm', turn: 1, nextAttempt: 0, recipients: [], warned: [recipient] } })],
    ['a notification', (recipient) => ({ type: 'ENQ', envelope: { ...ENVELOPE, size: 0 }, external: false, cause: { id: 'm', turn: 1, nextAttempt: 0, recipients: [], warned: [recipient] } })],
  ];

  it.each(naming)('is none when %s names a recipient whom no mail has', (_, fact) => {
    const read = (recipient: number): Fact | undefined => {
      const { type, flags, octets } = encodeFact(fact(recipient), crc32);
      return decodeFact({ type, flags, sequence: 0, watermark: 0, payload: octets.slice(HEADER) });
    };
    expect(read(MOST_RECIPIENTS - 1)).toEqual(fact(MOST_RECIPIENTS - 1));
    for (const recipient of [MOST_RECIPIENTS, 2 ** 31, 2 ** 53 - 1]) expect(read(recipient)).toBeUndefined(); // else the fold makes room for each up to it
  });
});
