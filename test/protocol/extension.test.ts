import { describe, expect, it } from 'vitest';
import { ehloLines, readMailParameters } from '../../src/protocol/extension.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { parseEhloLine } from '../../src/syntax/keyword.ts';
import { parseParameters } from '../../src/syntax/parameter.ts';

const read = (text: string): unknown => {
  const parameters = parseParameters(text);
  if (isFault(parameters)) throw new Error(`${text} are no parameters`);
  const result = readMailParameters(parameters);
  return 'refused' in result ? `${result.keyword}: ${result.refused}` : result;
};

describe('the keywords of the EHLO reply', () => {
  it('follow the grammar, with the limit of mail data behind SIZE (RFC 1870 §4)', () => {
    const lines = ehloLines({ maxSize: 1000 });
    expect(lines.filter((line) => isFault(parseEhloLine(line)))).toEqual([]);
    expect(lines).toContain('SIZE 1000');
    expect(ehloLines({ maxSize: 0 })).toContain('SIZE 0');
  });
});

describe('the parameters of MAIL', () => {
  it('are read as the extension has it that defines them, keywords and values without case', () => {
    expect(read('SIZE=1000 BODY=8BITMIME')).toEqual({ size: 1000, body: '8BITMIME' });
    expect(read('size=0 body=7bit')).toEqual({ size: 0, body: '7BIT' });
  });

  it('are refused by the first that cannot be taken', () => {
    expect(read('X=1 SIZE=a')).toBe('X: unknown');
    expect(read('SIZE=a X=1')).toBe('SIZE: malformed');
    expect(read('SIZE')).toBe('SIZE: malformed');
    expect(read('BODY')).toBe('BODY: malformed');
    expect(read('BODY=BINARYMIME')).toBe('BODY: not implemented');
    expect(read('PIPELINING')).toBe('PIPELINING: unknown');
    expect(read('constructor=1')).toBe('constructor: unknown');
  });
});
