import { describe, expect, it } from 'vitest';
import { readMailParameters, readRecipientParameters, writeMailParameters, writeRecipientParameters, type Offer } from '../../../src/protocol/extension.ts';
import type { MailParameters, RecipientParameters } from '../../../src/protocol/mail.ts';
import type { ClientTls } from '../../../src/protocol/client/action.ts';
import { envelopeOf } from '../../../src/protocol/client/envelope.ts';
import { ServerOffer } from '../../../src/protocol/client/offer.ts';
import { lineOf } from '../../../src/protocol/client/pipeline.ts';
import { formatParameters, parseParameters } from '../../../src/syntax/parameter.ts';
import { isFault } from '../../../src/syntax/fault.ts';
import { UNVERIFIED, VERIFIED } from '../../support/client-dialogue.ts';
import { forwardPath, reversePath } from '../../support/path.ts';

const EVERYTHING: Offer = { maxSize: 0, maxRecipients: 100, startTls: false, secured: true, mechanisms: ['PLAIN'], without: new Set() };

describe('a parameter that is written', () => {
  it.each<MailParameters>([
    {}, { size: 0 }, { size: 12_345 }, { body: '7BIT' }, { body: '8BITMIME' }, { body: 'BINARYMIME' }, { smtpUtf8: true }, { auth: '<>' }, { auth: 'e+mc2=x@example.com' },
    { ret: 'FULL' }, { ret: 'HDRS' }, { envelopeId: 'QQ314159' }, { envelopeId: 'a+b=c d' }, { requireTls: true },
    { size: 1, body: '8BITMIME', smtpUtf8: true, auth: 'a@example.com', ret: 'HDRS', envelopeId: 'x', requireTls: true },
  ])('to MAIL is read again as it was: %j', (parameters) => {
    const written = parseParameters(formatParameters(writeMailParameters(parameters, () => true)));
    expect(isFault(written) ? written : readMailParameters(written, EVERYTHING)).toEqual(parameters);
  });

  it.each<RecipientParameters>([
    {}, { notify: [] }, { notify: ['SUCCESS'] }, { notify: ['FAILURE', 'DELAY'] }, { originalRecipient: { type: 'rfc822', address: 'Bob+x=1@Example.COM' } }, { originalRecipient: { type: 'X-400', address: 'C=US;ADMD= ' }, notify: ['SUCCESS', 'FAILURE', 'DELAY'] },
  ])('to RCPT is read again as it was: %j', (parameters) => {
    const written = parseParameters(formatParameters(writeRecipientParameters(parameters, () => true)));
    expect(isFault(written) ? written : readRecipientParameters(written, EVERYTHING)).toEqual(parameters);
  });

  it('of an extension that is not offered is not (RFC 5321 §4.1.1.11)', () => {
    const all: MailParameters = { size: 1, body: '8BITMIME', smtpUtf8: true, auth: '<>', ret: 'HDRS', envelopeId: 'x', requireTls: true };
    expect(writeMailParameters(all, () => false)).toEqual([]);
    expect(writeMailParameters(all, (keyword) => keyword === 'DSN').map(({ keyword }) => keyword)).toEqual(['RET', 'ENVID']);
  });
});

describe('an envelope', () => {
  const lines = (keywords: readonly string[], authenticated: boolean, parameters: MailParameters = {}, tls?: ClientTls): readonly (string | undefined)[] => {
    const transaction = { reversePath: reversePath('<a@example.org>'), forwardPaths: ['<b@example.com>', '<c@example.com>', '<d@example.com>'].map(forwardPath), size: 9, eightBit: true, parameters, recipientParameters: [{ notify: [] }, {}, { notify: ['DELAY'] as const }] };
    return envelopeOf(transaction, [0, 2], { offer: new ServerOffer(new Map(keywords.map((keyword) => [keyword, []]))), authenticated, tls }).map((exchange) => lineOf(exchange));
  };

  it('names those that are left, each with what is asked for him', () => {
    expect(lines(['8BITMIME', 'DSN', 'SIZE'], false)).toEqual(['MAIL FROM:<a@example.org> SIZE=9 BODY=8BITMIME\r\n', 'RCPT TO:<b@example.com> NOTIFY=NEVER\r\n', 'RCPT TO:<d@example.com> NOTIFY=DELAY\r\n']);
  });

  it('says what its content is, and not what it was declared to be', () => {
    expect(lines(['8BITMIME'], false, { body: '7BIT', size: 1 })[0]).toBe('MAIL FROM:<a@example.org> BODY=8BITMIME\r\n');
    expect(lines(['CHUNKING', 'BINARYMIME'], false, { body: 'BINARYMIME' })[0]).toBe('MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n');
  });

  it('says who submitted the mail only where we are authenticated ourselves (RFC 4954 §5)', () => {
    expect(lines(['8BITMIME', 'AUTH'], false, { auth: '<>' })[0]).toBe('MAIL FROM:<a@example.org> BODY=8BITMIME\r\n');
    expect(lines(['8BITMIME', 'AUTH'], true, { auth: '<>' })[0]).toBe('MAIL FROM:<a@example.org> BODY=8BITMIME AUTH=<>\r\n');
  });

  it.each([[undefined, ''], [UNVERIFIED, ''], [VERIFIED, ' REQUIRETLS']])('asks for TLS only under TLS with a certificate that is good (RFC 8689 §2): %j', (tls, said) => {
    expect(lines(['8BITMIME', 'REQUIRETLS'], false, { requireTls: true }, tls)[0]).toBe(`MAIL FROM:<a@example.org> BODY=8BITMIME${said}\r\n`);
  });
});
