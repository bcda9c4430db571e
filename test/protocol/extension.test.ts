import { describe, expect, it } from 'vitest';
import { ehloLines, endsGroup, EXTENSIONS, isKnownParameter, isOffered, isVerbOffered, readMailParameters, readRecipientParameters, verbsOffered, writeRecipientParameters } from '../../src/protocol/extension.ts';
import type { ExtensionKeyword, Offer } from '../../src/protocol/extension.ts';
import { formatOriginalRecipient } from '../../src/protocol/parameter-value.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { parseEhloLine } from '../../src/syntax/keyword.ts';
import { parseParameters } from '../../src/syntax/parameter.ts';

const ALL: Offer = { maxSize: 1000, maxRecipients: 100, startTls: true, secured: false, mechanisms: ['PLAIN', 'LOGIN'], without: new Set() };
const KEYWORDS = Object.keys(EXTENSIONS) as ExtensionKeyword[]; // the table's own

const readBy = (read: typeof readMailParameters | typeof readRecipientParameters, offer: Offer) => (text: string): unknown => {
  const parameters = parseParameters(text);
  if (isFault(parameters)) throw new Error(`${text} are no parameters`);
  const result = read(parameters, offer);
  return 'refused' in result ? `${result.keyword}: ${result.refused}` : result;
};
const read = readBy(readMailParameters, { ...ALL, secured: true });
const readRcpt = readBy(readRecipientParameters, ALL);

describe('the keywords of the EHLO reply', () => {
  it('follow the grammar, each with its own parameters (RFC 1870 §4, RFC 4954 §3, RFC 9422 §3)', () => {
    const lines = ehloLines(ALL);
    expect(lines.filter((line) => isFault(parseEhloLine(line)))).toEqual([]);
    expect(lines).toEqual([
      'PIPELINING', 'SIZE 1000', '8BITMIME', 'ENHANCEDSTATUSCODES', 'HELP', 'STARTTLS', 'AUTH PLAIN LOGIN', 'CHUNKING', 'BINARYMIME',
      'SMTPUTF8', 'DSN', 'LIMITS RCPTMAX=100',
    ]);
    expect(ehloLines({ ...ALL, maxSize: 0 })).toContain('SIZE 0');
  });

  // shows RFC3207:3-1 RFC3207:4.2-8
  // shows RFC8689:2-1
  it('are STARTTLS before TLS alone, and REQUIRETLS under it alone (RFC 3207 §4.2, RFC 8689 §2)', () => {
    const [before, under] = [ehloLines(ALL), ehloLines({ ...ALL, secured: true })];
    expect([before, under].map((lines) => [lines.includes('STARTTLS'), lines.includes('REQUIRETLS')])).toEqual([[true, false], [false, true]]);
    expect(ehloLines({ ...ALL, startTls: false })).not.toContain('STARTTLS');
  });

  it('are AUTH with the mechanisms that may be used now, and not without any (RFC 4954 §3)', () => {
    expect(ehloLines({ ...ALL, mechanisms: [] }).filter((line) => line.startsWith('AUTH'))).toEqual([]);
  });

  it.each(KEYWORDS)('are not %s where the server does without', (keyword) => {
    const offer = { ...ALL, secured: keyword !== 'STARTTLS', without: new Set([keyword]) };
    expect(isOffered(keyword, offer)).toBe(false);
    expect(isOffered(keyword, { ...offer, without: new Set() })).toBe(true);
    expect(ehloLines(offer).filter((line) => line.split(' ')[0] === keyword)).toEqual([]);
  });
});

