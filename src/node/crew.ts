// Worker processes (node:cluster), of which each one that dies is replaced; and the connections that are shared out to them.
//
// The primary accepts connections and hands them on, to one worker after the other: so the port is open whatever becomes of the
// workers, also where it needed a privilege that nobody has now. What workers print goes through the primary, line by line,
// as fast as it is taken there.
//
// Rule 1: one connection at a time is on its way to a worker: those behind it go to others when it dies. (Node would forget them.)
// Rule 2: a worker that dies is replaced at once; one that dies again and again, young, after a while that doubles up to a minute.
// Rule 3: a worker that says what is wrong before it is ready, the first time, ends the crew: nothing would get better.
// Rule 4: so does one whose disk has failed (status 74): nothing more is to be acknowledged until somebody has looked.

import cluster, { type Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import type { Samples } from '../relay/metric.ts';
import { Waiting } from './entrance.ts';
import { LineRelay } from './line-relay.ts';

/** What is asked for: what only grows, or how things are too, some of which is known since it was last asked for. */
export type Measured = 'counters' | 'all';

/** What a worker is told. `work` is the business of whoever has the crew. */
export type ToWorker<Work, News> =
  | { readonly type: 'start'; readonly worker: number; readonly work: Work }
  | { readonly type: 'connection'; readonly entrance: number }
  | { readonly type: 'news'; readonly news: News }
  | { readonly type: 'measure'; readonly turn: number; readonly what: Measured };

/** What a worker tells. */
export type FromWorker =
  | { readonly type: 'listening' }
  | { readonly type: 'ready' }
  | { readonly type: 'taken' }
  | { readonly type: 'failed'; readonly status: number; readonly text: string }
  | { readonly type: 'samples'; readonly turn: number; readonly samples: Samples };

export interface CrewOptions<Work> {
  readonly size: number;
  /** What the next worker is to begin with. */
  readonly work: () => Work;
  /** A worker is ready. */
  readonly ready: (birth: { readonly worker: number; readonly pid: number }) => void;
  /** A worker has died; its successor begins so many milliseconds later. */
  readonly died: (death: { readonly worker: number; readonly pid: number; readonly by: string; readonly delay: number }) => void;
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
  /** It has been ready once, or one before it has. */
  proven: boolean;
  begun: number;
  /** Deaths in a row, each soon after the birth. */
  deaths: number;
  failure: CrewFailure | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
  samples: ((samples: Samples) => void) | undefined;
  /** A connection that is on its way to the worker; it is the worker's alone when it has said so. */
  sent: Socket | undefined;
  /** Those that are to follow it. */
  readonly queue: { readonly entrance: number; readonly socket: Socket }[];
}

/** Milliseconds after which a worker is not young any more. */
const YOUTH = 10_000;
const LONGEST_DELAY = 60_000;
/** Exit status of a worker whose disk has failed: EX_IOERR. */
const DISK_FAILED = 74;

export class Crew<Work, News> {
  readonly #options: CrewOptions<Work>;
  readonly #members: readonly Member[];
  readonly #waiting: Waiting[] = []; // by entrance
  readonly #paused = new Set<{ resume(): void }>(); // what workers print and nobody takes now
  #next = 0; //      of the members, whose turn it is
  #turn = 0; //      of the measurements
  #measuring: Promise<unknown> = Promise.resolve();
  #ending = false;
  #begun: () => void = () => undefined;
  #changed: () => void = () => undefined;

  constructor(options: CrewOptions<Work>) {
    this.#options = options;
    this.#members = Array.from({ length: options.size }, (_, index) => ({ number: index + 1, process: undefined, started: false, ready: false, proven: false, begun: 0, deaths: 0, failure: undefined, timer: undefined, samples: undefined, sent: undefined, queue: [] }));
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
    if (this.ready > 0) waiting.accept ??= (each) => this.#pass(entrance, each);
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
    await Promise.all(this.#members.filter(({ ready }) => ready).map((member) => new Promise<void>((resolve) => {
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
    for (const member of this.#members) {
      clearTimeout(member.timer);
      member.process?.process.kill('SIGTERM');
    }
    const timer = setTimeout(() => {
      for (const member of this.#members) member.process?.process.kill('SIGKILL');
    }, grace);
    while (this.#members.some((member) => member.process !== undefined)) await new Promise<void>((resolve) => (this.#changed = resolve));
    clearTimeout(timer);
  }

  #fork(member: Member): void {
    const worker = cluster.fork();
    member.process = worker;
    member.begun = performance.now();
    member.failure = undefined;
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
    worker.on('error', () => undefined); // it could not be begun, or told something: 'exit' follows
    worker.on('exit', (status, signal) => this.#bury(member, worker, status, signal));
  }

  #hear(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'listening':
        member.started = true;
        return this.#send(member, { type: 'start', worker: member.number, work: this.#options.work() }); // it would have missed that before
      case 'ready':
        member.ready = true;
        member.proven = true;
        this.#options.ready({ worker: member.number, pid: member.process?.process.pid ?? 0 });
        for (const [entrance, waiting] of this.#waiting.entries()) if (waiting !== undefined) waiting.accept = (socket) => this.#pass(entrance, socket);
        if (this.#members.every(({ ready }) => ready)) this.#begun();
        return;
      case 'taken':
        member.sent?.destroy(); // our end of it
        member.sent = undefined;
        return this.#flush(member);
      case 'failed': return void (member.failure = message);
      case 'samples': return message.turn === this.#turn ? member.samples?.(message.samples) : undefined;
      default: message satisfies never;
    }
  }

  #bury(member: Member, { process: { pid = 0 } }: Worker, status: number | null, signal: string | null): void {
    member.process = undefined;
    member.started = member.ready = false;
    member.sent?.destroy(); // it may have been greeted already: no other worker gets it
    member.sent = undefined;
    this.#changed();
    if (this.ready === 0) for (const waiting of this.#waiting) if (waiting !== undefined) waiting.accept = undefined;
    for (const { entrance, socket } of member.queue.splice(0)) this.connect(entrance, socket);
    if (this.#ending) return;
    const by = signal ?? (member.failure === undefined ? `status ${status ?? ''}` : member.failure.text);
    if (status === DISK_FAILED || (!member.proven && member.failure !== undefined)) return this.#options.failed(member.failure ?? { status: status ?? DISK_FAILED, text: `a worker ended with ${by}` });
    member.deaths = performance.now() - member.begun < YOUTH ? member.deaths + 1 : 1;
    const delay = member.deaths === 1 ? 0 : Math.min(LONGEST_DELAY, 500 * 2 ** (member.deaths - 1));
    this.#options.died({ worker: member.number, pid, by, delay });
    member.timer = setTimeout(() => this.#fork(member), delay);
  }

  /** To the next worker, if it can be one that is not waited for. */
  #pass(entrance: number, socket: Socket): void {
    const turn = this.#next++;
    const inTurn = this.#members.map((_, index) => this.#members[(turn + index) % this.#members.length]).filter((member) => member?.ready === true);
    const member = inTurn.find((each) => each?.sent === undefined) ?? inTurn[0];
    if (member === undefined) return void socket.destroy(); // not reached: while nobody is ready they wait
    member.queue.push({ entrance, socket });
    this.#flush(member);
  }

  #flush(member: Member): void {
    if (member.sent !== undefined) return;
    const next = member.queue.shift();
    if (next === undefined) return;
    member.sent = next.socket;
    this.#send(member, { type: 'connection', entrance: next.entrance }, next.socket);
  }

  #send(member: Member, message: ToWorker<Work, News>, socket?: Socket): void {
    member.process?.send(message, socket, { keepOpen: true }, () => undefined); // where that fails the worker has died, and is buried when that is known
  }
}

/** The worker's side: listens to the primary. */
export class Duty<Work, News> {
  /** What to begin with. */
  readonly start: Promise<{ readonly worker: number; readonly work: Work }>;
  /** To be set before `tell({ type: 'ready' })`. */
  connected: (entrance: number, socket: Socket) => void = (_, socket) => void socket.destroy();
  measure: (what: Measured) => Samples = () => new Map();
  #news: { readonly news: News } | undefined; // that nobody has taken yet
  #take: (news: News) => void = (news) => void (this.#news = { news });

  constructor() {
    let begin: (start: { readonly worker: number; readonly work: Work }) => void = () => undefined;
    this.start = new Promise((resolve) => (begin = resolve));
    process.on('message', (told, socket) => {
      const message = told as ToWorker<Work, News>; // the primary is this program
      switch (message.type) {
        case 'start': return begin(message);
        case 'connection':
          this.tell({ type: 'taken' });
          return socket === undefined ? undefined : this.#enter(message.entrance, socket as Socket); // no other handle is ever sent; none: the client has gone on the way
        case 'news': return this.#take(message.news);
        case 'measure': return this.tell({ type: 'samples', turn: message.turn, samples: this.measure(message.what) });
        default: message satisfies never;
      }
    });
    this.tell({ type: 'listening' });
  }

  /** Hands on what is told from now on, and the last of what was told before. */
  takeNews(take: (news: News) => void): void {
    this.#take = take;
    if (this.#news !== undefined) take(this.#news.news);
    this.#news = undefined;
  }

  tell(message: FromWorker): void {
    process.send?.(message, undefined, undefined, () => undefined); // where the primary has gone this process goes with it
  }

  /** As a server of Node's own would have made it. */
  #enter(entrance: number, socket: Socket): void {
    socket.allowHalfOpen = true;
    socket.setNoDelay();
    this.connected(entrance, socket);
  }
}
