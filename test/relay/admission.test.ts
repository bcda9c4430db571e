import { describe, expect, it } from 'vitest';
import { admit, isQualified, type Admission } from '../../src/relay/admission.ts';
import { parseCidr } from '../../src/relay/cidr.ts';
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
    ['local', { ...admission([]), mailboxes: new Map([['b.test', new Set(['kåre'])]]) }, '192.0.2.1', '<KÅRE@b.test>'],
    ['unknown', { ...admission([]), mailboxes: new Map([['b.test', new Set(['kåre'])]]) }, '192.0.2.1', '<\u212aåre@b.test>'], // the Kelvin sign, whose lower case is k, and whom no store knows
    ['unknown', { ...admission([]), mailboxes: new Map([['b.test', new Set(['kåre'])]]) }, '192.0.2.1', '<k\u212bre@b.test>'], // the sign of the angstrom
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
