import { describe, expect, it } from 'vitest';
import type { Effect } from '../../src/relay/destination.ts';
import { RETRY_SCHEDULE, type RetrySchedule } from '../../src/relay/schedule.ts';
import { Scheduler, type SchedulerOptions, type Unit } from '../../src/relay/scheduler.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEADY: RetrySchedule = { ...RETRY_SCHEDULE, jitter: 0 };

interface Work extends Unit {
  readonly name: string;
}

const made = new Map<string, Work>(); // one object for each name, so that a test can say them as text

/** `alice>b 1`: the first mail of alice's to b; `>b 1`: a bounce to b. */
function work(name: string, expires = Infinity): Work {
  const [, sender = '', destination = ''] = /^(\w*)>(\w+) /.exec(name) ?? [];
  const unit = made.get(name) ?? { name, sender, destination, expires };
  made.set(name, unit);
  return unit;
}

class Stage {
  readonly scheduler: Scheduler<Work>;

  constructor(options: Partial<SchedulerOptions> = {}) {
    made.clear();
    this.scheduler = new Scheduler({ schedule: STEADY, ...options });
  }

  fresh(...names: readonly string[]): this {
    for (const name of names) this.scheduler.add(work(name), 0, true);
    return this;
  }

  retries(...names: readonly string[]): this {
    for (const name of names) this.scheduler.add(work(name), 0, false);
    return this;
  }

  /** All that may begin now. */
  begin(now = 0): readonly string[] {
    const names: string[] = [];
    for (let unit; (unit = this.scheduler.next(now)) !== undefined; ) names.push(unit.name);
    return names;
  }

  end(name: string, effect: Effect = 'answered', now = 0, again?: number): readonly string[] {
    return this.scheduler.end(work(name), effect, now, again).map((unit) => unit.name);
  }

  /** The order in which units go when only one is in hand at a time. */
  order(now = 0): readonly string[] {
    const names: string[] = [];
    for (let unit; (unit = this.scheduler.next(now)) !== undefined; this.scheduler.end(unit, 'answered', now)) names.push(unit.name);
    return names;
  }
}

const numbered = (count: number, name: string): readonly string[] => Array.from({ length: count }, (_, index) => `${name} ${index + 1}`);

describe('units that are due', () => {
  it.each<readonly [what: string, fresh: readonly string[], retries: readonly string[], order: readonly string[]]>([
    ['of one sender to one destination keep their order', ['a>x 1', 'a>x 2', 'a>x 3'], [], ['a>x 1', 'a>x 2', 'a>x 3']],
    ['destinations take turns', ['a>x 1', 'a>x 2', 'a>y 1', 'a>z 1', 'a>y 2'], [], ['a>x 1', 'a>y 1', 'a>z 1', 'a>x 2', 'a>y 2']],
    ['senders take turns within a destination', ['a>x 1', 'a>x 2', 'a>x 3', 'b>x 1', 'c>x 1', 'b>x 2'], [], ['a>x 1', 'b>x 1', 'c>x 1', 'a>x 2', 'b>x 2', 'a>x 3']],
    ['fresh mail goes before retries', ['a>x 1', 'a>x 2'], ['b>x 1', 'b>x 2'], ['a>x 1', 'a>x 2', 'b>x 1', 'b>x 2']],
    ['each fourth turn is a retry\'s', numbered(7, 'a>x'), ['b>x 1', 'b>x 2'], ['a>x 1', 'a>x 2', 'a>x 3', 'b>x 1', 'a>x 4', 'a>x 5', 'a>x 6', 'b>x 2', 'a>x 7']],
    ['a retry for one destination does not wait for fresh mail for another', ['a>x 1', 'a>x 2', 'a>x 3'], ['b>y 1'], ['a>x 1', 'b>y 1', 'a>x 2', 'a>x 3']],
  ])('%s', (_, fresh, retries, order) => {
    expect(new Stage().fresh(...fresh).retries(...retries).order()).toEqual(order);
  });

  it('go when their time has come, not before, the earliest first', () => {
    const stage = new Stage();
    for (const [name, at] of [['a>x 3', 30], ['a>x 1', 10], ['a>x 2', 20], ['a>x 4', 30]] as const) stage.scheduler.add(work(name), at, true);
    expect(stage.scheduler.wakeAt).toBe(10);
    expect(stage.order(9)).toEqual([]);
    expect(stage.order(10)).toEqual(['a>x 1']);
    expect(stage.scheduler.wakeAt).toBe(20);
    expect(stage.order(100)).toEqual(['a>x 2', 'a>x 3', 'a>x 4']);
    expect(stage.scheduler.wakeAt).toBe(Infinity);
  });

  it('come again when they ended so, as retries', () => {
    const stage = new Stage().fresh('a>x 1');
    stage.begin();
    stage.end('a>x 1', 'answered', 0, 10);
    stage.fresh('b>x 1');
    expect(stage.begin(10)).toEqual(['b>x 1', 'a>x 1']);
  });

  it('are no more than there are places', () => {
    const stage = new Stage({ places: 3 }).fresh(...numbered(5, 'a>x'), ...numbered(5, 'a>y'));
    expect(stage.begin()).toEqual(['a>x 1', 'a>y 1', 'a>x 2']);
    stage.end('a>y 1');
    expect(stage.begin()).toEqual(['a>y 2']);
  });
});

