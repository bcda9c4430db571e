import { describe, expect, it, vi } from 'vitest';
import { Alarm } from '../../src/node/alarm.ts';
import { now } from '../../src/node/now.ts';
import { Pump, type Pumped, type PumpOwner } from '../../src/node/pump.ts';
import { finishThisTurn } from '../../src/node/turn-end.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { pair } from '../support/duplex-pair.ts';
import { loopback, type Loopback } from '../support/loopback.ts';
import { latin1 } from '../support/raw-peer.ts';
import { turns, until } from '../support/turn.ts';

type Action = { readonly type: 'send'; readonly octets: Uint8Array } | { readonly type: 'close' } | { readonly type: 'note'; readonly text: string };

/** A session that does what a test tells it, and notes what it is told. */
class Puppet implements Pumped<Action> {
  state = 'open';
  deadline = Infinity;
  dismissed = false;
  told: string[] = [];
  asked = 0; //     calls of next() that handed something out
  received = 0; //  octets
  early = 0; //     calls of expire() before the deadline
  actions: Action[] = [];
  onReceive: ((octets: Uint8Array) => void) | undefined;
  onEnd: (() => void) | undefined;
  onExpire: (() => void) | undefined;

  receive(octets: Uint8Array): void {
    this.received += octets.length;
    this.told.push(octets.length === 0 ? 'nothing' : `receive ${decodeLatin1(octets.subarray(0, 20))}`);
    if (octets.length > 0) this.onReceive?.(octets);
  }

  receiveEnd(): void {
    this.told.push('end');
    this.onEnd?.();
  }

  lost(): void {
    this.told.push('lost');
    if (this.state !== 'closed') this.close();
  }

  expire(at: number): void {
    if (at < this.deadline) return void this.early++;
    this.told.push('expire');
    this.onExpire?.();
  }

  next(): Action | undefined {
    const action = this.actions.shift();
    if (action !== undefined) this.asked++;
    return action;
  }

  send(text: string | Uint8Array): void {
    this.actions.push({ type: 'send', octets: typeof text === 'string' ? latin1(text) : text });
  }

  close(): void {
    this.state = 'closed';
    this.deadline = Infinity;
    this.actions.push({ type: 'close' });
  }
}

interface Stage extends AsyncDisposable {
  readonly session: Puppet;
  readonly pump: Pump<Action>;
  readonly socket: Loopback['socket'];
  readonly peer: Loopback['peer'];
  /** What the pump handed to `act`, and 'closed' when the session was over. */
  readonly notes: string[];
}

async function stage(how: Pick<PumpOwner<Action>, 'givesWay' | 'linger'> = {}): Promise<Stage> {
  const ends = await loopback();
  const session = new Puppet();
  const notes: string[] = [];
  const pump = new Pump<Action>(ends.socket, session, { act: ({ text }) => void notes.push(text), closed: () => void notes.push('closed'), ...how });
  pump.turn();
  return { session, pump, socket: ends.socket, peer: ends.peer, notes, [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose]() };
}

const MEGABYTE = 1_048_576;

