import { describe, expect, it } from 'vitest';
import type { Fact } from '../../../src/relay/queue/fact.ts';
import { Fold, isDone, join, statesOf } from '../../../src/relay/queue/fold.ts';

const ENVELOPE = { id: 'm', arrival: 1000, reversePath: '<alice@sender.test>', forwardPaths: ['<bob@peer.test>', '<carol@peer.test>'], size: 5, eightBit: false, parameters: 'RET=FULL', recipientParameters: [] };
const ENQ: Fact = { type: 'ENQ', envelope: ENVELOPE, external: false, cause: undefined };
const reply = (code: number, text: string) => ({ code, enhanced: undefined, lines: [text] });
const attempt = (turn: number, ...recipients: readonly number[]): Fact => ({ type: 'ATT', id: 'm', turn, host: `mx${turn}.test`, recipients });
const deferred = (turn: number, recipient: number): Fact => ({ type: 'RES', results: { id: 'm', turn, nextAttempt: 1000 * turn, recipients: [{ recipient, state: { state: 'waiting', reply: reply(450, `at ${turn}`), host: 'mx.test' } }], warned: [] } });
const delivered = (turn: number, recipient: number): Fact => ({ type: 'RES', results: { id: 'm', turn, nextAttempt: 0, recipients: [{ recipient, state: { state: 'delivered', reply: reply(250, 'ok') } }], warned: [] } });
const notification: Fact = {
  type: 'ENQ',
  envelope: { ...ENVELOPE, id: 'n', reversePath: '<>', forwardPaths: ['<alice@sender.test>'] },
  external: true,
  cause: { id: 'm', turn: 9, nextAttempt: 0, recipients: [{ recipient: 1, state: { state: 'failed', reply: reply(550, 'no') } }], warned: [] },
};
const warning = (turn: number, ...warned: readonly number[]): Fact => ({
  type: 'ENQ',
  envelope: { ...ENVELOPE, id: 'w', reversePath: '<>', forwardPaths: ['<alice@sender.test>'] },
  external: false,
  cause: { id: 'm', turn, nextAttempt: 1000 * turn, recipients: [], warned },
});
const KILL: Fact = { type: 'KILL', id: 'm' };
const hold = (turn: number, held: boolean): Fact => ({ type: 'HOLD', id: 'm', turn, order: held ? 'hold' : 'none' });
const state = {
  type: 'STATE', envelope: ENVELOPE, external: true, next: { turn: 3, value: 3000 }, held: { turn: 0, value: 0 },
  recipients: [{ state: 'waiting', reply: reply(450, 'at 3'), host: 'mx.test', turn: 3, attempted: { turn: 2, host: 'mx2.test' } }, { state: 'waiting', turn: 0, attempted: { turn: 0, host: '' } }],
} as const satisfies Fact;

/** What a queue does with a mail, as the facts it leaves. */
const HISTORIES: Readonly<Record<string, readonly Fact[]>> = {
  'delivered at the second attempt': [ENQ, attempt(1, 0, 1), deferred(2, 0), delivered(3, 1), attempt(4, 0), delivered(5, 0)],
  'failed for one, with a notification': [ENQ, attempt(1, 0, 1), delivered(2, 0), notification],
  'deferred, and carried over by a checkpoint': [ENQ, attempt(2, 0), deferred(3, 0), state, attempt(4, 0, 1), delivered(6, 1)],
  'deferred, and carried over with its content': [ENQ, attempt(2, 0), deferred(3, 0), { ...state, external: false }, attempt(4, 0, 1), delivered(6, 1)],
  'an attempt without an outcome': [ENQ, attempt(1, 0, 1), deferred(2, 0), attempt(4, 0), hold(5, true), hold(6, false)],
  'warned of while an attempt is under way': [ENQ, attempt(1, 0, 1), warning(2, 0, 1), deferred(3, 0), state, delivered(5, 1)],
  'removed by the operator, with an attempt under way': [ENQ, attempt(1, 0), hold(2, true), KILL, deferred(3, 0)],
};

