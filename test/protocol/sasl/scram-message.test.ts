import { describe, expect, it } from 'vitest';
import {
  formatClientFinal,
  formatClientFirstBare,
  formatServerFinal,
  formatServerFirst,
  formatWithoutProof,
  parseClientFinal,
  parseClientFirst,
  parseServerFinal,
  parseServerFirst,
} from '../../../src/protocol/sasl/scram-message.ts';
import { formatGs2Header } from '../../../src/protocol/sasl/gs2.ts';
import { encodeUtf8 } from '../../../src/wire/utf8.ts';
import { octetsOf } from '../../wire/every.ts';

const PARSERS = { 'client-first': parseClientFirst, 'server-first': parseServerFirst, 'client-final': parseClientFinal, 'server-final': parseServerFinal } as const;

const accepted: readonly (readonly [keyof typeof PARSERS, string])[] = [
  ['client-first', 'n,,n=user,r=abc'],
  ['client-first', 'y,,n=user,r=abc'],
  ['client-first', 'p=tls-exporter,,n=user,r=abc'],
  ['client-first', 'n,a=other,n=user,r=abc'],
  ['client-first', 'n,a==2C=3D,n==3D=2C,r=!~'],
  ['client-first', 'n,,n=user,r=abc,x=y,Z=='],
  ['client-first', 'n,,n=jürgen \x7f,r=a=b'],
  ['server-first', 'r=abc,s=c2FsdA==,i=1'],
  ['server-first', 'r=abc,s=c2FsdA==,i=4096,x=y'],
  ['client-final', 'c=biws,r=abc,p=AAAA'],
  ['client-final', 'c=biws,r=abc,x=y,z=p=,p=AAAA'],
  ['server-final', 'v=AAAA'],
  ['server-final', 'v=AAAA,x=y'],
  ['server-final', 'e=other-error'],
  ['server-final', 'e=anything = at all,x=y'],
];

const malformed: readonly (readonly [keyof typeof PARSERS, string])[] = [
  ...['', 'n', 'n,', 'n,,', 'n,,n=user', 'n,,r=abc', 'n,,n=user,', 'n,,n=,r=abc', 'n,,n=user,r=', 'n,,r=abc,n=user', 'n,,n=user,r=abc,', 'n,,n=user,x=y,r=abc', 'n,,x=y,n=user,r=abc'].map((text) => ['client-first', text] as const),
  ...['N,,n=user,r=abc', 'x,,n=user,r=abc', 'p,,n=user,r=abc', 'p=,,n=user,r=abc', 'p=a b,,n=user,r=abc', 'n,user,n=user,r=abc', 'n,a=,n=user,r=abc', 'n,a=x=y,n=user,r=abc', ',,n=user,r=abc', 'n=user,r=abc'].map((text) => ['client-first', text] as const),
  ...['n,,n=a=b,r=abc', 'n,,n=a=2c,r=abc', 'n,,n=a=,r=abc', 'n,,n=us\0er,r=abc', 'n,,n=user,r=a b', 'n,,n=user,r=a\x7f', 'n,,n=user,r=ä', 'n,,n=user,r=abc,n=x', 'n,,n=user,r=abc,r=x', 'n,,n=user,r=abc,1=x', 'n,,n=user,r=abc,x=', 'n,,n=user,r=abc,x', 'n,,n=user,r=abc,xx=y', 'n,,N=user,r=abc'].map((text) => ['client-first', text] as const),
  ...['n,,m=x,n=user,r=abc', 'n,,n=user,r=abc,m=x', 'n,,m=,n=user,r=abc'].map((text) => ['client-first', text] as const),
  ...['', 'r=abc', 'r=abc,s=c2FsdA==', 'r=abc,i=1,s=c2FsdA==', 's=c2FsdA==,r=abc,i=1', 'r=abc,s=,i=1', 'r=abc,s=c2FsdA,i=1', 'r=abc,s=c2FsdB==,i=1', 'r=abc,s=c2F dA==,i=1', 'r=abc,s=c2FsdA==,i=0', 'r=abc,s=c2FsdA==,i=01', 'r=abc,s=c2FsdA==,i=-1', 'r=abc,s=c2FsdA==,i=1e9', 'r=abc,s=c2FsdA==,i=1,i=2', 'm=x,r=abc,s=c2FsdA==,i=1', 'r=abc,s=c2FsdA==,i=1,m=x', 'e=other-error'].map((text) => ['server-first', text] as const),
  ...['', 'c=biws', 'c=biws,r=abc', 'c=biws,p=AAAA', 'r=abc,c=biws,p=AAAA', 'c=biws,r=abc,p=', 'c=biws,r=abc,p=A', 'c=biws,r=abc,p=AAAA,x=y', 'c=biws,r=abc,p=AAAA,p=AAAA', 'c=bi,r=abc,p=AAAA', 'c=biws,r=a b,p=AAAA', 'c=biws,r=abc,c=biws,p=AAAA', 'c=biws,r=abc,m=x,p=AAAA', 'm=x,c=biws,r=abc,p=AAAA'].map((text) => ['client-final', text] as const),
  ...['', 'v', 'v=', 'v=A', 'e=', 'e', 'v=AAAA,', 'v=AAAA,v=AAAA', 'v=AAAA,m=x', 'x=y,v=AAAA', 'e=a,e=b', 'V=AAAA', 'error'].map((text) => ['server-final', text] as const),
];