describe('a pump', () => {
  it('hands octets to the session, and the session\'s to the socket', async () => {
    await using on = await stage();
    on.session.onReceive = (octets) => on.session.send(octets);
    on.peer.say('HELLO');
    expect(await on.peer.hear(/HELLO/)).toBe('HELLO');
  });

  it('hands on all other actions in their order', async () => {
    await using on = await stage();
    on.session.actions.push({ type: 'note', text: 'a' }, { type: 'note', text: 'b' });
    on.session.close();
    on.pump.turn();
    expect(on.notes).toEqual(['a', 'b', 'closed']);
  });

  it('goes on with an answer that is given while an action is handed out, in the order of the actions', async () => {
    await using ends = await loopback();
    const session = new Puppet();
    const notes: string[] = [];
    const pump = new Pump<Action>(ends.socket, session, {
      act: ({ text }) => {
        notes.push(`${text} begins`);
        if (text === 'first') session.actions.unshift({ type: 'note', text: 'answer' });
        pump.turn();
        notes.push(`${text} ends`);
      },
      closed: () => undefined,
    });
    session.actions.push({ type: 'note', text: 'first' }, { type: 'note', text: 'second' });
    pump.turn();
    expect(notes).toEqual(['first begins', 'first ends', 'answer begins', 'answer ends', 'second begins', 'second ends']);
  });

  it('writes what was said before it hands out an action, but together with what is said to one that joins it', async () => {
    const writes: string[] = [];
    for (const joins of [[], ['note']]) {
      await using ends = await loopback();
      const session = new Puppet();
      const { socket } = ends;
      const write = socket.write.bind(socket);
      socket.write = (octets, ...rest) => {
        writes.push(decodeLatin1(octets));
        return write(octets, ...rest);
      };
      const pump = new Pump<Action>(socket, session, { act: () => session.send('c'), closed: () => undefined, joins: new Set(joins) });
      session.send('a');
      session.send('b');
      session.actions.push({ type: 'note', text: '' });
      pump.turn();
      await turns(1);
    }
    expect(writes).toEqual(['ab', 'c', 'abc']);
  });

  it('tells who waits for a write that it was never taken, of a stream too that says nothing of it when it is gone', async () => {
    const [socket] = pair(1);
    const session = new Puppet();
    const pump = new Pump<Action>(socket, session, { act: () => undefined, closed: () => undefined });
    const told = vi.fn();
    pump.watchWrites();
    for (let atOnce = true; atOnce; ) { // until writes wait for the end of this turn
      atOnce = false;
      finishThisTurn({ finish: () => void (atOnce = true) });
    }
    session.send('never read');
    pump.turn();
    pump.flushed(told);
    expect(told).not.toHaveBeenCalled();
    socket.destroy();
    await turns(2);
    expect(told.mock.calls).toEqual([[false]]);
  });

  it('is told that it was cut by an action before the next is handed out', async () => {
    await using ends = await loopback();
    const session = new Puppet();
    const notes: string[] = [];
    session.actions.push({ type: 'note', text: 'cut' }, { type: 'note', text: 'what is left' });
    const pump: Pump<Action> = new Pump<Action>(ends.socket, session, { act: ({ text }) => {
      notes.push([text, ...session.told].join(', '));
      if (text === 'cut') pump.cut();
    }, closed: () => undefined });
    pump.turn();
    expect(notes).toEqual(['cut', 'what is left, lost']);
  });

  it('that is cut has written what was said', async () => {
    await using on = await stage();
    on.session.send('421 enough\r\n');
    on.pump.turn();
    on.pump.cut();
    expect(await on.peer.rest()).toBe('421 enough\r\n');
  });
});

