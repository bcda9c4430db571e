import { describe, expect, it } from 'vitest';
import { holdsAddress, readVerification, sayable } from '../../../src/protocol/server/internationalized.ts';
import { reply } from '../../../src/syntax/reply.ts';

describe('the argument of VRFY (RFC 6531 §3.7.4.2)', () => {
  it.each([
    ['bob', true, 'bob', false],
    ['bob SMTPUTF8', true, 'bob', true],
    ['Jörg Müller smtputf8', true, 'Jörg Müller', true],
    ['SMTPUTF8', true, 'SMTPUTF8', false], // whoever is called so
    ['bob SMTPUTF8 ', true, 'bob SMTPUTF8 ', false],
    ['bob SMTPUTF8=1', true, 'bob SMTPUTF8=1', false],
    ['bob SMTPUTF8', false, 'bob SMTPUTF8', false],
  // shows RFC6531:3.7.4.2-4
  ])('%j, SMTPUTF8 offered: %j', (argument, offered, text, utf8) => {
    expect(readVerification(argument, offered)).toEqual({ text, utf8 });
  });
});

describe('a reply of the application', () => {
  const plain = reply(251, '2.1.5', 'will forward to <bob@example.net>');
  const forward = reply(251, '2.1.5', 'will forward to <jörg@example.net>');
  const moved = reply(551, '5.1.6', 'please try <jörg@example.net>');

  it('is said as it is where it is ASCII, or where UTF-8 was asked for', () => {
    for (const utf8 of [false, true]) expect(sayable(plain, utf8)).toBe(plain);
    for (const one of [forward, moved]) expect(sayable(one, true)).toBe(one);
    expect(sayable(undefined, false)).toBeUndefined();
  });

  it('is 250 for 251, 550 for 551, and no address in either (§3.7.4.1)', () => {
    expect(sayable(forward, false)).toBeUndefined(); // the RFC's own words
    expect(sayable(moved, false)).toEqual(reply(550, '5.1.6', 'mailbox not here'));
  });

  it('tells of another address in 251 and 551 alone, so that nothing else need be in UTF-8 (§3.7.4.1)', () => {
    expect([forward, moved, reply(250, '2.1.5', 'für'), reply(550, '5.1.1', 'jörg ist unbekannt'), 'recipient ok'].map(holdsAddress)).toEqual([true, true, false, false, false]);
  });

  it('is said as far as ASCII goes where it refuses for another reason', () => {
    const refusal = reply(550, '5.1.1', 'jörg ist unbekannt');
    expect(sayable(refusal, false)).toBe(refusal);
  });
});
