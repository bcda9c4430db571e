// What one process of `ehlo serve` does: it has its parts of the queue, takes mail at the entrances that it is given, and relays.
// `ehlo serve` alone is one; with `--workers` each worker is.

import { joinSamples, sampleKey, type Samples } from '../relay/metric.ts';
import { relayCounts, samplesOf } from '../relay/count.ts';
import type { Queue } from '../relay/queue/port.ts';
import { RETRY_SCHEDULE } from '../relay/schedule.ts';
import { ControlServer } from '../node/control.ts';
import { Users } from '../node/credential.ts';
import type { Entrance } from '../node/entrance.ts';
import { EXIT } from '../node/exit-status.ts';
import { FLOOR, type Journal } from '../node/journal.ts';
import type { Log } from '../node/log.ts';
import { LoopLag } from '../node/loop-lag.ts';
import { Maildir } from '../node/maildir.ts';
import { operate } from '../node/operation.ts';
import { diskOfPart, openPart, PartedQueue, partFolder, partsOf, partsOfWorker } from '../node/part.ts';
import { TraceFolder } from '../node/trace-folder.ts';
import type { Tracing } from '../node/trace.ts';
import { TransferAgent, type TransferAgentOptions } from '../node/transfer-agent.ts';
import type { Terminal } from './command-line.ts';
import { SCHEMES, type Listener } from './listener.ts';
import { reason } from './reason.ts';
import { reportRecovery } from './recovery-text.ts';
import type { ReloadedFiles } from './reloading.ts';
import { resolverOf, routeOptions } from './routing.ts';
import { processSamples } from './process-samples.ts';
import { openStatus, ServeError } from './serve-error.ts';
import { admissionOf, type ServeOptions } from './serve-option.ts';

export interface ServiceSettings {
  readonly options: ServeOptions;
  /** Where mail comes in, and what is spoken there. */
  readonly doors: readonly { readonly scheme: Listener['scheme']; readonly entrance: Entrance }[];
  readonly files: ReloadedFiles;
  /** Which of the processes this is, from 1, and how many there are. */
  readonly worker: number;
  readonly workers: number;
  readonly log: Log;
  readonly terminal: Terminal;
  /** The disk of the queue has failed. */
  readonly failed: (error: Error) => void;
}

/** So many times, a tenth of a second apart, a part is tried to be opened: a worker that died may have it, or `ehlo queue`. */
const ATTEMPTS = 50;

const NO_ROOM = `there is no room for mail, which is refused with 452 until there is: ${FLOOR / 1_048_576} MiB of the disk stay free, and as much as the journal writes before it drops what is old; and what waits may fill a quarter of the memory`;

const NOBODY = new Users(new Map());

/** Who we are to the smarthost, with the password as it is now. */
function smarthostAuthOf(authcid: string | undefined, files: ReloadedFiles): TransferAgentOptions['smarthostAuth'] {
  return authcid === undefined ? undefined : () => ({ secret: { type: 'password', authcid, password: files.contents.smarthostPassword ?? '' } });
}

export class Service {
  readonly #agent: TransferAgent;
  readonly #queue: Queue;
  readonly #controls: ControlServer[];
  readonly #counts: ReturnType<typeof relayCounts>;
  readonly #lag: LoopLag | undefined;

  private constructor(agent: TransferAgent, queue: Queue, controls: ControlServer[], counts: ReturnType<typeof relayCounts>, lag: LoopLag | undefined) {
    this.#agent = agent;
    this.#queue = queue;
    this.#controls = controls;
    this.#counts = counts;
    this.#lag = lag;
  }