describe('back-pressure', () => {
  it('of a peer that does not read: the session is asked for no more, and nothing is read', async () => {
    await using on = await stage();
    on.peer.socket.pause();
    for (let count = 0; count < 200; count++) on.session.send(new Uint8Array(MEGABYTE / 10));
    on.pump.turn();
    await turns(20);
    const { asked } = on.session;
    expect(asked).toBeLessThan(150);
    on.pump.turn();
    on.peer.say('more');
    await turns(20);
    on.pump.turn();
    expect(on.session.asked).toBe(asked);
    expect(on.session.told).toEqual([]);
    expect(on.socket.isPaused()).toBe(true);

    on.peer.socket.resume();
    await until(() => on.session.asked === 200 && on.session.told.length > 0);
    expect(on.session.told).toEqual(['receive more']);
  });

  it('of a hold: nothing is read until as many releases', async () => {
    await using on = await stage();
    on.pump.hold();
    on.pump.hold();
    on.pump.turn();
    on.peer.say('wait');
    await turns(20);
    on.pump.release();
    await turns(20);
    expect(on.session.told).toEqual([]);
    on.pump.release();
    await until(() => on.session.received > 0);
    expect(on.session.told).toEqual(['nothing', 'receive wait']); // the first says that time begins anew
  });

  it('of a hold bounds what is taken from the socket, whatever is sent', async () => {
    await using on = await stage();
    on.session.onReceive = () => {
      on.pump.hold();
      on.pump.turn();
    };
    for (let sent = 0; sent < 50; sent++) on.peer.say(new Uint8Array(MEGABYTE));
    let most = 0;
    for (let before = 0; before < 50 * MEGABYTE; on.pump.release()) {
      await until(() => on.session.received > before);
      before = on.session.received;
      await turns(2);
      expect(on.session.received).toBe(before);
      most = Math.max(most, on.socket.bytesRead - before);
    }
    expect(most).toBeLessThan(MEGABYTE);
  });

  it('is charged for what is kept, and once for what Node may have read ahead, and what is yet to be written, until it or the session is over', async () => {
    await using ends = await loopback();
    const session = new Puppet();
    let charged = 0;
    const pump = new Pump<Action>(ends.socket, session, { act: () => undefined, closed: () => undefined }, { charge: (octets) => void (charged += octets) });
    pump.hold();
    ends.peer.say('wait');
    await until(() => charged > 0);
    ends.socket.emit('data', latin1('and more')); // as what was read ahead
    expect(charged).toBe(4 + 8 + 65_536 + 16_384);
    pump.release();
    expect(session.received).toBe(12);
    expect(charged).toBe(0);
    ends.peer.socket.pause();
    session.send(new Uint8Array(40 * MEGABYTE)); // which no peer takes at once
    pump.turn();
    ends.peer.say('wait');
    await until(() => charged > 0);
    expect(charged).toBe(4 + 65_536 + 16_384 + 40 * MEGABYTE);
    session.close();
    pump.turn();
    expect(charged).toBe(0);
  });

  it('still hands out actions during a hold', async () => {
    await using on = await stage();
    on.pump.hold();
    on.session.send('421 busy\r\n');
    on.pump.turn();
    expect(await on.peer.reply()).toBe('421 busy\r\n');
  });
});

describe('of much that is to be done at a time', () => {
  const WORK = 1_000;

  const work = (session: Puppet): void => {
    for (let count = 0; count < WORK; count++) session.actions.push({ type: 'note', text: `${count}` });
  };

  it('all is done at once, where nobody gives way', async () => {
    await using on = await stage();
    work(on.session);
    on.pump.turn();
    expect(on.session.asked).toBe(WORK);
  });

  it('a share is done, and the rest when others have had their turns, before anything further that comes', async () => {
    await using on = await stage({ givesWay: true });
    const begun: number[] = [];
    on.session.onReceive = () => {
      begun.push(on.session.asked);
      work(on.session);
    };
    on.peer.say('work');
    await until(() => on.session.asked > 0);
    const { asked } = on.session;
    expect(asked).toBeLessThan(WORK / 2);
    on.pump.turn();
    on.pump.hold();
    on.pump.release(); // an answer came in between
    expect(on.session.asked).toBe(asked);
    on.socket.emit('data', latin1('more work'));
    let most = 0;
    for (let before = asked; before < 2 * WORK; before = on.session.asked) {
      await until(() => on.session.asked > before);
      most = Math.max(most, on.session.asked - before);
    }
    expect(most).toBeLessThan(WORK / 2);
    expect(on.session.told.filter((told) => told !== 'nothing')).toEqual(['receive work', 'receive more work']);
    expect(begun).toEqual([0, WORK]);
    expect(on.socket.isPaused()).toBe(false);
  });

  it('long replies are a larger part of a share than short ones', async () => {
    await using on = await stage({ givesWay: true });
    for (let count = 0; count < 100; count++) on.session.send(new Uint8Array(4_096));
    on.pump.turn();
    expect(on.session.asked).toBeLessThan(10);
    await until(() => on.session.asked === 100);
  });

  it('nothing waits where the session has broken off, or the peer has gone', async () => {
    await using on = await stage({ givesWay: true });
    work(on.session);
    on.pump.turn();
    on.session.close();
    on.pump.turn();
    expect(on.session.asked).toBe(WORK + 1);
    await using left = await stage({ givesWay: true });
    work(left.session);
    left.pump.turn();
    left.pump.cut();
    expect(left.session.asked).toBe(WORK + 1);
    await turns(2);
    expect(left.notes.filter((note) => note === 'closed')).toHaveLength(1);
  });
});

