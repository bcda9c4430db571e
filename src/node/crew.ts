// Worker processes (node:cluster), of which each one that dies is replaced; and the connections that are shared out to them.
//
// The primary accepts connections and hands them on, to one worker after the other: so the port is open whatever becomes of the
// workers, also where it needed a privilege that nobody has now. What workers print goes through the primary, line by line,
// as fast as it is taken there.
//
// Rule 1: one connection at a time is on its way to a worker, and the next to whoever has taken his: one that dies or hangs holds up
//         no other. (Node would send it its share, and forget that when it dies.)
//         One that does not arrive, since the worker has too many files open, is closed: Node forgets it and says nothing.
//         Clients take turns: who connects faster than the workers take it holds up, and has closed, his own connections.
// Rule 2: a worker that dies is replaced at once; one that dies again and again, young, after a while that doubles up to a minute.
// Rule 3: a worker that says what is wrong before it is ready, the first time, ends the crew: nothing would get better.
// Rule 4: so does one whose disk has failed (status 74): nothing more is to be acknowledged until somebody has looked.
// Rule 5: none is said to be ready, or gets a connection, before all are: one that ends the crew (Rule 3) would leave mail that others
//         have taken in parts of the queue which nobody relays.
// Rule 6: a worker that ends, and finishes what is in hand before, gets no further connection: others do.