describe('the window of a destination', () => {
  it('begins at two, and grows by one with each answer, up to its limit', () => {
    const stage = new Stage({ widest: 5 }).fresh(...numbered(100, 'a>x'));
    let inHand = [...stage.begin()];
    const widths = [inHand.length];
    for (let round = 0; round < 5; round++) {
      stage.end(inHand.shift() ?? '');
      inHand = [...inHand, ...stage.begin()];
      widths.push(inHand.length);
    }
    expect(widths).toEqual([2, 3, 4, 5, 5, 5]);
  });

  it.each<readonly [effects: readonly Effect[], room: number]>([
    [['answered', 'answered', 'answered', 'answered', 'answered', 'answered'], 8],
    [['answered', 'answered', 'answered', 'answered', 'answered', 'answered', 'unreachable'], 4],
    [['answered', 'answered', 'answered', 'answered', 'answered', 'answered', 'unreachable', 'unreachable'], 2],
    [['unreachable'], 1],
    [['unreachable', 'unreachable'], 1],
    [['unreachable', 'unreachable', 'answered'], 2],
    [['unreachable', 'unreachable', 'none'], 1],
    [['unreachable', 'unreachable', 'unreachable'], 0],
    [['unreachable', 'unreachable', 'answered', 'unreachable', 'unreachable'], 1],
    [['none', 'none', 'none', 'none'], 2],
  ])('after %j has room for %d', (effects, room) => {
    const stage = new Stage().fresh(...numbered(100, 'a>x'));
    for (const effect of effects) stage.scheduler.end(stage.scheduler.next(0) ?? work(''), effect, 0);
    expect(stage.begin()).toHaveLength(room);
  });
});

/** A destination x that was found dead at 0, with units that are due. */
function dead(count = 10, options: Partial<SchedulerOptions> = {}): Stage {
  const stage = new Stage(options).fresh(...numbered(count, 'a>x'));
  for (let time = 0; time < 3; time++) stage.scheduler.end(stage.scheduler.next(0) ?? work(''), 'unreachable', 0, DAY);
  return stage;
}