describe.concurrent('the end of a session', () => { // one of them waits two seconds
  it('ends our side, and waits for the peer to end its own', async () => {
    await using on = await stage();
    on.session.send('221 bye\r\n');
    on.session.close();
    on.pump.turn();
    expect(await on.peer.rest()).toBe('221 bye\r\n');
    expect(on.notes).toEqual(['closed']);
    expect(on.socket.destroyed).toBe(false);
    on.peer.end();
    await on.peer.gone();
    await until(() => on.socket.destroyed);
  });

  it('waits for nothing where the peer wants no more', async () => {
    await using on = await stage();
    on.session.dismissed = true;
    on.session.send('221 bye\r\n');
    on.session.close();
    on.pump.turn();
    expect(on.notes).toEqual(['closed']);
    expect(on.socket.destroyed).toBe(true);
    expect(await on.peer.rest()).toBe('221 bye\r\n');
  });

  it('waits until such a peer has read what it asked for', async () => {
    await using on = await stage();
    on.session.dismissed = true;
    on.peer.socket.pause();
    for (let count = 0; count < 20; count++) on.session.send(new Uint8Array(MEGABYTE).fill(0x61));
    on.session.close();
    on.session.state = 'open'; // until it has handed out all of that
    on.pump.turn();
    await turns(20);
    on.session.state = 'closed';
    on.pump.turn();
    on.peer.socket.resume();
    expect((await on.peer.rest()).length).toBe(20 * MEGABYTE);
  });

  it('drops what such a peer says all the same while it was not read, so that it can read our last words', async () => {
    await using on = await stage();
    on.pump.hold();
    on.peer.say('more');
    await until(() => on.socket.bytesRead === 4);
    on.session.dismissed = true;
    on.session.send('221 bye\r\n');
    on.session.close();
    on.pump.turn();
    expect(on.socket.destroyed).toBe(false);
    expect(await on.peer.rest()).toBe('221 bye\r\n');
    const ended = vi.fn();
    on.socket.on('end', ended);
    on.peer.say('and more');
    on.peer.end();
    await until(() => ended.mock.calls.length > 0);
  });

  it('drops what the peer still says, so that it can read our last words', async () => {
    await using on = await stage();
    on.session.send('554 no\r\n');
    on.session.close();
    on.pump.turn();
    on.peer.say(new Uint8Array(MEGABYTE));
    expect(await on.peer.rest()).toBe('554 no\r\n');
    await until(() => on.socket.bytesRead === MEGABYTE);
    expect(on.session.received).toBe(0);
  });

  it('of the peer\'s side is told once', async () => {
    await using on = await stage();
    on.peer.end();
    await until(() => on.session.told.length > 0);
    on.pump.turn();
    expect(on.session.told).toEqual(['end']);
  });

  it('leaves no timer behind where the peer ends its own', async () => {
    const set = vi.spyOn(Alarm, 'set');
    const off = vi.spyOn(Alarm.prototype, 'off');
    await using on = await stage();
    on.session.close();
    on.pump.turn();
    const alarm: unknown = set.mock.results.at(-1)?.value;
    on.peer.end();
    await until(() => on.socket.destroyed);
    await turns();
    expect(off.mock.contexts).toContain(alarm);
    set.mockRestore();
    off.mockRestore();
  });

  it('is cut after a while where the peer keeps its side open', async () => {
    await using on = await stage();
    on.session.close();
    on.pump.turn();
    const from = now();
    await on.peer.rest();
    expect(on.socket.destroyed).toBe(false);
    await until(() => on.socket.destroyed);
    expect(now() - from).toBeGreaterThan(1_500);
  });

  it('answers all that a half-closed peer has asked, however slowly it reads', async () => {
    await using on = await stage();
    on.session.onReceive = () => {
      for (let count = 0; count < 80; count++) on.session.send(new Uint8Array(MEGABYTE / 8).fill(0x61));
    };
    on.session.onEnd = () => {
      on.session.send('z');
      on.session.close();
    };
    on.peer.socket.pause();
    on.peer.say('everything');
    on.peer.end();
    await turns(20);
    on.peer.socket.resume();
    const heard = await on.peer.rest();
    expect(heard.length).toBe(10 * MEGABYTE + 1);
    expect(heard.endsWith('z')).toBe(true);
  });

  it('comes once, and the session is told, when the peer resets the connection', async () => {
    await using on = await stage();
    on.peer.reset();
    await until(() => on.notes.length > 0);
    expect(on.session.told).toEqual(['lost']);
    on.pump.turn();
    on.pump.hold();
    on.pump.release();
    expect(on.notes).toEqual(['closed']);
  });

  it.each([
    ['the connection is gone', { lastWords: true }, ['receive 421 closing', 'lost']],
    ['its time is over', { lastWords: true }, ['receive 421 closing', 'expire', 'lost']],
    ['the connection is gone', {}, ['lost']],
    ['its time is over', {}, ['expire', 'lost']],
  ] as const)('tells, when %s, what came while nothing was to be read, if its owner wants that: %j', async (when, more, expected) => {
    await using ends = await loopback();
    const session = new Puppet();
    const notes: string[] = [];
    const pump = new Pump<Action>(ends.socket, session, { act: () => undefined, closed: () => void notes.push('closed'), ...more });
    ends.peer.socket.pause();
    for (let count = 0; count < 40; count++) session.send(new Uint8Array(MEGABYTE));
    pump.turn();
    ends.peer.say('421 closing');
    await until(() => ends.socket.isPaused());
    expect(session.told).toEqual([]);
    if (when === 'its time is over') {
      session.deadline = now() + 10;
      pump.turn();
      session.deadline = Infinity; // an octet came
      await until(() => session.early > 0);
      expect(session.told).toEqual([]);
      session.deadline = now();
      pump.turn();
      await until(() => session.told.includes('expire'));
      session.deadline = Infinity;
    }
    ends.peer.reset();
    await until(() => notes.length > 0);
    expect(session.told).toEqual(expected);
  });

  it('waits for no full buffer when the connection is gone', async () => {
    await using on = await stage();
    on.peer.socket.pause();
    for (let count = 0; count < 40; count++) on.session.send(new Uint8Array(MEGABYTE));
    on.session.actions.push({ type: 'note', text: 'behind it all' });
    on.pump.turn();
    on.peer.reset();
    await until(() => on.notes.length > 1);
    expect(on.notes).toEqual(['behind it all', 'closed']);
  });

  it('waits for no full buffer when the session broke off by itself', async () => {
    await using on = await stage();
    on.peer.socket.pause();
    for (let count = 0; count < 40; count++) on.session.send(new Uint8Array(MEGABYTE));
    on.pump.turn();
    expect(on.session.actions.length).toBeGreaterThan(0);
    on.session.close();
    on.pump.turn();
    expect(on.notes).toEqual(['closed']);
  });

  it('waits for no full buffer that what was said before an action has filled, when that breaks it off', () => {
    const [socket] = pair(1);
    const session = new Puppet();
    const notes: string[] = [];
    session.send('full');
    session.actions.push({ type: 'note', text: 'broken' });
    new Pump<Action>(socket, session, { act: ({ text }) => {
      notes.push(text);
      session.close();
    }, closed: () => void notes.push('closed') }).turn();
    expect(notes).toEqual(['broken', 'closed']);
    socket.destroy();
  });

  it('takes no error of the socket further: what is written after the peer has gone is dropped', async () => {
    await using on = await stage();
    on.peer.reset();
    on.session.send('into the void');
    on.pump.turn(); // the reset has come, or comes now
    on.session.send('once more');
    on.pump.turn();
    await until(() => on.notes.length > 0);
    on.session.send('and again');
    on.pump.turn();
    expect(on.session.told).toContain('lost');
    expect(on.notes).toEqual(['closed']);
  });
});

