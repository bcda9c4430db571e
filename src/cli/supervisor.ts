// The first process of `ehlo serve --workers N`: it has the listeners and the files that are read again, and a crew of workers
// (node/crew.ts), each with a part of the queue (node/part.ts).

import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { countersOf, joinSamples, type Samples } from '../relay/metric.ts';
import { Crew, type CrewFailure } from '../node/crew.ts';
import type { Measured } from '../node/duty.ts';
import type { ListeningEntrance } from '../node/entrance.ts';
import type { Log } from '../node/log.ts';
import { LoopLag } from '../node/loop-lag.ts';
import { makeParts } from '../node/part.ts';
import type { Ending } from './ending.ts';
import type { Listener } from './listener.ts';
import { processSamples } from './process-samples.ts';
import { reason } from './reason.ts';
import type { FileContents, ReloadedFiles } from './reloading.ts';
import type { ServeOptions } from './serve-option.ts';
import { openStatus, ServeError } from './serve-error.ts';
import type { Work } from './worker.ts';

/** Milliseconds that a worker has to tell its samples. */
const PATIENCE = 2_000;
/** Milliseconds between two looks at what workers have counted, which is all that is known of one that dies. */
const LOOK = 1_000;
/** Milliseconds after which workers that were asked to end are killed; they take 25 s at most for what is in hand. */
const GRACE = 28_500;
const LEAST_GRACE = 2_000;

export interface SupervisorSettings {
  readonly options: ServeOptions;
  readonly doors: readonly { readonly scheme: Listener['scheme']; readonly entrance: ListeningEntrance }[];
  readonly files: ReloadedFiles;
  readonly log: Log;
  readonly ending: Ending;
}

export class Supervisor {
  readonly #settings: SupervisorSettings;
  readonly #crew: Crew<Work, FileContents>;
  readonly #lag: LoopLag | undefined;
  readonly #last = new Map<number, Samples>(); // of each worker that runs
  #past: Samples = new Map(); //                  what those that died have counted
  #deaths = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(settings: SupervisorSettings, failed: (failure: CrewFailure) => void) {
    const { options, doors, files, log } = settings;
    this.#settings = settings;
    this.#lag = options.metrics === undefined ? undefined : new LoopLag();
    this.#crew = new Crew({
      size: options.workers,
      work: () => ({ options, files: files.contents, doors: doors.map(({ scheme, entrance: { host, port } }) => ({ scheme, host, port })) }),
      ready: ({ worker, pid }) => log('ready', { worker, pid }),
      died: ({ worker, pid, by, delay }) => {
        this.#deaths++;
        this.#past = joinSamples([this.#past, countersOf(this.#last.get(worker) ?? new Map())]);
        this.#last.delete(worker);
        log('died', { worker, pid, by, again: `${delay / 1000}s` });
      },
      lost: ({ worker }) => log('error', { text: `worker ${worker} could not take a connection, which was closed: too many files are open there` }),
      killed: ({ worker, pid }) => log('error', { text: `worker ${worker}, process ${pid}, has not ended in time, and is killed: its mail stays in the queue` }),
      failed,
    });
    for (const [index, { entrance }] of doors.entries()) entrance.begin((socket) => this.#crew.connect(index, socket));
  }

  /** Begins the workers, and resolves when all of them are ready. Rejects with a ServeError. */
  static async open(settings: SupervisorSettings): Promise<Supervisor> {
    const { options, ending } = settings;
    process.title = 'ehlo serve';
    try {
      await makeParts(options.queue, options.workers);
    } catch (error) {
      throw new ServeError(`cannot open the queue ${options.queue}: ${reason(error)}`, openStatus(error));
    }
    let fail: (failure: ServeError) => void = () => undefined;
    const failed = new Promise<ServeError>((resolve) => (fail = resolve));
    void failed.then((error) => ending.fail(error));
    const supervisor = new Supervisor(settings, ({ status, text }) => fail(new ServeError(text, status)));
    const failure = await Promise.race([supervisor.#crew.begin(), failed, ending.awaited]);
    if (failure instanceof ServeError) {
      await supervisor.close(0);
      throw failure;
    }
    if (options.metrics !== undefined) supervisor.#look();
    return supervisor;
  }

  /** Has the workers go on with what stands in the files now. */
  reloaded(): void {
    this.#crew.tell(this.#settings.files.contents);
  }

  /** Returns what all processes count, and how things are with them. */
  async measure(): Promise<Samples> {
    await this.#remember('all');
    const own = new Map<string, number>([['ehlo_workers', this.#crew.ready], ['ehlo_worker_deaths_total', this.#deaths]]);
    return joinSamples([own, processSamples(this.#lag), this.#past, ...this.#last.values()]);
  }

  /** Asks the workers to finish what is in hand, and waits for their end. */
  async close(grace: number = GRACE): Promise<void> {
    clearTimeout(this.#timer);
    this.#lag?.close();
    await Promise.all([...this.#settings.doors.map(({ entrance }) => entrance.close()), this.#crew.close(Math.max(grace, LEAST_GRACE))]);
  }

  /** Of a worker that does not answer to `all`, what it has counted is what is known. */
  #remember(what: Measured): Promise<void> {
    return this.#crew.measure(what, PATIENCE, (worker, samples) => this.#last.set(worker, samples));
  }

  #look(): void {
    this.#timer = setTimeout(() => void this.#remember('counters').then(() => this.#look()), LOOK);
    this.#timer.unref();
  }
}