describe('a dead destination (RFC 5321 §4.5.4.1)', () => {
  // shows RFC5321:4.5.4.1-9
  it('is left alone, fresh mail for it too, until it is probed by one unit', () => {
    const stage = dead();
    expect(stage.begin(7.5 * MINUTE - 1)).toEqual([]);
    stage.fresh('b>x 1');
    expect(stage.begin(1)).toEqual([]);
    expect(stage.scheduler.wakeAt).toBe(7.5 * MINUTE);
    expect(stage.scheduler.deadUntil('x')).toBe(7.5 * MINUTE);
    expect(stage.begin(7.5 * MINUTE)).toHaveLength(1);
  });

  it('is probed at once where somebody has reason to think that it is not dead any more', () => {
    const stage = dead();
    stage.scheduler.revive('x', 1);
    expect(stage.begin(1)).toEqual(['a>x 4']);
  });

  it('takes all that waits for it when the probe is answered', () => {
    const stage = dead(5);
    expect(stage.begin(7.5 * MINUTE)).toEqual(['a>x 4']);
    stage.end('a>x 4', 'answered', 8 * MINUTE);
    expect(['x', 'y'].map((destination) => stage.scheduler.deadUntil(destination))).toEqual([undefined, undefined]);
    expect(stage.begin(8 * MINUTE)).toEqual(['a>x 5']);
    stage.fresh(...numbered(5, 'b>x'));
    expect(stage.begin(8 * MINUTE)).toHaveLength(1); // a window of two again
  });

  it('takes no more at a time behind the probe than it ever may', () => {
    const stage = dead(6, { widest: 1 });
    stage.begin(7.5 * MINUTE);
    stage.end('a>x 4', 'answered', 8 * MINUTE);
    expect(stage.begin(8 * MINUTE)).toEqual(['a>x 5']);
  });

  it('is probed at the intervals of the schedule, at least once an hour', () => {
    const stage = dead(100);
    const probes: number[] = [];
    for (let now = 0; now < 6 * HOUR; now = stage.scheduler.wakeAt) {
      const unit = stage.scheduler.next(now);
      if (unit === undefined) continue;
      probes.push(now / MINUTE);
      stage.scheduler.end(unit, 'unreachable', now, now + 3 * DAY);
    }
    expect(probes).toEqual([7.5, 37.5, 97.5, 157.5, 217.5, 277.5, 337.5]);
  });

  it('is probed no later because an attempt ends that began before', () => {
    const stage = new Stage({ schedule: STEADY }).fresh(...numbered(20, 'a>x'));
    for (let time = 0; time < 4; time++) stage.scheduler.end(stage.scheduler.next(0) ?? work(''), 'answered', 0);
    const inHand = stage.begin();
    for (const name of inHand.slice(0, 3)) stage.end(name, 'unreachable', 0);
    for (const name of inHand.slice(3)) stage.end(name, 'unreachable', MINUTE);
    expect(stage.begin(7.5 * MINUTE - 1)).toEqual([]);
    expect(stage.begin(7.5 * MINUTE)).toHaveLength(1);
  });

  it('is alive when an attempt that began before is answered', () => {
    const stage = new Stage().fresh(...numbered(20, 'a>x'));
    for (let time = 0; time < 4; time++) stage.scheduler.end(stage.scheduler.next(0) ?? work(''), 'answered', 0);
    const inHand = stage.begin();
    for (const name of inHand.slice(0, 3)) stage.end(name, 'unreachable', 0);
    expect(stage.begin(1)).toEqual([]);
    for (const name of inHand.slice(3)) stage.end(name, 'answered', 1);
    expect(stage.begin(1).length).toBeGreaterThanOrEqual(2);
  });

  it('takes with it those whose time is over, when a probe fails', () => {
    const stage = new Stage();
    for (const [index, name] of numbered(6, 'a>x').entries()) stage.scheduler.add(work(name, (index < 3 ? 9 : index === 4 ? 2 : 1) * HOUR), 0, true);
    for (let time = 0; time < 3; time++) stage.scheduler.end(stage.scheduler.next(0) ?? work(''), 'unreachable', 0, 10 * DAY);
    expect(stage.begin(HOUR)).toEqual(['a>x 4']); // its own last attempt
    expect(stage.end('a>x 4', 'unreachable', HOUR)).toEqual(['a>x 6']);
    expect(stage.begin(2 * HOUR)).toEqual(['a>x 5']);
  });

  it('takes with it those that were tried before, too, and is forgotten where nobody else waits', () => {
    const stage = new Stage();
    for (const name of numbered(4, 'a>x')) stage.scheduler.add(work(name, HOUR), 0, true);
    for (let time = 0; time < 3; time++) stage.scheduler.end(stage.scheduler.next(0) ?? work(''), 'unreachable', 0, HOUR);
    expect(stage.begin(HOUR)).toEqual(['a>x 1']);
    expect(stage.end('a>x 1', 'unreachable', HOUR)).toEqual(['a>x 4', 'a>x 2', 'a>x 3']);
    expect(stage.scheduler.deadUntil('x')).toBeUndefined();
  });

  it('is forgotten with its last unit', () => {
    const stage = dead(3);
    expect(stage.begin(DAY)).toHaveLength(1);
    for (const name of numbered(3, 'a>x')) stage.end(name, 'unreachable', DAY);
    for (let left; (left = stage.scheduler.next(2 * DAY)) !== undefined; ) stage.scheduler.end(left, 'none', 2 * DAY);
    stage.fresh('z>x 1', 'z>x 2', 'z>x 3');
    expect(stage.begin(2 * DAY)).toHaveLength(2);
  });
});