describe('the timer', () => {
  it('tells the session that its deadline has passed', async () => {
    await using on = await stage();
    on.session.deadline = now() + 20;
    on.session.onExpire = () => {
      on.session.send('421 too slow\r\n');
      on.session.close();
    };
    on.pump.turn();
    expect(await on.peer.rest()).toBe('421 too slow\r\n');
    expect(on.session.told).toEqual(['expire']);
  });

  it('is not moved by each octet: when it fires early, it is set again', async () => {
    await using on = await stage();
    const set = vi.spyOn(Alarm, 'set');
    const later = now() + 60_000;
    on.session.deadline = now() + 20;
    on.pump.turn();
    on.session.deadline = later; // an octet came
    on.pump.turn();
    expect(set).toHaveBeenCalledTimes(1);
    await until(() => on.session.early > 0);
    expect(set).toHaveBeenCalledTimes(2);
    expect(set.mock.lastCall?.[0]).toBeGreaterThanOrEqual(later);
    set.mockRestore();
  });

  it('is not moved for deadlines that are far off, each a little later than the one before', async () => {
    await using on = await stage();
    const set = vi.spyOn(Alarm, 'set');
    const far = Math.floor(now() / 1000) * 1000 + 300_000;
    for (const later of [100, 101, 400, 900]) {
      on.session.deadline = far + later;
      on.pump.turn();
    }
    expect(set.mock.calls.map(([at]) => at)).toEqual([far + 1000]);
    set.mockRestore();
  });

  it('is moved when the deadline comes nearer', async () => {
    await using on = await stage();
    on.session.deadline = now() + 3_600_000;
    on.pump.turn();
    on.session.deadline = now() + 10;
    on.session.onExpire = () => on.session.close();
    on.pump.turn();
    await until(() => on.notes.length > 0);
    expect(on.session.told).toEqual(['expire']);
  });

  it.each([[{}, 2_000], [{ linger: 500 }, 500]])('is called off when it is moved, and when the session is over, whose peer has its own time then: %j, %d ms or a little longer', async (how, linger) => {
    await using on = await stage(how);
    const set = vi.spyOn(Alarm, 'set');
    const off = vi.spyOn(Alarm.prototype, 'off');
    on.pump.turn();
    expect(set).not.toHaveBeenCalled();
    for (const deadline of [now() + 3_600_000, now() + 9_000]) {
      on.session.deadline = deadline;
      on.pump.turn();
    }
    expect(set.mock.lastCall?.[0]).toBe(on.session.deadline);
    on.session.close();
    on.pump.turn();
    expect(off.mock.contexts).toEqual(set.mock.results.slice(0, 2).map(({ value }) => value));
    const [at = 0, from = 0] = set.mock.lastCall ?? [];
    expect(Math.floor((at - from - linger) / 250)).toBe(0);
    set.mockRestore();
    off.mockRestore();
  });

  it('does not run during a hold, and a peer that does not read stops it not', async () => {
    await using on = await stage();
    on.session.deadline = now() + 10;
    on.pump.turn();
    const set = vi.spyOn(Alarm, 'set');
    on.pump.hold();
    on.pump.turn();
    const passed = now() + 30;
    await until(() => now() > passed);
    expect(on.session.told).toEqual([]);
    expect(set).not.toHaveBeenCalled();
    set.mockRestore();
    on.peer.socket.pause();
    for (let count = 0; count < 40; count++) on.session.send(new Uint8Array(MEGABYTE));
    on.session.deadline = now() + 10;
    on.session.onExpire = () => on.session.close();
    on.pump.release();
    await until(() => on.notes.length > 0);
    expect(on.session.told).toEqual(['nothing', 'expire']);
  });

  it('takes a deadline that is further than a timer of Node\'s can be', async () => {
    await using on = await stage();
    on.session.deadline = now() + 2 ** 40;
    on.pump.turn();
    await turns(5);
    expect(on.session.told).toEqual([]);
  });
});
