import { describe, expect, it } from 'vitest';
import type { ClientTls, Reason, Transaction } from '../../../src/protocol/client/action.ts';
import { missingFor, ServerOffer } from '../../../src/protocol/client/offer.ts';
import { UNVERIFIED, VERIFIED } from '../../support/client-dialogue.ts';
import { octetsOf } from '../../wire/every.ts';
import { forwardPath, reversePath } from '../../support/path.ts';

const offerOf = (...lines: readonly string[]): ServerOffer => new ServerOffer(new Map(lines.map((line) => {
  const [keyword = '', ...parameters] = line.split(' ');
  return [keyword, parameters];
})));

describe('what a server offers', () => {
  it.each([['SIZE 10', 10], ['SIZE 0', Infinity], ['SIZE', Infinity], ['SIZE lots', Infinity], ['SIZE -1', Infinity], [`SIZE ${'9'.repeat(21)}`, Infinity], ['SIZE 99999999999999999999', 1e20], ['PIPELINING', Infinity]])('with %s is a mail of up to %d octets (RFC 1870 §4)', (line, most) => {
    expect(offerOf(line).maxSize).toBe(most);
  });

  it.each([
    ['LIMITS MAILMAX=1 RCPTMAX=20 RCPTDOMAINMAX=300', [1, 20, 300]],
    ['LIMITS rcptmax=20', [Infinity, 20, Infinity]],
    ['LIMITS RCPTMAX=020 MAILMAX=0', [Infinity, Infinity, Infinity]], // §4.1: it does not begin with 0
    ['LIMITS RCPTMAX=1000000 MAILMAX=x RCPTDOMAINMAX', [Infinity, Infinity, Infinity]],
    ['LIMITS FROB=1 RCPTMAX=5', [Infinity, 5, Infinity]], // §3.7: what is not known counts as not given
    ['SIZE 1', [Infinity, Infinity, Infinity]],
  ])('with %s is that many mails, recipients and domains (RFC 9422 §3.7, §4)', (line, [mailMax, rcptMax, rcptDomainMax]) => {
    expect(offerOf(line).limits).toEqual({ mailMax, rcptMax, rcptDomainMax });
  });

  it('is no BINARYMIME without CHUNKING (RFC 3030 §3)', () => {
    expect(offerOf('BINARYMIME').has('BINARYMIME')).toBe(false);
    expect(offerOf('BINARYMIME', 'CHUNKING').has('BINARYMIME')).toBe(true);
  });
});

describe('a mail', () => {
  const mail = (more: Partial<Transaction>): Transaction => ({ reversePath: reversePath('<a@example.org>'), forwardPaths: [forwardPath('<b@example.com>')], ...more });

  it.each<[string, Partial<Transaction>, readonly string[], ClientTls | undefined, Reason | undefined]>([
    ['that needs nothing', {}, [], undefined, undefined],
    ['of 8 bits', { eightBit: true }, [], undefined, '8bit-not-offered'],
    ['of 8 bits', { eightBit: true }, ['8BITMIME'], undefined, undefined],
    ['that is binary', { eightBit: true, parameters: { body: 'BINARYMIME' } }, ['8BITMIME', 'CHUNKING'], undefined, 'binary-not-offered'],
    ['that is binary', { eightBit: true, parameters: { body: 'BINARYMIME' } }, ['CHUNKING', 'BINARYMIME'], undefined, undefined],
    ['declared to be of 8 bits that is not', { eightBit: false, parameters: { body: '8BITMIME' } }, [], undefined, undefined],
    ['that needs SMTPUTF8', { parameters: { smtpUtf8: true } }, ['8BITMIME'], undefined, 'utf8-header-not-offered'],
    ['that needs SMTPUTF8', { parameters: { smtpUtf8: true } }, ['8BITMIME', 'SMTPUTF8'], undefined, undefined],
    ['that needs TLS', { parameters: { requireTls: true } }, ['REQUIRETLS'], undefined, 'require-tls-not-secured'],
    ['that needs TLS', { parameters: { requireTls: true } }, ['REQUIRETLS'], UNVERIFIED, 'require-tls-not-secured'],
    ['that needs TLS', { parameters: { requireTls: true } }, [], VERIFIED, 'require-tls-not-offered'],
    ['that needs TLS', { parameters: { requireTls: true } }, ['REQUIRETLS'], VERIFIED, undefined],
    // shows RFC8689:4.1-3
    ['that needs TLS, whatever its header says', { parameters: { requireTls: true }, content: octetsOf('TLS-Required: No\r\n\r\n') }, ['REQUIRETLS'], UNVERIFIED, 'require-tls-not-secured'],
    // shows RFC8689:5-4
    ['that needs TLS, and is a notification', { parameters: { requireTls: true }, reversePath: reversePath('<>') }, [], undefined, undefined],
    ['of 11 octets', { size: 11 }, ['SIZE 10'], undefined, 'size-not-accepted'],
    ['of 11 octets at hand', { content: new Uint8Array(11), size: 1 }, ['SIZE 10'], undefined, 'size-not-accepted'],
    ['of 10 octets', { size: 10 }, ['SIZE 10'], undefined, undefined],
    ['with wishes about notifications', { parameters: { ret: 'HDRS' }, recipientParameters: [{ notify: [] }] }, [], undefined, undefined], // RFC 3461 §5.2.2
  ])('%s %j needs no more than %j', (_, more, lines, tls, reason) => {
    expect(missingFor(mail(more), offerOf(...lines), tls)).toBe(reason);
  });

  it('from an address that is not ASCII needs SMTPUTF8 (RFC 6531 §3.5)', () => {
    const from = mail({ reversePath: { ...reversePath('<a@example.org>'), text: '<jürgen@example.org>' } as Transaction['reversePath'] });
    expect(missingFor(from, offerOf('8BITMIME'), undefined)).toBe('utf8-not-offered');
    expect(missingFor(from, offerOf('8BITMIME', 'SMTPUTF8'), undefined)).toBeUndefined();
  });
});