describe('destinations that do not answer', () => {
  it('have half of the places, however many they are', () => {
    const stage = new Stage({ places: 10 });
    for (let silent = 0; silent < 30; silent++) stage.fresh(...numbered(5, `a>silent${silent}`));
    for (let time = 0; time < 60; time++) stage.scheduler.end(stage.scheduler.next(0) ?? work(''), 'unreachable', 0, MINUTE);
    expect(stage.begin(0)).toHaveLength(5);
    stage.fresh(...numbered(3, 'a>good'), ...numbered(3, 'a>better'));
    expect(stage.begin(0)).toEqual(['a>good 1', 'a>better 1', 'a>good 2', 'a>better 2']);
  });
});

// found by playing: bounces to thousands of domains of one zone, whose server takes its time, had all the places and nearly all the turns
describe('destinations that only bounces are for, which strangers choose', () => {
  const each = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `>far${index} 1`);

  it('have a quarter of the places, however many they are', () => {
    const stage = new Stage({ places: 8 }).fresh(...each(100));
    expect(stage.begin()).toEqual(['>far0 1', '>far1 1']);
    stage.fresh('a>good 1', 'b>better 1');
    expect(stage.begin()).toEqual(['a>good 1', 'b>better 1']);
    expect(stage.begin(HOUR)).toEqual([]); // nor do they give their places to others of their kind
    stage.end('>far0 1');
    expect(stage.begin()).toEqual(['>far2 1']);
  });

  it('hold up no mail of somebody, and that holds up none of them', () => {
    const stage = new Stage({ places: 1 }).fresh(...each(100), ...numbered(3, 'a>x'));
    expect(stage.order().slice(0, 7)).toEqual(['a>x 1', '>far0 1', 'a>x 2', '>far1 1', 'a>x 3', '>far2 1', '>far3 1']);
  });

  it('are others as soon as there is mail of somebody for them', () => {
    const stage = new Stage({ places: 4 }).fresh('>x 1', '>y 1', '>z 1');
    expect(stage.begin()).toEqual(['>x 1']);
    stage.fresh('a>z 1');
    expect(stage.begin()).toEqual(['>z 1', 'a>z 1']);
  });
});

