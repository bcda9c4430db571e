import { describe, expect, it } from 'vitest';
import { Dialogues } from '../../src/cli/dialogues.ts';

describe('dialogues that go on at the same time', () => {
  it('are printed one behind the other, the first as it goes on', () => {
    let printed = '';
    const dialogues = new Dialogues((text) => (printed += text));
    const [one, two, three] = [dialogues.open(), dialogues.open(), dialogues.open()];
    one.write('one\n');
    two.write('two\n');
    expect(printed).toBe('one\n');
    three.write('three\n');
    three.ended();
    one.write('one ends\n');
    expect(printed).toBe('one\none ends\n');
    one.ended();
    expect(printed).toBe('one\none ends\n\ntwo\n');
    two.write('two ends\n');
    two.ended();
    expect(printed).toBe('one\none ends\n\ntwo\ntwo ends\n\nthree\n');
    const four = dialogues.open();
    four.write('four\n');
    expect(printed).toMatch(/three\n\nfour\n$/);
  });
});
