// One socket, one session: octets go in, actions come out, time is told. The only place where a session meets a clock.
//
// Back-pressure both ways: while the socket takes no more, the session is not asked for actions and nothing is read; while
// a question is open or content is not taken (`hold`), nothing is read. So a connection never buffers more than a read, and
// what Node has read ahead of it. Each read is in memory of its own (a stream's by Node, one that is read directly as a copy), so the
// views that a session hands on stay good after the next read.
//
// Rule 1: the socket is paused when something comes while nothing is to be read, not before: most questions are answered
//         before the peer has more to say, and a pause that stops nothing costs 2 µs (measured: 8 % of a mail of 1 kB).
// Rule 2: what is said is written at the end of the turn of the event loop (turn-end.ts); sooner where it is much, before an action
//         that does not join it, and before our side ends.
// Rule 3: a peer that may have more to say when our side ends is heard until it ends its own, or its time is over: once nobody reads,
//         the system answers it with a reset, which would take our last words away. One that has said it wants no more
//         is not waited for (measured: a fourth of the processor time of a connection that brings one mail).
// Rule 4: where an owner `givesWay`, much that comes at a time is worked off in shares, with other connections served in between:
//         libuv reads 2 MiB before it looks at the next socket, which is a quarter of a million commands (measured: 50
//         connections that sent EHLO, or MAIL and RSET, as fast as they could kept all others waiting for 2 s of CPU at a time).

import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { Fifo } from '../wire/fifo.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import { Alarm, type Sleeper } from './alarm.ts';
import { closeAtOnce, destroy } from './destroy.ts';
import { attend } from './direct-read.ts';
import { now } from './now.ts';
import { finishThisTurn } from './turn-end.ts';
import { WriteWatch } from './write-watch.ts';

/** What a session of either role has for its pump. */
export interface Pumped<Action extends { readonly type: string }> {
  /** `closed`: nothing is to come but the actions that are left. */
  readonly state: string;
  readonly deadline: number;
  /** Closed as its peer has asked, which has said nothing further. */
  readonly dismissed?: boolean;
  receive(octets: Uint8Array, now: number): void;
  receiveEnd(now: number): void;
  lost(): void;
  expire(now: number): void;
  next(): Action | undefined;
}

/** Whose session it is: one object for both, since a closure for each costs memory for each connection. */
export interface PumpOwner<Action> {
  /** Takes each action but send and close. */
  act(action: Action): void;
  /** The session is over; told once. */
  closed(): void;
  /** The socket is gone; told once, behind that. */
  gone?(): void;
  /** The types of actions that may bring more to be said at once: what was said before them is written together with that. Default: none. */
  readonly joins?: ReadonlySet<string>;
  /** How long a peer that keeps its side open has to read our last words, or a quarter of a second longer. Default: two seconds. */
  readonly linger?: Milliseconds;
  /** Others come in between where much is to be done at a time. Default: they do not, so that what is said at once goes out at once. */
  readonly givesWay?: true;
  /** What came while nothing was to be read is told when the peer has gone, or its time is over: it may say why. Default: it is dropped. */
  readonly lastWords?: true;
}

/** Where a socket has its pump. */
const PUMP = Symbol('pump');

/** A socket, once it has one. */
interface Attended extends Duplex {
  [PUMP]?: Pump<{ readonly type: string }>;
}

type WireAction = { readonly type: 'send'; readonly octets: Uint8Array } | { readonly type: 'close' };

const NOTHING = new Uint8Array(0);
const NONE: readonly Uint8Array[] = [];

/** Time that a peer has to close its side after we closed ours, before the socket is destroyed. */
const LINGER: Milliseconds = seconds(2);

/**
 * What is done where others come in between, until they do: so many actions, of which one that says something counts once more for each
 * of so many octets. Not at a time: what answers questions without waiting for the system, in promises, is one turn after the other of ours,
 * and one of the event loop. (Beside 50 connections full of commands a mail took 40 ms; with four times as much 110, and nothing cost less.)
 */