// found by reading: who runs the DNS of a domain could have mail for it count as mail for a hoster, and then hold that up elsewhere
describe('an attempt that goes elsewhere', () => {
  it('makes room at its destination, and takes none of the places of others besides', () => {
    const stage = new Stage({ places: 3 }).fresh(...numbered(4, 'a>x'), 'b>y 1');
    expect(stage.begin()).toEqual(['a>x 1', 'b>y 1', 'a>x 2']);
    stage.end('b>y 1');
    expect(stage.begin()).toEqual([]);
    stage.scheduler.leave(work('a>x 1'), 0);
    expect(stage.begin()).toEqual(['a>x 3']);
    stage.end('a>x 2', 'none');
    stage.scheduler.leave(work('a>x 2'), 0); // it has ended
    expect(stage.begin()).toEqual(['a>x 4']);
  });

  it('makes room for one, wherever it goes after that', () => {
    const stage = new Stage().fresh(...numbered(4, 'a>x'));
    expect(stage.begin()).toEqual(['a>x 1', 'a>x 2']);
    for (let time = 0; time < 2; time++) stage.scheduler.leave(work('a>x 1'), 0);
    expect(stage.begin()).toEqual(['a>x 3']);
  });

  it('has its unit come again where it went', () => {
    const stage = new Stage({ widest: 1 }).fresh('a>x 1', 'a>x 2');
    expect(stage.begin()).toEqual(['a>x 1']);
    const unit = work('a>x 1');
    stage.scheduler.leave(unit, 0);
    Object.assign(unit, { destination: 'y' });
    stage.scheduler.end(unit, 'unreachable', 0, 10);
    expect(stage.begin(10)).toEqual(['a>x 2', 'a>x 1']);
    stage.end('a>x 2', 'answered', 10);
    for (const time of [10, 11, 12]) {
      stage.scheduler.end(unit, 'unreachable', time, time + 1);
      stage.begin(time + 1);
    }
    expect([stage.scheduler.deadUntil('x'), stage.scheduler.deadUntil('y')]).toEqual([undefined, expect.any(Number)]);
  });

  it('shows nothing of it, and its unit comes again', () => {
    const stage = new Stage().fresh(...numbered(3, 'a>x'));
    for (let time = 0; time < 5; time++) {
      for (const name of stage.begin(time)) {
        stage.scheduler.leave(work(name), time);
        expect(stage.end(name, 'unreachable', time, time + 1)).toEqual([]);
      }
    }
    expect(stage.scheduler.deadUntil('x')).toBeUndefined();
    expect(stage.begin(9).length).toBeGreaterThan(0);
  });
});

// found by reading: fifty destinations that take their time, with two mails each, held up all others for as long as they liked
describe('attempts that take long', () => {
  const each = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `a>slow${index} 1`);

  it('give their places to others after half a minute, those first that began first', () => {
    const stage = new Stage({ places: 2 }).fresh('a>x 1');
    stage.begin();
    stage.fresh('a>y 1', 'b>z 1', 'c>z 1');
    expect(stage.begin(10 * SECOND)).toEqual(['a>y 1']);
    expect(stage.scheduler.wakeAt).toBe(30 * SECOND);
    expect(stage.begin(30 * SECOND - 1)).toEqual([]);
    expect(stage.begin(30 * SECOND)).toEqual(['b>z 1']);
    expect(stage.scheduler.wakeAt).toBe(40 * SECOND);
    expect(stage.begin(40 * SECOND)).toEqual(['c>z 1']);
    expect(stage.scheduler.wakeAt).toBe(Infinity);
  });

  it('leave none behind when they end', () => {
    const stage = new Stage({ places: 1 }).fresh('a>x 1', 'b>y 1', 'c>z 1');
    stage.begin();
    expect(stage.begin(30 * SECOND)).toEqual(['b>y 1']);
    stage.end('a>x 1', 'answered', 31 * SECOND);
    expect(stage.begin(31 * SECOND)).toEqual([]);
    stage.end('b>y 1', 'answered', 32 * SECOND);
    expect(stage.begin(32 * SECOND)).toEqual(['c>z 1']);
  });

  it('are four times as many as there are places at most', () => {
    const stage = new Stage({ places: 2 }).fresh(...each(20));
    let begun = 0;
    for (let minute = 0; minute < 20; minute++) begun += stage.begin(minute * MINUTE).length;
    expect(begun).toBe(10);
    expect(stage.scheduler.wakeAt).toBe(Infinity);
    stage.end('a>slow0 1', 'answered', HOUR);
    expect(stage.begin(HOUR)).toHaveLength(1);
  });

  it('keep their places where the destination did not answer when last asked: those have half of them in any case', () => {
    const stage = new Stage({ places: 2 }).fresh('a>x 1', 'a>x 2', 'a>x 3', 'b>y 1');
    expect(stage.begin()).toEqual(['a>x 1', 'b>y 1']);
    stage.end('a>x 1', 'unreachable');
    expect(stage.begin()).toEqual(['a>x 2']); // one of the two
    stage.fresh('c>z 1', 'd>w 1');
    expect(stage.begin(HOUR)).toEqual(['c>z 1']); // in the place of b>y 1
    expect(stage.begin(2 * HOUR)).toEqual(['d>w 1']);
  });

  it('are as long when the clock is set back', () => {
    const stage = new Stage({ places: 1 }).fresh('a>x 1', 'b>y 1');
    expect(stage.begin(HOUR)).toEqual(['a>x 1']);
    stage.begin(HOUR);
    stage.scheduler.advance(HOUR);
    expect(stage.scheduler.wakeAt).toBe(30 * SECOND);
    expect(stage.begin(30 * SECOND)).toEqual(['b>y 1']);
  });
});

