import { describe, expect, it } from 'vitest';
import { Aborter } from '../../src/node/aborter.ts';

describe('an aborter', () => {
  it('aborts the signal that was asked for before, with its reason', () => {
    const aborter = new Aborter();
    const { signal } = aborter;
    expect(signal.aborted).toBe(false);
    aborter.abort('gone');
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBe('gone');
  });

  it('has an aborted signal for who asks afterwards', () => {
    const aborter = new Aborter();
    aborter.abort('gone');
    expect(aborter.signal.aborted).toBe(true);
    expect(aborter.signal.reason).toBe('gone');
  });

  it('has one signal, and the first reason', () => {
    const aborter = new Aborter();
    aborter.abort('first');
    aborter.abort('second');
    expect(aborter.signal).toBe(aborter.signal);
    expect(aborter.signal.reason).toBe('first');
  });
});
