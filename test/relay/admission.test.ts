import { describe, expect, it } from 'vitest';
import { admit, contains, isQualified, parseCidr, type Admission } from '../../src/relay/admission.ts';
import { forwardPath } from '../support/path.ts';

function admission(accept: readonly string[], ...relayFrom: readonly string[]): Admission {
  return { accept: new Set(accept), relayFrom: relayFrom.map(parseCidr).filter((range) => range !== undefined) };
}

const KNOWN: NonNullable<Admission['mailboxes']> = new Map([['b.test', new Set(['bob', 'b o b'])]]);

describe('admission (RFC 5321 §3.6.2, §7.9)', () => {
  // shows RFC5321:2.3.11-1 RFC5321:7.9-2
  it.each<[string, Admission, string, string]>([
    ['local', admission(['b.test']), '192.0.2.1', '<bob@b.test>'],
    ['local', admission(['b.test']), '192.0.2.1', '<bob@B.Test>'],
    ['denied', admission(['b.test']), '192.0.2.1', '<bob@sub.b.test>'],
    ['denied', admission(['sub.b.test']), '192.0.2.1', '<bob@b.test>'],
    ['denied', admission([]), '192.0.2.1', '<bob@b.test>'],
    ['local', admission(['*']), '192.0.2.1', '<bob@b.test>'],
    ['local', admission([]), '192.0.2.1', '<Postmaster>'],
    ['denied', admission([]), '192.0.2.1', '<postmaster@b.test>'],
    // shows RFC3461:9.3-1
    ['local', { ...admission([]), hostname: 'MX.b.test' }, '192.0.2.1', '<postMaster@mx.B.test>'], // §4.5.1
    ['local', { ...admission([]), hostname: 'mx.b.test' }, '192.0.2.1', '<"postmaster"@mx.b.test>'],
    ['denied', { ...admission([]), hostname: 'mx.b.test' }, '192.0.2.1', '<postmaster@b.test>'],
    ['denied', { ...admission([]), hostname: 'mx.b.test' }, '192.0.2.1', '<bob@mx.b.test>'],
    ['relay', admission([], '192.0.2.0/24'), '192.0.2.1', '<bob@b.test>'],
    ['local', admission(['b.test'], '192.0.2.0/24'), '192.0.2.1', '<bob@b.test>'],
    ['denied', admission([], '192.0.2.0/24'), '192.0.3.1', '<bob@b.test>'],
    ['denied', admission([], '192.0.2.0/24'), '', '<bob@b.test>'],
    ['relay', admission([], '10.0.0.0/8', '2001:db8::/32'), '2001:db8::1', '<bob@b.test>'],
    ['local', admission(['[192.0.2.9]']), '192.0.2.1', '<bob@[192.0.2.9]>'],
    // a source route and a quoted @ are no way round: what counts is the domain of the mailbox
    ['denied', admission(['b.test']), '192.0.2.1', '<@b.test:eve@elsewhere.test>'],
    ['denied', admission(['b.test']), '192.0.2.1', '<"eve@b.test"@elsewhere.test>'],
    ['denied', admission(['b.test']), '192.0.2.1', '<eve%b.test@elsewhere.test>'],
    ['local', admission(['b.test']), '192.0.2.1', '<eve%elsewhere.test@b.test>'],
    // of a domain whose mailboxes are known, for whoever asks
    ['local', { ...admission([]), mailboxes: KNOWN }, '192.0.2.1', '<bob@b.test>'],
    ['local', { ...admission([]), mailboxes: KNOWN }, '192.0.2.1', '<"BOB"@B.test>'],
    ['local', { ...admission([]), mailboxes: KNOWN }, '192.0.2.1', '<"b o b"@b.test>'],
    ['local', { ...admission([]), mailboxes: KNOWN }, '192.0.2.1', '<Postmaster@b.test>'], // §4.5.1
    ['unknown', { ...admission([]), mailboxes: KNOWN }, '192.0.2.1', '<carol@b.test>'],
    ['unknown', { ...admission([], '192.0.2.0/24'), mailboxes: KNOWN }, '192.0.2.1', '<carol@b.test>'],
    ['unknown', { ...admission([]), mailboxes: KNOWN, hostname: 'b.test' }, '192.0.2.1', '<carol@b.test>'],
    ['denied', { ...admission([]), mailboxes: KNOWN }, '192.0.2.1', '<bob@c.test>'],
    ['relay', { ...admission([], '192.0.2.0/24'), mailboxes: KNOWN }, '192.0.2.1', '<bob@c.test>'],
  ])('is %s for %j, %s and %s', (admitted, to, client, text) => {
    expect(admit(to, client, forwardPath(text))).toBe(admitted);
  });
});

describe('a domain that is fully qualified (RFC 6409 §4.2)', () => {
  it.each<[string, Admission, boolean]>([
    ['<bob@b.test>', admission([]), true],
    ['<bob@[192.0.2.1]>', admission([]), true],
    ['<Postmaster>', admission([]), true],
    ['<bob@sales>', admission([]), false],
    ['<bob@SALES>', admission(['sales']), true],
    ['<bob@sales>', admission(['*']), true],
    ['<bob@sales>', { ...admission([]), mailboxes: new Map([['sales', new Set(['bob'])]]) }, true],
    ['<bob@Next>', admission([]), true],
    ['<bob@mx>', { ...admission([]), hostname: 'MX' }, true],
    ['<@a.test:bob@sales>', admission([]), false],
  ])('%s, where %j: %s', (text, to, qualified) => {
    expect(isQualified(to, forwardPath(text), new Map([['next', 1]]))).toBe(qualified);
  });
});

describe('a range of addresses (RFC 4632)', () => {
  it.each<[string, string, boolean]>([
    ['192.0.2.0/24', '192.0.2.0', true],
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['192.0.2.77/24', '192.0.2.1', true], // host bits do not count
    ['192.0.2.128/25', '192.0.2.127', false],
    ['192.0.2.128/25', '192.0.2.128', true],
    ['10.0.0.0/7', '11.255.255.255', true],
    ['10.0.0.0/7', '12.0.0.0', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1/32', '192.0.2.1', true],
    ['192.0.2.1/31', '192.0.2.0', true],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '192.0.2.1', false],
    ['::1/128', '::1', true],
    ['::1', '::2', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['127.0.0.0/8', '::ffff:127.0.0.1', true], // RFC 4291 §2.5.5.2
    ['127.0.0.0/8', '::FFFF:128.0.0.1', false],
    ['127.0.0.0/8', 'localhost', false],
    ['127.0.0.0/8', '', false],
  ])('%s has %s: %s', (range, address, inside) => {
    const cidr = parseCidr(range);
    expect(cidr !== undefined && contains(cidr, address)).toBe(inside);
    expect(cidr).toBeDefined();
  });

  it.each(['', '/', '/8', '192.0.2.0/', '192.0.2.0/33', '192.0.2.0/-1', '192.0.2.0/8/8', '192.0.2.0/1x', '192.0.2.0/ 8', '192.0.2/24', '256.0.0.0/8', '::/129', '::1/', '[::1]/128', 'localhost', '10.0.0.0/0008'])('is not %j', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});