describe('a unit that is withdrawn', () => {
  it('does not begin, whether it waits for its time or its turn, and the others do', () => {
    const stage = new Stage({ widest: 1 });
    stage.fresh('a>x 1', 'a>x 2', 'b>x 1', 'a>x 3').retries('c>x 1');
    for (const name of ['a>x 4', 'a>x 5', 'a>y 1', 'a>z 1']) stage.scheduler.add(work(name), 5, true);
    expect(stage.begin()).toEqual(['a>x 1']); // the others for x are due by now
    for (const name of ['a>x 2', 'b>x 1', 'c>x 1', 'a>x 4', 'a>z 1']) stage.scheduler.withdraw(work(name), 0);
    stage.end('a>x 1');
    expect(stage.order()).toEqual(['a>x 3']);
    expect(stage.order(5)).toEqual(['a>x 5', 'a>y 1']);
    expect(stage.scheduler.wakeAt).toBe(Infinity);
  });

  it('leaves its turn to others, and does not stay among what waits for its time', () => {
    const stage = new Stage({ places: 1 }).fresh('a>w 1', 'a>x 1', 'b>y 1');
    for (const name of ['a>w 2', 'a>w 3', 'a>w 4']) stage.scheduler.add(work(name), MINUTE, true);
    expect(stage.begin()).toEqual(['a>w 1']);
    stage.scheduler.withdraw(work('a>x 1'), 0);
    stage.end('a>w 1');
    expect(stage.begin()).toEqual(['b>y 1']);
    for (const name of ['a>w 2', 'a>w 3']) stage.scheduler.withdraw(work(name), 0);
    expect(stage.scheduler.wakeAt).toBe(MINUTE);
    stage.scheduler.withdraw(work('a>w 4'), 0);
    expect(stage.scheduler.wakeAt).toBe(Infinity);
  });

  it('is no reason for later ones of its sender to be left out', () => {
    const stage = new Stage({ widest: 1 }).fresh('b>x 1', 'a>x 1', 'b>x 2');
    expect(stage.begin()).toEqual(['b>x 1']);
    stage.scheduler.withdraw(work('a>x 1'), 0);
    stage.fresh('a>x 2');
    stage.end('b>x 1');
    expect(stage.order()).toEqual(['b>x 2', 'a>x 2']);
  });

  it('is not waited for, and what was known of its destination is forgotten with the last one', () => {
    const stage = new Stage();
    stage.fresh('a>x 1', 'a>x 2', 'a>x 3');
    for (const name of ['a>x 1', 'a>x 2', 'a>x 3']) {
      stage.begin();
      stage.end(name, 'unreachable', 0, MINUTE);
    }
    expect(stage.scheduler.deadUntil('x')).toBe(7.5 * MINUTE);
    stage.scheduler.withdraw(work('a>x 1'), 0);
    stage.scheduler.withdraw(work('a>x 2'), 0);
    expect(stage.scheduler.deadUntil('x')).toBe(7.5 * MINUTE);
    stage.scheduler.withdraw(work('a>x 3'), 0);
    expect(stage.scheduler.deadUntil('x')).toBeUndefined();
    expect(stage.begin(HOUR)).toEqual([]);
    expect(stage.scheduler.wakeAt).toBe(Infinity);
  });
});
