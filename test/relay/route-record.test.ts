import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatAddressAnswer, formatMxAnswer, parseAddressAnswer, parseMxAnswer, type DnsAnswer, type MxRecord } from '../../src/relay/dns-answer.ts';
import { formatGiven, parseRouteRecord, replayRoute, type RouteRecord } from '../../src/relay/route-record.ts';

const FOLDER = join(import.meta.dirname, '../../fixtures/routes');
const FILES = readdirSync(FOLDER);

function parsed(text: string): RouteRecord {
  const record = parseRouteRecord(text);
  if (typeof record === 'string') throw new Error(`malformed: ${record}`);
  return record;
}

describe('a record of a route', () => {
  it.each(FILES)('%s leads to the same steps and the same plan again', (file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.length).toBeGreaterThan(5);
    expect(replayRoute(parsed(text))).toEqual(lines);
  });

  it('is replayed with what it was given', () => {
    const options = {
      ownNames: ['relay.test', '[192.0.2.1]'],
      ownAddresses: [{ address: '192.0.2.1', port: 25 }, { address: '2001:db8::1', port: 2525 }],
      routes: new Map([['.sub.test', { host: 'hop.test', port: 26 }], ['*', { host: '2001:db8::7', port: 25 }], ['d.test', { host: 'hop.test', port: 465, tlsAtOnce: true }], ['e.test', { host: 'store.test', port: 24, lmtp: true }]]),
      smarthost: { host: '2001:db8::8', port: 465, tlsAtOnce: true },
      mxPort: 2526,
      allowPrivateTargets: true,
    };
    const given = { domain: '[IPv6:2001:db8::9]', options, seed: 7 };
    expect(parsed(formatGiven(given).join('\n'))).toMatchObject(given);
  });

  it('says of an answer that it does not hold that it was not recorded', () => {
    expect(replayRoute(parsed('given    domain             d.test')).at(-1)).toContain('451 4.4.3 the DNS did not answer: MX of d.test: the answer was not recorded');
  });

  it.each(['nonsense', 'given    domain', 'given    colour             red', 'given    MX port            smtp', 'given    private targets    some', 'given    shuffle            now', 'given    route              hop.test', 'given    smarthost          :', 'given    own address        :25'])('%j is malformed, and told', (line) => {
    expect(parseRouteRecord(`# remark\n\ngiven    domain             d.test\n${line}\n`)).toBe(line);
  });

  it('needs a domain', () => {
    expect(parseRouteRecord('')).toBe('given    domain');
  });
});

describe('an answer of the DNS as text', () => {
  const OTHERS: readonly DnsAnswer<never>[] = [{ type: 'none' }, { type: 'nxdomain' }, { type: 'bad-name' }, { type: 'failure', reason: 'SERVFAIL' }, { type: 'failure', reason: 'no answer in time' }];

  it.each<DnsAnswer<MxRecord>>([
    ...OTHERS,
    { type: 'records', records: [{ preference: 10, exchange: 'mx1.test' }, { preference: 65535, exchange: 'MX2.Test' }] },
    { type: 'records', records: [{ preference: 10, exchange: 'a, 20 b.test' }, { preference: 0, exchange: '\r\n\\x20\u{1f600}\x7f' }] },
    { type: 'records', records: [{ preference: 10, exchange: `${'a'.repeat(60)}.${'b'.repeat(60)}.test` }] },
  ])('parses to the same MX answer: %j', (answer) => {
    expect(parseMxAnswer(formatMxAnswer(answer))).toEqual(answer);
    expect(formatMxAnswer(answer)).toMatch(/^[!-~ ]+$/);
  });

  it('has a dot for the null MX, which Node calls the empty string', () => {
    expect(formatMxAnswer({ type: 'records', records: [{ preference: 0, exchange: '' }] })).toBe('0 .');
    expect(parseMxAnswer('0 .')).toEqual({ type: 'records', records: [{ preference: 0, exchange: '.' }] });
  });

  it.each<DnsAnswer<string>>([...OTHERS, { type: 'records', records: ['192.0.2.1', '192.0.2.2'] }, { type: 'records', records: ['2001:db8::1', '::ffff:192.0.2.1'] }])('parses to the same addresses: %j', (answer) => {
    expect(parseAddressAnswer(formatAddressAnswer(answer))).toEqual(answer);
  });
});