describe('the verbs', () => {
  const VERBS = ['EHLO', 'HELO', 'LHLO', 'STARTTLS', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'BDAT', 'RSET', 'NOOP', 'HELP', 'VRFY', 'EXPN', 'QUIT'] as const;

  it('may stand anywhere in a group where RFC 2920 §3.1 names them, or RFC 3030 §4.2, and at its end else', () => {
    expect(VERBS.filter((verb) => !endsGroup(verb))).toEqual(['MAIL', 'RCPT', 'BDAT', 'RSET']);
  });

  it('are offered with their extension', () => {
    expect(VERBS.filter((verb) => !isVerbOffered(verb, { ...ALL, without: new Set(KEYWORDS) }))).toEqual(['STARTTLS', 'AUTH', 'BDAT', 'HELP']);
    expect(isVerbOffered('STARTTLS', { ...ALL, secured: true })).toBe(false);
    expect(isVerbOffered('AUTH', { ...ALL, mechanisms: [] })).toBe(false);
  });

  it('are named by HELP where they are carried out, in LMTP with its own hello (RFC 5321 §4.1.1.8, RFC 2033 §4.1)', () => {
    expect(verbsOffered(ALL, false)).toEqual(['EHLO', 'HELO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'NOOP', 'QUIT', 'VRFY', 'HELP', 'STARTTLS', 'AUTH', 'BDAT']);
    expect(verbsOffered({ ...ALL, startTls: false, without: new Set(['AUTH']) }, true)).toEqual(['LHLO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'NOOP', 'QUIT', 'VRFY', 'HELP', 'BDAT']);
  });

  it('that some extension defines have parameters that are known, whether it is offered or not', () => {
    expect(['size', 'BODY', 'RequireTLS', 'NOTIFY', 'AUTH'].map(isKnownParameter)).toEqual([true, true, true, true, true]);
    expect(['X', 'PIPELINING', 'constructor', ''].map(isKnownParameter)).toEqual([false, false, false, false]);
  });
});

describe('the parameters of MAIL', () => {
  it('are read as the extension has it that defines them, keywords and values without case', () => {
    expect(read('SIZE=1000 BODY=8BITMIME')).toEqual({ size: 1000, body: '8BITMIME' });
    expect(read('size=0 body=7bit')).toEqual({ size: 0, body: '7BIT' });
    expect(read('body=binaryMime smtputf8 requiretls')).toEqual({ body: 'BINARYMIME', smtpUtf8: true, requireTls: true });
    expect(read('ret=full envid=a+2Bb+20c')).toEqual({ ret: 'FULL', envelopeId: 'a+b c' });
    expect(read('RET=HDRS AUTH=e+3Dmc2@example.com')).toEqual({ ret: 'HDRS', auth: 'e=mc2@example.com' });
    for (const nobody of ['<>', 'alice', '<alice@example.org>', '+3C+3E+3E']) expect(read(`AUTH=${nobody}`)).toEqual({ auth: '<>' });
  });

  it('are refused by the first that cannot be taken', () => {
    expect(read('X=1 SIZE=a')).toBe('X: unknown');
    expect(read('SIZE=a X=1')).toBe('SIZE: malformed');
    expect(read('PIPELINING')).toBe('PIPELINING: unknown');
    expect(read('constructor=1')).toBe('constructor: unknown');
    expect(read('NOTIFY=NEVER')).toBe('NOTIFY: unknown'); // it is RCPT's
  });

  it.each([
    'SIZE', 'SIZE=', 'SIZE=-1', 'SIZE=1e2', `SIZE=${'9'.repeat(21)}`, 'BODY', 'BODY=9BIT', 'SMTPUTF8=yes', 'REQUIRETLS=1', 'RET', 'RET=ALL', 'RET=FULL,HDRS',
    'ENVID', 'ENVID=+0', 'ENVID=+0A', 'ENVID=+c3', `ENVID=${'x'.repeat(101)}`, 'AUTH', 'AUTH=', 'AUTH=a+3@b',
  ].filter((text) => !isFault(parseParameters(text))))('are malformed as %s', (text) => {
    expect(read(text)).toBe(`${text.split('=')[0]}: malformed`);
  });

  it('are malformed, as those of RCPT are, with a letter above ASCII whose capital is in ASCII', () => {
    expect(readMailParameters([{ keyword: 'RET', value: 'hdr\u017f' }], ALL)).toMatchObject({ refused: 'malformed', keyword: 'RET' });
    expect(readRecipientParameters([{ keyword: 'NOTIFY', value: '\u017fuccess' }], ALL)).toMatchObject({ refused: 'malformed', keyword: 'NOTIFY' });
  });

  it('are not known where their extension is not offered', () => {
    const off = (keyword: ExtensionKeyword): Offer => ({ ...ALL, secured: true, without: new Set([keyword]) });
    expect(readBy(readMailParameters, off('SIZE'))('SIZE=1')).toBe('SIZE: unknown');
    expect(readBy(readMailParameters, off('8BITMIME'))('BODY=7BIT')).toBe('BODY: unknown');
    expect(readBy(readMailParameters, off('BINARYMIME'))('BODY=BINARYMIME')).toBe('BODY: not implemented');
    expect(readBy(readMailParameters, off('DSN'))('RET=FULL')).toBe('RET: unknown');
    expect(readBy(readMailParameters, ALL)('REQUIRETLS')).toBe('REQUIRETLS: unknown'); // RFC 8689 §2: no TLS yet
  });

  it('tell of BODY what would have been right, and of no value that is not offered', () => {
    const parameters = parseParameters('BODY=9BIT');
    const grammar = (offer: Offer): unknown => !isFault(parameters) && readMailParameters(parameters, offer);
    expect(grammar(ALL)).toMatchObject({ grammar: '"7BIT" / "8BITMIME" / "BINARYMIME"' });
    expect(grammar({ ...ALL, without: new Set(['BINARYMIME']) })).toMatchObject({ grammar: '"7BIT" / "8BITMIME"' });
  });

  // shows RFC3030:3-2
  it('are BODY=BINARYMIME only where there is BDAT (RFC 3030 §3), and BODY', () => {
    expect(ehloLines({ ...ALL, without: new Set(['CHUNKING']) })).not.toContain('BINARYMIME');
    expect(readBy(readMailParameters, { ...ALL, without: new Set(['CHUNKING']) })('BODY=BINARYMIME')).toBe('BODY: not implemented');
    expect(ehloLines({ ...ALL, without: new Set(['8BITMIME']) })).not.toContain('BINARYMIME'); // it was offered, and its parameter refused with 555
  });

  it('are AUTH also of a client that is authenticated, to which AUTH is offered no more (RFC 4954 §5)', () => {
    expect(readBy(readMailParameters, { ...ALL, mechanisms: [] })('AUTH=<>')).toEqual({ auth: '<>' });
    expect(readBy(readMailParameters, { ...ALL, mechanisms: [], without: new Set(['AUTH']) })('AUTH=<>')).toBe('AUTH: unknown');
  });
});

describe('the parameters of RCPT (RFC 3461 §4)', () => {
  // shows RFC3461:4.2-6
  it('are when to notify, and the recipient that was first named', () => {
    expect(readRcpt('NOTIFY=NEVER')).toEqual({ notify: [] });
    expect(readRcpt('notify=success,Failure,DELAY')).toEqual({ notify: ['SUCCESS', 'FAILURE', 'DELAY'] });
    expect(readRcpt('ORCPT=rfc822;Bob+2Bx@example.com')).toEqual({ originalRecipient: { type: 'rfc822', address: 'Bob+x@example.com' } });
    expect(readRcpt('ORCPT=rfc822;gr+C3+BC+C3+9Fe@example.com')).toEqual({ originalRecipient: { type: 'rfc822', address: 'gr\u00c3\u00bc\u00c3\u009fe@example.com' } }); // as Postfix writes it
    expect(readRcpt('ORCPT=rfc822;')).toEqual({ originalRecipient: { type: 'rfc822', address: '' } }); // §4: xtext has any number of characters
    expect(readRcpt(`ORCPT=rfc822;${'x'.repeat(493)}`)).toMatchObject({ originalRecipient: { type: 'rfc822' } });
  });

  it.each([
    'NOTIFY', 'NOTIFY=', 'NOTIFY=ALWAYS', 'NOTIFY=NEVER,SUCCESS', 'NOTIFY=SUCCESS,NEVER', 'NOTIFY=NEVER,NEVER', 'NOTIFY=SUCCESS,', 'NOTIFY=,', 'NOTIFY=SUCCESS,SUCCESS',
    'ORCPT', 'ORCPT=rfc822', 'ORCPT=;', 'ORCPT=;bob@example.com', 'ORCPT=rfc822;+', 'ORCPT=rfc822;a+0Ab', 'ORCPT=rfc_822;a', `ORCPT=rfc822;${'x'.repeat(494)}`,
  ].filter((text) => !isFault(parseParameters(text))))('are malformed as %s', (text) => {
    expect(readRcpt(text)).toBe(`${text.split('=')[0]}: malformed`);
  });

  it('are an address above ASCII in the two forms of RFC 6533 §3, the one in ASCII and the other', () => {
    const read = (value: string): unknown => readRecipientParameters([{ keyword: 'ORCPT', value }], ALL);
    const original = (address: string): unknown => ({ originalRecipient: { type: 'utf-8', address } });
    expect(read('utf-8;j\\x{F6}rg@example.com')).toEqual(original('j\u{f6}rg@example.com'));
    expect(read('utf-8;j\u{f6}rg@example.com')).toEqual(original('j\u{f6}rg@example.com'));
    expect(read('utf-8;\\x{20}\\x{2B}\\x{3D}\\x{5C}\\x{1F600}')).toEqual(original(' +=\\\u{1f600}'));
    for (const wrong of ['utf-8;', 'utf-8;a+b', 'utf-8;a=b', 'utf-8;\\x{D800}', 'utf-8;\\x{110000}', 'utf-8;\\x{0A}', 'utf-8;\\x{7F}', 'utf-8;\\x{85}', 'utf-8;\\x{f6}', 'utf-8;\\', 'utf-8;\\x{}', 'utf-8;a b']) expect(read(wrong)).toMatchObject({ refused: 'malformed' });
  });

  it('are not known where DSN is not offered', () => {
    expect(readBy(readRecipientParameters, { ...ALL, without: new Set(['DSN']) })('NOTIFY=NEVER')).toBe('NOTIFY: unknown');
    expect(readRcpt('RET=FULL')).toBe('RET: unknown'); // it is MAIL's
  });
});

describe('ORCPT as it is passed on', () => {
  it.each([
    ['rfc822;Bob+2Bx@example.com', 'rfc822;Bob+2Bx@example.com'],
    ['rfc822;', 'rfc822;'],
    ['rfc822;gr+C3+BC+C3+9Fe@example.com', 'rfc822;gr+C3+BC+C3+9Fe@example.com'],
    ['utf-8;gr\\x{FC}\\x{DF}e@example.com', 'utf-8;gr\\x{FC}\\x{DF}e@example.com'],
    ['utf-8;\u7528\u6237@example.com', 'utf-8;\\x{7528}\\x{6237}@example.com'],
    ['utf-8;a\\x{5C}b\\x{2B}@example.com', 'utf-8;a\\x{5C}b\\x{2B}@example.com'],
  ])('of %s is %s', (came, goes) => {
    const read = readRecipientParameters([{ keyword: 'ORCPT', value: came }], ALL);
    if ('refused' in read || read.originalRecipient === undefined) throw new Error('it was refused');
    expect(formatOriginalRecipient(read.originalRecipient)).toBe(goes);
  });

  it('is left out where it would be longer than RFC 3461 §4.2 has it, which servers refuse the recipient for', () => {
    const written = (length: number): unknown => writeRecipientParameters({ originalRecipient: { type: 'utf-8', address: '\u{7528}'.repeat(length) } }, () => true).map(({ value }) => String(value).length);
    expect([written(61), written(62)]).toEqual([[494], []]);
  });
});