function fold(facts: readonly Fact[], at = new Map(facts.map((fact, index) => [fact, index]))): unknown {
  const result = new Fold();
  for (const fact of facts) result.add(fact, { segment: 1, at: at.get(fact) ?? 0 });
  return { turn: result.turn, mails: [...result.mails].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

function* permutations<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  if (items.length <= 1) yield items;
  for (const [index, item] of items.entries()) for (const rest of permutations(items.toSpliced(index, 1))) yield [item, ...rest];
}

describe.each(Object.entries(HISTORIES))('the facts of a mail: %s', (_, facts) => {
  const places = new Map(facts.map((fact, index) => [fact, index]));
  const expected = fold(facts, places);

  it('mean the same in every order', () => {
    let orders = 0;
    for (const order of permutations(facts)) {
      if (JSON.stringify(fold(order, places)) !== JSON.stringify(expected)) expect(fold(order, places)).toEqual(expected);
      orders += 1;
    }
    expect(orders).toBeGreaterThanOrEqual(24);
  });

  it('mean the same where some are met twice, in any order', () => {
    for (let twice = 0; twice < 2 ** facts.length; twice++) {
      const some = facts.filter((_, index) => (twice >> index) % 2 === 1);
      expect(fold([...facts, ...some], places)).toEqual(expected);
      expect(fold([...some.toReversed(), ...facts], places)).toEqual(expected);
    }
  });

  it('mean the same however they are grouped', () => {
    const states = facts.flatMap((fact) => statesOf(fact, { segment: 1, at: places.get(fact) ?? 0 }).filter(([id]) => id === 'm').map(([, each]) => each));
    for (const [a, b, c] of states.flatMap((a) => states.flatMap((b) => states.map((c) => [a, b, c] as const)))) {
      expect(join(join(a, b), c)).toEqual(join(a, join(b, c)));
      expect(join(a, b)).toEqual(join(b, a));
      expect(join(a, a)).toEqual(a);
    }
  });
});

describe('the fold', () => {
  const of = (facts: readonly Fact[], id = 'm') => {
    const result = new Fold();
    for (const fact of facts) result.add(fact, { segment: 1, at: 0 });
    const state = result.mails.get(id);
    if (state === undefined) throw new Error(`no mail ${id}`);
    return state;
  };

  it('share what is known of recipients who were never tried, up to a hundred of them', () => { // of more, there would be a list for each number for good
    const recipientsOf = (length: number): unknown => statesOf({ ...ENQ, envelope: { ...ENVELOPE, forwardPaths: Array.from({ length }, () => '<b@b.test>') } }, { segment: 1, at: 0 })[0]?.[1].recipients;
    expect([1, 100, 101].map((length) => recipientsOf(length) === recipientsOf(length))).toEqual([true, true, false]);
    expect(recipientsOf(101)).toHaveLength(101);
  });

  it('never lets a final recipient wait again', () => {
    const [recipient] = of([ENQ, delivered(1, 0), deferred(2, 0), attempt(3, 0), state]).recipients;
    expect([recipient?.state, recipient?.unsettled]).toEqual(['delivered', undefined]);
  });

  it('knows better of a delivery than of a failure, whichever was later', () => {
    expect(of([ENQ, notification, delivered(2, 1)]).recipients[1]).toMatchObject({ state: 'delivered' });
  });

  it.each<readonly [turn: number, fact: Fact]>([
    [4, attempt(4, 0)], [5, deferred(5, 0)], [6, hold(6, true)], [9, notification], [2, warning(2, 0)], [3, state], [8, { ...state, held: { turn: 8, value: 1 } }],
    [9, { ...state, recipients: state.recipients.map((each) => ({ ...each, attempted: { turn: 9, host: '' } })) }],
    [7, { ...state, recipients: state.recipients.map((each) => ({ ...each, turn: 7 })) }],
  ])('gives no turn again that a fact has had: %i', (turn, fact) => {
    const result = new Fold();
    for (const each of [attempt(1, 0), fact, attempt(1, 1)]) result.add(each, { segment: 1, at: 0 });
    expect(result.turn).toBe(turn);
  });

  it('retires the recipients of a notification with the notification', () => {
    expect(of([ENQ, notification]).recipients.map(({ state }) => state)).toEqual(['waiting', 'failed']);
    expect(isDone(of([ENQ, delivered(1, 0), notification]))).toBe(true);
    expect(isDone(of([ENQ, notification], 'n'))).toBe(false);
  });

  it('tells an attempt without an outcome, and whom it asked', () => {
    expect(of([ENQ, attempt(4, 1)]).recipients.map(({ unsettled }) => unsettled?.host)).toEqual([undefined, 'mx4.test']);
    expect(of([ENQ, attempt(4, 1), deferred(5, 1)]).recipients[1]?.unsettled).toBeUndefined();
  });

  it('keeps what is told of a delay apart from what becomes of the attempt under way', () => {
    expect(of([ENQ, attempt(4, 0), warning(5, 0)]).recipients[0]).toMatchObject({ warned: true, unsettled: { host: 'mx4.test' } });
    expect(of([ENQ, warning(5, 0), attempt(6, 0), deferred(7, 0)]).recipients.map(({ warned }) => warned)).toEqual([true, undefined]);
  });

  it('drops facts about a mail whose envelope has gone', () => {
    expect(isDone(of([delivered(1, 0)]))).toBe(true);
  });

  it('finds the content in its own file once a checkpoint has put it there', () => {
    expect(of([ENQ, state]).content).toEqual({ segment: 0, at: 0 });
    expect(of([ENQ]).content).toEqual({ segment: 1, at: 0 });
  });

  it('finds the content in the latest record that has it, in whatever order they are met', () => {
    const facts: readonly (readonly [Fact, segment: number, at: number])[] = [[ENQ, 1, 70], [{ ...state, external: false }, 2, 40], [{ ...state, external: false }, 3, 20]];
    for (const order of permutations(facts)) {
      const result = new Fold();
      for (const [fact, segment, at] of order) result.add(fact, { segment, at });
      expect(result.mails.get('m')?.content).toEqual({ segment: 3, at: 20 });
    }
  });

  it('knows when a mail is due and whether it is held by the latest word on it', () => {
    expect(of([ENQ]).next.value).toBe(1000);
    expect(of([ENQ, deferred(4, 0), deferred(2, 0)]).next.value).toBe(4000);
    expect(of([ENQ, hold(3, false), hold(2, true)]).held.value).toBe(0);
  });
});
