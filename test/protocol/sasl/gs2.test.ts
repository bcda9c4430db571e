import { describe, expect, it } from 'vitest';
import { formatGs2Header, formatSaslName, parseSaslName, readGs2Header } from '../../../src/protocol/sasl/gs2.ts';

describe('a GS2 header (RFC 5802 §7)', () => {
  it.each([
    ['n,,', { flag: { type: 'n' }, authzid: undefined }],
    ['y,,', { flag: { type: 'y' }, authzid: undefined }],
    ['p=tls-exporter,a=me,', { flag: { type: 'p', name: 'tls-exporter' }, authzid: 'me' }],
    ['n,a=a=2Cb=3Dc,', { flag: { type: 'n' }, authzid: 'a,b=c' }],
  ] as const)('%j', (text, header) => {
    expect(readGs2Header(`${text}n=user`)).toEqual({ ...header, text });
    expect(formatGs2Header(header.flag, header.authzid)).toBe(text);
  });

  it.each(['', 'n', 'n,', 'nn,,', 'z,,', 'p=,,', 'p=ü,,', 'n,b=c,', 'n,a=,', 'n,a==,', 'n,a=x'])('%j begins with none', (text) => {
    expect(readGs2Header(text)).toBeUndefined();
  });
});

describe('a saslname', () => {
  it('comes back as it was', () => {
    for (const name of ['a', ',', '=', '=2C', ',=,=', 'ü', 'a b', '=2C=3D,']) expect(parseSaslName(formatSaslName(name))).toBe(name);
  });

  it.each(['', ',', '=', 'a=', '=2', '=2D', '=2c', '=3d', '==2C', '\0'])('is not %j', (text) => {
    expect(parseSaslName(text)).toBeUndefined();
  });
});
