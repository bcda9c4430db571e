import { describe, expect, it } from 'vitest';
import { findJsonFault } from '../../src/cli/json-fault.ts';
import { randomOf } from '../support/random.ts';

describe('text that is not JSON', () => {
  it.each([
    ['', '1:1', 'a value', 'the end'],
    ['{', '1:2', 'a name in double quotes or "}"', 'the end'],
    ['{"a": 1,\n "b": 2,\n}', '3:1', 'a name in double quotes', '}'],
    ['{"a" 1}', '1:6', '":"', '1}'],
    ['{"a": }', '1:7', 'a value', '}'],
    ['{"a": 1 "b": 2}', '1:9', '"," or "}"', '"b": 2}'],
    ['[1, 2', '1:6', '"," or "]"', 'the end'],
    ['[1, ]', '1:5', 'a value', ']'],
    ['{"a": \'x\'}', '1:7', 'a value', "'x'}"],
    ['{"a": "x\ny"}', '1:7', 'a value', '"x'],
    ['{} {}', '1:4', 'the end', '{}'],
    ['// hello', '1:1', 'a value', '// hello'],
    ['{"a": 01}', '1:8', '"," or "}"', '1}'],
    ['{"a": 1, "a": 2}', '1:10', 'each name once', '"a": 2}'],
    ['{"a": [{"b": 1, "b": 2}], "b": 3, "\\u0062": 4}', '1:35', 'each name once', '"\\\\u0062": 4}'],
    ['{"a": "this is text without an end}', '1:7', 'a value', '"this is text withou…'],
  ])('%j is wrong at %s: expected %s, found %s', (text, place, expected, found) => {
    const fault = findJsonFault(text);
    expect([`${fault?.line}:${fault?.column}`, fault?.expected, fault?.found]).toEqual([place, expected, found]);
  });

  it('is what JSON.parse does not take, and names that stand twice, and nothing else: every text of four pieces, and 3,000 that were JSON but for one', () => {
    const PIECES = ['{', '}', '[', ']', ',', ':', '"a"', '1', 'x', ' '];
    const isJson = (text: string): boolean => {
      try {
        const content: unknown = JSON.parse(text);
        if (typeof content !== 'object' || content === null || Array.isArray(content)) return true;
        return Object.keys(content).length === (text.replace(/\[.*\]|(?<=:).*\{.*\}(?=.*\})/, '').match(/:/g) ?? []).length;
      } catch {
        return false;
      }
    };
    const wrong: string[] = [];
    let right = 0;
    const look = (text: string): void => {
      const known = isJson(text);
      if (known) right++;
      if (known !== (findJsonFault(text) === undefined)) wrong.push(text);
    };
    for (let number = 0; number < 10 ** 4; number++) look([...String(number).padStart(4, '0')].map((digit) => PIECES[Number(digit)]).join(''));
    const { below, pick } = randomOf(1);
    const sound = ['{', '"a"', ':', '[', '1', ',', '{', '}', ']', ',', '"b"', ':', ' ', '1', '}'];
    for (let round = 0; round < 3_000; round++) look(sound.toSpliced(below(sound.length), below(2), pick(PIECES)).join(''));
    expect(wrong).toEqual([]);
    expect(right).toBeGreaterThan(50);
  });
});
