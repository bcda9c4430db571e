import { afterEach, describe, expect, it, vi } from 'vitest';
import { openLog, type LogFields } from '../../src/node/log.ts';

vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);

function line(format: 'text' | 'json', fields: LogFields): string {
  let written = '';
  openLog(format, { write: (text) => (written += text), waiting: 0 })('accepted', fields);
  return written;
}

afterEach(() => void vi.useRealTimers());

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

describe('the log as text', () => {
  it('is the time, the event and its fields in a line', () => {
    const written = line('text', { id: 'm1', from: '<alice@a.test>', size: 7, gaveUp: true });
    expect(written).toMatch(TIME);
    expect(written.replace(TIME, '')).toBe('accepted id=m1 from=<alice@a.test> size=7 gaveUp=true\n');
  });

  it('tells the time of each line, whether it is that of the line before or not', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 });
    let written = '';
    const log = openLog('text', { write: (text) => (written += text), waiting: 0 });
    for (const now of [0, 0, 1, 1_000, 999]) {
      vi.setSystemTime(now);
      log('accepted', {});
    }
    expect(written.replaceAll(' accepted\n', ' ').trim().split(' ')).toEqual(['00.000', '00.000', '00.001', '01.000', '00.999'].map((seconds) => `1970-01-01T00:00:${seconds}Z`));
  });

  it('leaves out what is undefined', () => {
    expect(line('text', { id: 'm1', host: undefined }).replace(TIME, '')).toBe('accepted id=m1\n');
  });

  it.each([
    ['two words', '"two words"'],
    ['', '""'],
    ['say "hi"', '"say \\"hi\\""'],
    ['back\\slash', '"back\\\\slash"'],
    ['two\r\nlines', '"two\\r\\nlines"'],
    ['\x1b[2J', '"\\u001b[2J"'],
    ['bücher', '"bücher"'],
    ['<"a"@b.test>', '"<\\"a\\"@b.test>"'],
    ['a=b', 'a=b'],
  ])('writes %j so that a line stays a line', (value, written) => {
    expect(line('text', { reply: value }).replace(TIME, '')).toBe(`accepted reply=${written}\n`);
  });

  it('holds no control character, whatever a peer has said', () => {
    const everything = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    for (const format of ['text', 'json'] as const) expect(line(format, { reply: everything }).slice(0, -1)).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
    expect(JSON.parse(line('json', { reply: everything }))).toMatchObject({ reply: everything });
  });
});

describe('a log that nobody reads', () => {
  it('leaves lines out, and says how many when there is room again', () => {
    const [output, lines] = [{ waiting: 5_000_000, write: (text: string) => lines.push(text.replace(TIME, '')) }, [] as string[]];
    const log = openLog('text', output);
    for (let mail = 0; mail < 3; mail++) log('accepted', { id: mail });
    expect(lines).toEqual([]);
    output.waiting = 0;
    for (let mail = 3; mail < 5; mail++) log('accepted', { id: mail });
    expect(lines).toEqual(['unlogged lines=3\n', 'accepted id=3\n', 'accepted id=4\n']);
  });

  // found by a burst of long lines: nothing happened behind it for minutes, and so long nobody knew that lines were missing
  it('says so a moment after there is room again, though nothing happens that there is a line for', () => {
    vi.useFakeTimers();
    const [output, lines] = [{ waiting: 5_000_000, write: (text: string) => lines.push(text.replace(TIME, '')) }, [] as string[]];
    const log = openLog('text', output);
    for (let mail = 0; mail < 3; mail++) log('accepted', { id: mail });
    vi.advanceTimersByTime(10_000);
    expect(lines).toEqual([]);
    output.waiting = 0;
    vi.advanceTimersByTime(10_000);
    expect(lines).toEqual(['unlogged lines=3\n']);
    log('accepted', { id: 3 });
    vi.advanceTimersByTime(10_000);
    expect(lines).toEqual(['unlogged lines=3\n', 'accepted id=3\n']);
  });
});

describe('the log as JSON', () => {
  it('is an object a line', () => {
    const written = line('json', { id: 'm1', size: 7, reply: 'two\r\nlines', host: undefined });
    expect(written.indexOf('\n')).toBe(written.length - 1);
    expect(JSON.parse(written)).toEqual({ time: expect.stringMatching(/Z$/), event: 'accepted', id: 'm1', size: 7, reply: 'two\r\nlines' });
  });
});