const SHARE = { actions: 64, octets: 64 } as const;

/** Octets that are copied to be written with others. */
const MOST_TOGETHER = 8_192;

/** A deadline that is further off than ten of these is rounded up to a whole one, so that many connections are woken by one timer. */
const COARSE = 1_000;

/** The end of lingering likewise, to a whole one of these: a timer for each connection was a tenth of what one costs that brings one mail. */
const LINGER_COARSE = 250;

/** Octets that Node may have read, or may yet read, when a socket is paused: a read, and what it keeps before it stops. */
const READ_AHEAD = 65_536 + 16_384;

/** What memory is charged to, as a `Budget` is. */
export interface Charged {
  charge(octets: number): void;
}

export class Pump<Action extends { readonly type: string }> implements Sleeper {
  #socket: Duplex;
  readonly #session: Pumped<Action | WireAction>;
  readonly #owner: PumpOwner<Exclude<Action, WireAction>>;
  #alarm: Alarm | undefined; // for the deadline; when the session is over, for the end of lingering
  readonly #budget: Charged | undefined;
  #charged = 0; //      to the budget
  #holds = 0;
  #blocked = false; //  the socket's buffer is full
  #resting = false; //  others have their share,
  #share: number; //    and what is left of ours
  #drained: Duplex | undefined; // the socket that is listened to for the end of that
  #paused = false; //   nothing is taken from the socket
  #kept = NONE; //      what came while nothing was to be read: one read, since the socket was paused then
  #keptEnd = false; //  and the peer's end behind it
  #unwritten: Fifo<Uint8Array> | undefined; // to be written with what follows at once
  #unwrittenLength = 0;
  #finishes = false; // at the end of this turn of the event loop, by writing them
  #watch: WriteWatch | undefined; // where `flushed` may be asked
  #turning = false;
  #isCut = false; //    by its owner
  #ended = false; //    the session has closed, or the socket is gone

  /** Begins to pump. */
  constructor(socket: Duplex, session: Pumped<Action | WireAction>, owner: PumpOwner<Exclude<Action, WireAction>>, budget?: Charged) {
    this.#socket = socket;
    this.#session = session;
    this.#owner = owner;
    this.#budget = budget;
    this.#share = owner.givesWay === true ? SHARE.actions : Infinity;
    this.#attend(socket);
    this.#goOn(); // also where nothing is to be read yet: what comes then is kept, and pauses it
  }

  /** Goes on with another socket, which is TLS over the one so far; what the old one still says is dropped. */
  replace(socket: Duplex): void {
    this.#socket = socket;
    this.#blocked = false;
    this.#kept = NONE;
    this.#attend(socket);
    this.#goOn();
  }

  /** Its listeners are the same for all sockets, which know their pump: a closure for each event costs memory for each connection. */
  #attend(socket: Attended): void {
    socket[PUMP] = this;
    attend(socket, Pump.#come);
    socket.on('end', Pump.#sawEnd);
    socket.on('error', destroy); // 'close' follows and tells the session
    socket.on('close', Pump.#sawClose);
  }

  /** The pump of the socket; undefined where that has been replaced. */
  static #of(socket: Attended): Pump<{ readonly type: string }> | undefined {
    const pump = socket[PUMP];
    return pump !== undefined && pump.#socket === socket ? pump : undefined;
  }

  static #come(this: Attended, octets: Uint8Array): void {
    const pump = Pump.#of(this);
    if (pump === undefined || pump.#ended) return; // drained, so that the peer can read our last reply (a reset would take it away)
    if (pump.#blocked || pump.#holds > 0 || pump.#resting) return pump.#keep(octets);
    pump.#session.receive(octets, now());
    pump.turn();
  }

  static #sawEnd(this: Attended): void {
    const pump = Pump.#of(this);
    if (pump === undefined) return;
    pump.#keptEnd = true;
    pump.turn(); // once our side has ended too, and what we wrote has gone, Node destroys the socket
  }

  static #sawClose(this: Attended): void {
    const pump = Pump.#of(this);
    if (pump === undefined) return;
    pump.#watch?.lost();
    if (pump.#owner.lastWords === true) pump.show();
    pump.#session.lost();
    pump.turn();
    pump.#finish();
    pump.#alarm?.off(pump);
    pump.#owner.gone?.();
  }

  static #sawDrain(this: Attended): void {
    const pump = Pump.#of(this);
    if (pump === undefined) return;
    pump.#blocked = false;
    pump.turn();
  }