import cluster, { type Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { clientKey } from '../relay/address.ts';
import type { Samples } from '../relay/metric.ts';
import { ON_DUTY, type FromWorker, type Measured, type ToWorker } from './duty.ts';
import { Waiting } from './entrance.ts';
import { errorText } from './error-text.ts';
import { EXIT } from './exit-status.ts';
import { FairLine } from './fair-line.ts';
import { LineRelay } from './line-relay.ts';

export interface CrewOptions<Work> {
  readonly size: number;
  /** What the next worker is to begin with. */
  readonly work: () => Work;
  /** A worker is ready. */
  readonly ready: (birth: { readonly worker: number; readonly pid: number }) => void;
  /** A worker has died; its successor begins so many milliseconds later. */
  readonly died: (death: { readonly worker: number; readonly pid: number; readonly by: string; readonly delay: number }) => void;
  /** A connection has not arrived at the worker, and is closed. */
  readonly lost: (loss: { readonly worker: number }) => void;
  /** A worker has not ended in time, and is killed. */
  readonly killed: (worker: { readonly worker: number; readonly pid: number }) => void;
  /** The crew cannot go on. */
  readonly failed: (failure: CrewFailure) => void;
}

export interface CrewFailure {
  readonly status: number;
  readonly text: string;
}

interface Member {
  readonly number: number;
  process: Worker | undefined;
  /** It has been told what to begin with. */
  started: boolean;
  ready: boolean;
  /** It was ready, and finishes what is in hand. */
  leaving: boolean;
  /** It has been ready once, or one before it has. */
  proven: boolean;
  begun: number;
  /** Deaths in a row, each soon after the birth. */
  deaths: number;
  failure: CrewFailure | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
  samples: ((samples: Samples) => void) | undefined;
  /** A connection that is on its way to the worker; it is the worker's alone when it has said so. */
  sent: Passage | undefined;
  doubt: ReturnType<typeof setTimeout> | undefined;
}

interface Passage {
  readonly number: number;
  readonly entrance: number;
  readonly socket: Socket;
}

/** Milliseconds after which a worker is not young any more. */
const YOUTH = 10_000;
const LONGEST_DELAY = 60_000;
/** Milliseconds after which it is asked whether a connection has arrived. */
const DOUBT = 1_000;
/** Connections that wait for a worker, each with a descriptor of ours; of further ones, those of the client who has most are closed. */
const MOST_WAITING = 4_096;

export class Crew<Work, News> {
  readonly #options: CrewOptions<Work>;
  readonly #members: readonly Member[];
  readonly #waiting: Waiting[] = []; // by entrance, while nobody is ready
  readonly #queue = new FairLine<Passage>(); // for whoever is ready, and has none on its way; by client
  readonly #paused = new Set<{ resume(): void }>(); // what workers print and nobody takes now
  #next = 0; //      of the members, whose turn it is
  #turn = 0; //      of the measurements
  #passages = 0;
  #measuring: Promise<unknown> = Promise.resolve();
  #complete = false; // all have been ready, once
  #ending = false;
  #begun: () => void = () => undefined;
  #changed: () => void = () => undefined;

  constructor(options: CrewOptions<Work>) {
    this.#options = options;
    this.#members = Array.from({ length: options.size }, (_, index) => ({ number: index + 1, process: undefined, started: false, ready: false, leaving: false, proven: false, begun: 0, deaths: 0, failure: undefined, timer: undefined, samples: undefined, sent: undefined, doubt: undefined }));
    cluster.setupPrimary({ silent: true, serialization: 'advanced' });
    for (const output of [process.stdout, process.stderr]) {
      const resume = (): void => {
        for (const from of this.#paused) from.resume(); // those of the other output are paused again
        this.#paused.clear();
      };
      output.on('drain', resume);
      output.on('close', resume);
    }
  }

  /** Resolves when all workers are ready; never, where `failed` is called before. */
  async begin(): Promise<void> {
    const begun = new Promise<void>((resolve) => (this.#begun = resolve));
    for (const member of this.#members) this.#fork(member);
    await begun;
  }

  /** Workers that are ready. */
  get ready(): number {
    return this.#members.filter(({ ready }) => ready).length;
  }

  /** Hands a connection on to some worker; keeps it while there is none. */
  connect(entrance: number, socket: Socket): void {
    const waiting = (this.#waiting[entrance] ??= new Waiting());
    if (this.#complete && this.ready > 0) waiting.accept ??= (each) => this.#pass(entrance, each);
    waiting.enter(socket);
  }

  /** Tells all workers something; those that are to come begin with `work`. */
  tell(news: News): void {
    for (const member of this.#members) if (member.started) this.#send(member, { type: 'news', news });
  }

  /** Asks all workers for their samples; resolves when they have answered, but for those that do not soon. `told` hears of each answer at once: before `died` does, if the worker dies. */
  measure(what: Measured, patience: number, told: (worker: number, samples: Samples) => void): Promise<void> {
    const measured = this.#measuring.then(() => this.#measure(what, patience, told));
    this.#measuring = measured;
    return measured;
  }

  async #measure(what: Measured, patience: number, told: (worker: number, samples: Samples) => void): Promise<void> {
    const turn = ++this.#turn;
    await Promise.all(this.#members.filter(({ ready, leaving }) => ready || leaving).map((member) => new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience);
      member.samples = (samples) => {
        told(member.number, samples);
        clearTimeout(timer);
        resolve();
      };
      this.#send(member, { type: 'measure', turn, what });
    })));
  }

  /** Asks all workers to end, and waits until they are gone; after `grace` milliseconds they are killed. */
  async close(grace: number): Promise<void> {
    this.#ending = true;
    for (const waiting of this.#waiting) waiting?.clear();
    for (const { socket } of this.#queue.clear()) socket.destroy();
    for (const member of this.#members) {
      clearTimeout(member.timer);
      member.process?.process.kill('SIGTERM');
    }
    const timer = setTimeout(() => {
      for (const { number, process: forked } of this.#members) {
        if (forked === undefined) continue;
        this.#options.killed({ worker: number, pid: forked.process.pid ?? 0 });
        forked.process.kill('SIGKILL');
      }
    }, grace);
    while (this.#members.some((member) => member.process !== undefined)) await new Promise<void>((resolve) => (this.#changed = resolve));
    clearTimeout(timer);
  }

  #fork(member: Member): void {
    member.begun = performance.now();
    member.failure = undefined;
    const unbegun = (error: unknown): void => {
      member.failure = { status: EXIT.system, text: `cannot begin a worker: ${errorText(error)}` };
      this.#bury(member, 0, EXIT.system, null);
    };
    let worker: Worker;
    try {
      worker = cluster.fork({ [ON_DUTY]: '1' });
    } catch (error) {
      return unbegun(error); // no memory, say
    }
    member.process = worker;
    for (const [from, to] of [[worker.process.stdout, process.stdout], [worker.process.stderr, process.stderr]] as const) {
      const lines = new LineRelay((octets) => to.write(octets));
      from?.on('data', (octets: Uint8Array) => {
        lines.take(octets);
        if (!to.writableNeedDrain) return;
        from.pause();
        this.#paused.add(from);
      });
      from?.on('end', () => lines.end());
    }
    worker.on('message', (message) => this.#hear(member, message as FromWorker)); // the worker is this program
    worker.on('error', (error) => {
      if (member.process === worker && worker.process.pid === undefined) unbegun(error); // no 'exit' follows where there are too many files; else it could not be told something, and is buried when that is known
    });
    worker.on('exit', (status, signal) => {
      if (member.process === worker) this.#bury(member, worker.process.pid ?? 0, status, signal);
    });
  }

  #hear(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'listening':
        member.started = true;
        return this.#send(member, { type: 'start', worker: member.number, work: this.#options.work() }); // it would have missed that before
      case 'ready':
        member.ready = true;
        member.proven = true;
        if (!this.#complete && !this.#members.every(({ ready }) => ready)) return;
        for (const { number, process: forked } of this.#complete ? [member] : this.#members) this.#options.ready({ worker: number, pid: forked?.process.pid ?? 0 });
        for (const [entrance, waiting] of this.#waiting.entries()) if (waiting !== undefined) waiting.accept = (socket) => this.#pass(entrance, socket);
        this.#flush();
        this.#complete = true;
        return this.#begun();
      case 'taken':
        this.#arrived(member)?.socket.destroy(); // our end of it
        return this.#flush();
      case 'declined': return this.#redirect(this.#arrived(member));
      case 'doubted':
        if (member.sent?.number !== message.connection) return;
        this.#arrived(member)?.socket.destroy();
        this.#options.lost({ worker: member.number });
        return this.#flush();
      case 'leaving':
        member.leaving = true;
        return this.#retire(member);
      case 'failed': return void (member.failure = message);
      case 'samples': return message.turn === this.#turn ? member.samples?.(message.samples) : undefined;
      default: message satisfies never;
    }
  }

  #bury(member: Member, pid: number, status: number | null, signal: string | null): void {
    member.process = undefined;
    member.started = member.leaving = false;
    this.#arrived(member)?.socket.destroy(); // it may have been greeted already: no other worker gets it
    this.#changed();
    this.#retire(member);
    if (this.#ending) return;
    const by = signal ?? (member.failure === undefined ? `status ${status ?? ''}` : member.failure.text);
    if (status === EXIT.ioFailed || (!member.proven && member.failure !== undefined)) return this.#options.failed(member.failure ?? { status: status ?? EXIT.ioFailed, text: `a worker ended with ${by}` });
    member.deaths = performance.now() - member.begun < YOUTH ? member.deaths + 1 : 1;
    const delay = member.deaths === 1 ? 0 : Math.min(LONGEST_DELAY, 500 * 2 ** (member.deaths - 1));
    this.#options.died({ worker: member.number, pid, by, delay });
    member.timer = setTimeout(() => this.#fork(member), delay);
  }

  /** It takes no more connections: others get those that were to come to it. */
  #retire(member: Member): void {
    member.ready = false;
    if (this.ready > 0) return;
    for (const waiting of this.#waiting) if (waiting !== undefined) waiting.accept = undefined;
    for (const passage of this.#queue.clear()) this.#redirect(passage);
  }

  #redirect(passage: Passage | undefined): void {
    if (passage === undefined) return;
    if (this.#ending) passage.socket.destroy();
    else this.connect(passage.entrance, passage.socket);
  }

  #pass(entrance: number, socket: Socket): void {
    const queue = this.#queue;
    const client = clientKey(socket.remoteAddress ?? '');
    if (queue.size >= MOST_WAITING) {
      const { longest = '' } = queue;
      if (queue.sizeOf(client) >= queue.sizeOf(longest)) return void socket.destroy();
      queue.take(longest)?.socket.destroy();
    }
    queue.push(client, { number: ++this.#passages, entrance, socket });
    this.#flush();
  }

  /** Hands on those that wait, as far as there are workers that are not waited for, in their turn. */
  #flush(): void {
    for (let member; this.#queue.size > 0 && (member = this.#free()) !== undefined; ) this.#hand(member, this.#queue.shift());
  }

  #free(): Member | undefined {
    const turn = this.#next;
    for (let index = 0; index < this.#members.length; index++) {
      const member = this.#members[(turn + index) % this.#members.length];
      if (member?.ready !== true || member.sent !== undefined) continue;
      this.#next = turn + index + 1;
      return member;
    }
    return undefined;
  }

  #hand(member: Member, passage: Passage | undefined): void {
    if (passage === undefined) return;
    member.sent = passage;
    this.#send(member, { type: 'connection', entrance: passage.entrance }, passage.socket);
    member.doubt = setTimeout(() => this.#send(member, { type: 'doubt', connection: passage.number }), DOUBT);
    member.doubt.unref();
  }

  /** What was on its way is not any more. */
  #arrived(member: Member): Passage | undefined {
    const { sent } = member;
    clearTimeout(member.doubt);
    member.sent = undefined;
    return sent;
  }

  #send(member: Member, message: ToWorker<Work, News>, socket?: Socket): void {
    member.process?.send(message, socket, { keepOpen: true }, () => undefined); // where that fails the worker has died, and is buried when that is known
  }
}