  /** Opens the parts of the queue, takes mail, and relays. Rejects with a ServeError. */
  static async open(settings: ServiceSettings): Promise<Service> {
    const { options, doors, files, worker, workers, log, terminal } = settings;
    const counts = relayCounts();
    const parts: { readonly folder: string; readonly journal: Journal }[] = [];
    const end = async (text: string, status: number): Promise<ServeError> => {
      for (const { journal } of parts) await journal.close();
      return new ServeError(text, status);
    };
    try {
      for (const part of partsOfWorker(await partsOf(options.queue), worker, workers)) {
        const folder = partFolder(options.queue, part);
        parts.push({ folder, journal: await openPart(folder, { failed: settings.failed, counts, shared: await diskOfPart(options.queue, part) }, ATTEMPTS) });
      }
    } catch (error) {
      throw await end(`cannot open the queue ${options.queue}: ${reason(error)}`, openStatus(error));
    }
    let maildir: Maildir | undefined;
    try {
      maildir = options.maildir === undefined ? undefined : await Maildir.open(options.maildir);
    } catch (error) {
      throw await end(`cannot open the Maildir ${options.maildir ?? ''}: ${reason(error)}`, openStatus(error));
    }
    for (const { folder, journal } of parts) reportRecovery(terminal, folder, journal.report);
    if (worker === 1 && parts[0]?.journal.roomFor(0) === false) terminal.err(`ehlo: ${options.queue}: ${NO_ROOM}\n`);
    let trace: Tracing | undefined;
    try {
      const tag = workers > 1 ? `${worker}-` : '';
      if (options.trace !== undefined) {
        const folder = await TraceFolder.open(options.trace, (text) => terminal.err(`ehlo: ${text}\n`), tag);
        trace = (await import('../node/trace.ts')).traceTo(folder, 'ehlo serve'); // a tenth of the program, which few need
      }
    } catch (error) {
      throw await end(`cannot write traces to ${options.trace ?? ''}: ${reason(error)}`, openStatus(error));
    }
    const [own, ...others] = parts.map(({ journal }) => journal);
    if (own === undefined) throw new ServeError('a worker has a part of the queue', EXIT.cannotCreate); // not reached: the first is its own
    const queue = others.length === 0 ? own : new PartedQueue(own, others);
    const share = (all: number): number => Math.ceil(all / workers);
    const agent = new TransferAgent({
      hostname: options.hostname,
      queue,
      maildir,
      admission: { ...admissionOf(options.accept), relayFrom: options.relayFrom },
      routing: routeOptions(options),
      resolver: resolverOf(options),
      schedule: { intervals: options.retry, expire: options.expire, expireBounce: Math.min(options.expire, RETRY_SCHEDULE.expireBounce), delayWarning: options.delayWarning },
      maxSize: options.maxSize,
      maxRecipients: options.maxRecipients,
      maxConnections: share(options.maxConnections),
      maxConnectionsPerClient: share(options.maxConnectionsPerClient),
      proxyFrom: options.proxyFrom,
      leniencies: options.lenient,
      log,
      trace,
      tls: files.tls,
      users: options.users === undefined ? undefined : () => files.users ?? NOBODY,
      smarthostAuth: smarthostAuthOf(options.smarthostUser, files),
      ...(options.metrics === undefined ? {} : { counts }),
    });
    const controls: ControlServer[] = [];
    for (const { folder, journal } of parts) {
      try {
        controls.push(await ControlServer.open(folder, (request) => operate(journal, request, agent.relaying, log)));
      } catch (error) {
        log('error', { text: `ehlo queue cannot reach this relay: ${reason(error)}` });
      }
    }
    for (const { scheme, entrance } of doors) await agent.listen({ place: { entrance }, ...SCHEMES[scheme] });
    agent.start();
    return new Service(agent, queue, controls, counts, options.metrics === undefined ? undefined : new LoopLag());
  }

  /** Returns what has been counted. */
  counters(): Samples {
    return samplesOf(this.#counts);
  }

  /** Returns what has been counted, and how things are. */
  measure(): Samples {
    const now = Date.now();
    const [waiting, held] = [{ mails: 0, oldest: now }, { mails: 0 }];
    for (const mail of this.#queue.mails()) {
      if (mail.held === true) held.mails++;
      else {
        waiting.mails++;
        waiting.oldest = Math.min(waiting.oldest, mail.arrival);
      }
    }
    const state = new Map<string, number>([
      ['ehlo_open_sessions', this.#agent.sessions],
      [sampleKey('ehlo_queue_mails', { state: 'waiting' }), waiting.mails],
      [sampleKey('ehlo_queue_mails', { state: 'held' }), held.mails],
      ['ehlo_queue_oldest_age_seconds', Math.max(0, now - waiting.oldest) / 1000],
    ]);
    return joinSamples([this.counters(), state, processSamples(this.#lag)]);
  }

  /** Stops taking mail, finishes what is in hand, closes the queue. */
  async close(grace?: number): Promise<void> {
    this.#lag?.close();
    for (const control of this.#controls) await control.close();
    await this.#agent.close(grace);
  }
}