  /** Reads nothing until `release` was called as often as this. */
  hold(): void {
    this.#holds++;
  }

  /** Tells the session already now what has come while it was held: not to be read, but to be known of. */
  show(): void {
    for (const octets of this.#kept) this.#session.receive(octets, now());
    this.#kept = NONE;
  }

  release(): void {
    this.#holds--;
    if (this.#holds === 0) this.#session.receive(NOTHING, now()); // the peer's time begins anew: it was we who were slow
    this.turn();
  }

  /** Hands on the actions that there are. To be called after anything was told to the session. */
  turn(): void {
    if (this.#turning) return; // an answer given at once: the loop below goes on with it
    this.#turning = true;
    if (this.#isCut) this.#session.lost();
    do {
      // What is left of a session that broke off, be it by the action before, waits for nobody.
      for (let action; (this.#session.state === 'closed' || (!this.#blocked && !this.#rests())) && (action = this.#session.next()) !== undefined; ) {
        this.#share -= 1;
        if (isSend(action)) {
          this.#share -= Math.trunc(action.octets.length / SHARE.octets); // a number with a fraction is an object
          this.#send(action.octets);
          continue;
        }
        if (this.#unwritten !== undefined && this.#owner.joins?.has(action.type) !== true) this.write(); // what was said comes before what is done: the handshake of TLS, above all
        if (action.type === 'close') this.#close();
        else this.#owner.act(action as Exclude<Action, WireAction>); // the two others are taken above
        if (this.#isCut) this.#session.lost(); // by that
      }
      this.#writeSoon();
    } while (this.#feed());
    this.#turning = false;
    if (this.#ended) return;
    if (this.#paused && !this.#blocked && this.#holds === 0 && !this.#resting) this.#goOn();
    this.#arm();
  }

  /** Tells whether it is others' turn, and goes on when they have had it. */
  #rests(): boolean {
    if (this.#resting || this.#share > 0) return this.#resting;
    this.#resting = true;
    setImmediate(() => {
      this.#resting = false;
      this.#share = SHARE.actions;
      this.turn();
    });
    return true;
  }

  /** Takes octets to be written; a few together, where they follow each other at once (a call of the system costs as much as copying 30 kB). */
  #send(octets: Uint8Array): void {
    if (this.#unwrittenLength + octets.length > MOST_TOGETHER) this.write();
    (this.#unwritten ??= new Fifo()).push(octets);
    this.#unwrittenLength += octets.length;
    if (this.#unwrittenLength > MOST_TOGETHER) this.write();
  }

  #writeSoon(): void {
    if (this.#finishes || this.#unwritten === undefined) return;
    this.#finishes = true;
    finishThisTurn(this);
  }

  /** At the end of a turn of the event loop. */
  finish(): void {
    this.#finishes = false;
    this.write();
  }

  /** Breaks the connection off, behind what was said. Nothing more is done of what has come: nobody would hear what became of it. */
  cut(): void {
    this.write();
    this.#socket.destroy(); // 'close' follows, behind answers that are there already
    this.#isCut = true;
    this.turn();
  }

  /** Writes now what was said, and not at the end of the turn. */
  write(): void {
    const unwritten = this.#unwritten;
    const first = unwritten?.shift();
    if (unwritten === undefined || first === undefined) return;
    const octets = unwritten.empty ? first : Buffer.concat([first, ...unwritten.clear()]);
    this.#unwritten = undefined;
    this.#unwrittenLength = 0;
    const socket = this.#socket;
    if (socket.destroyed) this.#blocked = false;
    else this.#blocked = !(this.#watch === undefined ? socket.write(octets) : this.#watch.write(socket, octets));
    if (this.#blocked) this.#awaitDrain(socket);
  }

  /** Goes on when the socket takes more. Listens from the first time on that it does not: most never come to that, and a listener costs memory. */
  #awaitDrain(socket: Duplex): void {
    if (this.#drained === socket) return;
    this.#drained = socket;
    socket.on('drain', Pump.#sawDrain);
  }

  /** From now on `flushed` may be asked. */
  watchWrites(): void {
    this.#watch = new WriteWatch();
  }

  /** Tells, later or at once, whether the system has taken all that was written so far. */
  flushed(told: (taken: boolean) => void): void {
    this.write(); // what this turn has kept back
    if (this.#socket.destroyed || this.#watch === undefined) told(false);
    else this.#watch.flushed(told);
  }

  /** Nothing is to be read now: keeps what came all the same, and lets nothing further come. */
  #keep(octets: Uint8Array): void {
    this.#kept = [...this.#kept, octets];
    this.#charge(octets.length);
    if (this.#paused) return;
    this.#paused = true;
    this.#charge(READ_AHEAD + this.#socket.writableLength);
    this.#socket.pause();
  }

  /** Gives the session what was kept, where it may be read now; returns whether there was something. */
  #feed(): boolean {
    if (this.#blocked || this.#holds > 0 || this.#resting || this.#ended) return false;
    const octets = this.#kept[0];
    if (octets !== undefined) {
      this.#kept = this.#kept.slice(1);
      this.#session.receive(octets, now());
    } else if (this.#keptEnd) {
      this.#keptEnd = false;
      this.#session.receiveEnd(now());
    } else return false;
    return true;
  }

  #goOn(): void {
    this.#paused = false;
    this.#discharge();
    this.#socket.resume();
  }

  #charge(octets: number): void {
    this.#charged += octets;
    this.#budget?.charge(octets);
  }

  #discharge(): void {
    if (this.#charged > 0) this.#charge(-this.#charged);
  }

  #close(): void {
    const dismissed = this.#session.dismissed === true && this.#kept.length === 0;
    this.#finish();
    if (this.#socket.destroyed || (dismissed && closeAtOnce(this.#socket))) return;
    this.#socket.end();
    this.#socket.resume();
    const at = now();
    const end = at + (this.#owner.linger ?? LINGER);
    this.#alarm = Alarm.set(Math.ceil(end / LINGER_COARSE) * LINGER_COARSE, at, this);
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#kept = NONE;
    this.#discharge();
    this.#alarm?.off(this);
    this.#owner.closed();
  }

  /** One alarm, not moved at each octet: when it goes off early, it is set again. */
  #arm(): void {
    const { deadline } = this.#session;
    if (deadline === Infinity || this.#holds > 0) return;
    const from = now();
    const at = deadline - from > 10 * COARSE ? Math.ceil(deadline / COARSE) * COARSE : deadline;
    if (this.#alarm !== undefined && this.#alarm.at <= at) return;
    this.#alarm?.off(this);
    this.#alarm = Alarm.set(at, from, this);
  }

  /** The alarm has gone off. */
  wake(): void {
    this.#alarm = undefined;
    if (this.#ended) return void this.#socket.destroy(); // its peer keeps its side open
    if (this.#owner.lastWords === true && now() >= this.#session.deadline) this.show();
    if (this.#holds === 0) this.#session.expire(now()); // unless it is early, and the session knows better
    this.turn();
  }
}

function isSend(action: { readonly type: string }): action is { readonly type: 'send'; readonly octets: Uint8Array } {
  return action.type === 'send';
}
