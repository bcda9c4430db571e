import { describe, expect, it } from 'vitest';
import { OpenQuestion } from '../../../src/protocol/server/question.ts';
import { UsageError } from '../../../src/wire/usage.ts';

const VRFY = { about: 'vrfy', text: 'bob', utf8: false } as const;

describe('the open question', () => {
  it('is first the one about the client', () => {
    const question = new OpenQuestion();
    expect(question.about).toBe('client');
    expect(question.ask()).toEqual({ about: 'client' });
  });

  it('is asked once and answered once', () => {
    const question = new OpenQuestion();
    question.open(VRFY);
    expect([question.ask(), question.ask()]).toEqual([VRFY, undefined]);
    expect(question.about).toBe('vrfy');
    expect(question.answer()).toEqual(VRFY);
    expect(question.about).toBeUndefined();
    expect(() => question.answer()).toThrow(UsageError);
  });

  it('has no answer before it was asked', () => {
    const question = new OpenQuestion();
    expect(() => question.answer()).toThrow(UsageError);
    question.ask();
    question.answer();
    question.open(VRFY);
    expect(() => question.answer()).toThrow(UsageError);
  });

  it('has none when nobody waits for it any more', () => {
    const question = new OpenQuestion();
    question.ask();
    question.drop();
    expect(question.about).toBeUndefined();
    expect(question.ask()).toBeUndefined();
    expect(() => question.answer()).toThrow(UsageError);
  });
});
