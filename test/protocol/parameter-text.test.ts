import { describe, expect, it } from 'vitest';
import type { MailParameters, RecipientParameters } from '../../src/protocol/mail.ts';
import { formatMailParameters, formatRecipientParameters, parseMailParameters, parseRecipientParameters } from '../../src/protocol/parameter-text.ts';
import { randomOf } from '../support/random.ts';

const MAIL: readonly (readonly [MailParameters, string])[] = [
  [{}, ''],
  [{ size: 4711 }, ''],
  [{ body: '7BIT' }, 'BODY=7BIT'],
  [{ body: 'BINARYMIME', smtpUtf8: true, requireTls: true }, 'BODY=BINARYMIME SMTPUTF8 REQUIRETLS'],
  [{ ret: 'FULL', envelopeId: 'QQ+314 159=' }, 'RET=FULL ENVID=QQ+2B314+20159+3D'],
  [{ auth: '<>' }, 'AUTH=<>'],
  [{ auth: 'e=mc2@example.com' }, 'AUTH=e+3Dmc2@example.com'],
];

const RCPT: readonly (readonly [RecipientParameters, string])[] = [
  [{}, ''],
  [{ notify: [] }, 'NOTIFY=NEVER'],
  [{ notify: ['SUCCESS', 'FAILURE', 'DELAY'] }, 'NOTIFY=SUCCESS,FAILURE,DELAY'],
  [{ notify: ['DELAY'], originalRecipient: { type: 'rfc822', address: 'Bob Example+x@Example.Org' } }, 'NOTIFY=DELAY ORCPT=rfc822;Bob+20Example+2Bx@Example.Org'],
  [{ originalRecipient: { type: 'rfc822', address: '' } }, 'ORCPT=rfc822;'],
  [{ originalRecipient: { type: 'x400', address: '/C=US/ADMD=a;b/' } }, 'ORCPT=x400;/C+3DUS/ADMD+3Da;b/'],
  [{ originalRecipient: { type: 'utf-8', address: 'gr\u{fc}\u{df}e +=\\@example.com' } }, 'ORCPT=utf-8;gr\u{fc}\u{df}e\\x{20}\\x{2B}\\x{3D}\\x{5C}@example.com'],
  [{ originalRecipient: { type: 'utf-8', address: 'a\u{85}b' } }, 'ORCPT=utf-8;a\u{85}b'], // which the other form cannot say
];

describe('the parameters of MAIL and RCPT as text', () => {
  it.each(MAIL)('of MAIL: %j', (parameters, text) => {
    expect(formatMailParameters(parameters)).toBe(text);
    const { size: _, ...kept } = parameters;
    expect(parseMailParameters(text)).toEqual(kept);
  });

  it.each(RCPT)('of RCPT: %j', (parameters, text) => {
    expect(formatRecipientParameters(parameters)).toBe(text);
    expect(parseRecipientParameters(text)).toEqual(parameters);
  });

  it('keep the longest address above ASCII, which in the other form of RFC 6533 §3 would have eight times its 500 characters', () => {
    const parameters = { originalRecipient: { type: 'utf-8', address: '\u{4e00}'.repeat(494) } };
    expect(parseRecipientParameters(formatRecipientParameters(parameters))).toEqual(parameters);
  });

  it('give back whatever a client can have asked for', () => {
    const random = randomOf(7);
    const maybe = <Value>(value: () => Value): Value | undefined => (random.chance(0.5) ? value() : undefined);
    const printable = (length: number): string => Array.from({ length: 1 + random.below(length) }, () => String.fromCharCode(0x20 + random.below(0x5f))).join('');
    const words = ['SUCCESS', 'FAILURE', 'DELAY'] as const;
    const known = <Asked extends object>(asked: Asked): object => Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
    for (let count = 0; count < 2000; count++) {
      const mail = known({ body: maybe(() => '8BITMIME'), smtpUtf8: maybe(() => true), requireTls: maybe(() => true), ret: maybe(() => 'HDRS'), envelopeId: maybe(() => printable(33)) });
      expect(parseMailParameters(formatMailParameters(mail))).toEqual(mail);
      const rcpt = known({ notify: maybe(() => words.filter(() => random.chance(0.5))), originalRecipient: maybe(() => ({ type: 'rfc822', address: printable(160) })) });
      expect(parseRecipientParameters(formatRecipientParameters(rcpt))).toEqual(rcpt);
    }
  });

  it('of a later version count as far as they are known', () => {
    expect(parseMailParameters('BY=120;R RET=HDRS MT-PRIORITY=3')).toEqual({ ret: 'HDRS' });
    expect(parseRecipientParameters('X=1 NOTIFY=NEVER')).toEqual({ notify: [] });
    expect(parseMailParameters('what is  this')).toEqual({});
  });
});