describe('a message of SCRAM (RFC 5802 §7)', () => {
  it.each(accepted)('%s: %j is taken', (type, text) => {
    expect(PARSERS[type](encodeUtf8(text)).type).toBe(type);
  });

  it.each(malformed)('%s: %j is malformed', (type, text) => {
    expect(PARSERS[type](encodeUtf8(text)).type).toBe('malformed');
  });

  it('is malformed where it is not UTF-8', () => {
    expect(parseClientFirst(octetsOf('n,,n=\xff,r=abc')).type).toBe('malformed');
    expect(parseServerFirst(octetsOf('r=abc,s=c2FsdA==,i=1,x=\xc0\x80')).type).toBe('malformed');
  });

  it('comes back as it was written', () => {
    for (const text of ['n,,n=user,r=abc', 'y,a=a=2Cb,n=c=3D,r=abc', 'p=tls-exporter,,n=user,r=abc']) {
      const first = parseClientFirst(octetsOf(text));
      if (first.type === 'malformed') throw new Error(text);
      expect(formatGs2Header(first.gs2.flag, first.gs2.authzid) + formatClientFirstBare(first.name, first.nonce)).toBe(text);
      expect(first.gs2.text + first.bare).toBe(text);
    }
    const serverFirst = parseServerFirst(octetsOf('r=abc,s=c2FsdA==,i=4096'));
    if (serverFirst.type === 'malformed') throw new Error();
    expect(formatServerFirst(serverFirst)).toBe(serverFirst.text);
    const final = parseClientFinal(octetsOf('c=biws,r=abc,p=AAAA'));
    if (final.type === 'malformed') throw new Error();
    expect(formatWithoutProof(final.channelBinding, final.nonce)).toBe(final.withoutProof);
    expect(formatClientFinal(final.withoutProof, final.proof)).toBe('c=biws,r=abc,p=AAAA');
    const serverFinal = parseServerFinal(octetsOf('v=AAAA'));
    if (serverFinal.type === 'malformed' || serverFinal.signature === undefined) throw new Error();
    expect(formatServerFinal(serverFinal.signature)).toBe('v=AAAA');
  });

  it('keeps what was signed, extensions included', () => {
    expect(parseClientFinal(octetsOf('c=biws,r=abc,x=y,p=AAAA'))).toMatchObject({ withoutProof: 'c=biws,r=abc,x=y' });
    expect(parseClientFirst(octetsOf('n,a=b,n=user,r=abc,x=y'))).toMatchObject({ bare: 'n=user,r=abc,x=y', name: 'user' });
  });

  it('is quoted in no fault', () => {
    const fault = parseClientFinal(octetsOf('c=biws,r=secret,p=secret'));
    expect(JSON.stringify(fault)).not.toContain('secret');
  });
});
