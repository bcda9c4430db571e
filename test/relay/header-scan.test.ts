import { describe, expect, it } from 'vitest';
import { HeaderScan } from '../../src/relay/header-scan.ts';
import { octetsOf } from '../wire/every.ts';

const scanOf = (text: string, size = Infinity): boolean => {
  const scan = new HeaderScan();
  const octets = octetsOf(text);
  for (let at = 0; at < octets.length; at += size) scan.read(octets.subarray(at, at + size));
  return scan.internationalized;
};

/** UTF-8 for é, as octets. */
const E_ACUTE = '\xc3\xa9';

describe('a header (RFC 6532 §3.2)', () => {
  it.each<[string, boolean, string]>([
    ['is internationalized by UTF-8 in it', true, `Subject: ${E_ACUTE}\r\n\r\nx\r\n`],
    ['is not by UTF-8 in the body', false, `Subject: x\r\n\r\n${E_ACUTE}\r\n`],
    ['is not by UTF-8 in a body without a header', false, `\r\n${E_ACUTE}\r\n`],
    ['is not by octets that are no UTF-8', false, 'Subject: \xe9\r\n\r\nx\r\n'],
    ['is by UTF-8 in it, whatever the body holds', true, `Subject: ${E_ACUTE}\r\n\r\n\xe9\r\n`],
    ['is all of a mail without an empty line', true, `Subject: x\r\nTo: ${E_ACUTE}`],
    ['does not end with CRs in a row', true, `Subject: x\r\n \r\r\nTo: ${E_ACUTE}\r\n\r\n`],
    ['is what looks like one: a line that is no field begins the body', false, `hello ${E_ACUTE}\r\n`],
    ['ends with the first line that is no field', false, `Subject: x\r\nhello ${E_ACUTE}\r\n\r\n`],
    ['holds the lines that continue a field', true, `Subject: x\r\n\t${E_ACUTE}\r\n\r\n`],
    ['is nothing of a mail without octets', false, ''],
  ])('%s', (_, internationalized, text) => {
    for (const size of [1, 2, 3, 5, Infinity]) expect(scanOf(text, size)).toBe(internationalized);
  });

  it('is looked at no further than a MiB', () => {
    expect(scanOf(`${'x'.repeat(1_048_577)}${E_ACUTE}\r\n`, 65_536)).toBe(false);
  });
});
