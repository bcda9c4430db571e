// One of the processes of `ehlo serve --workers N`. It is begun by the primary (supervisor.ts), which tells it what to do, hands
// it connections, and is told of what it counts.

import process from 'node:process';
import type { Socket } from 'node:net';
import { Duty } from '../node/duty.ts';
import { Waiting, type Entrance } from '../node/entrance.ts';
import { EXIT } from '../node/exit-status.ts';
import { openLog } from '../node/log.ts';
import type { Terminal } from './command-line.ts';
import { Ending } from './ending.ts';
import type { Listener } from './listener.ts';
import { ReloadedFiles, type FileContents } from './reloading.ts';
import { ServeError } from './serve-error.ts';
import type { ServeOptions } from './serve-option.ts';
import { Service } from './service.ts';

/** What a worker begins with. */
export interface Work {
  readonly options: ServeOptions;
  readonly files: FileContents;
  /** The listeners, in the order in which the primary counts them. */
  readonly doors: readonly { readonly scheme: Listener['scheme']; readonly host: string; readonly port: number }[];
}

/** Connections that the primary has accepted. */
class PassedEntrance implements Entrance {
  readonly host: string;
  readonly port: number;
  readonly #waiting = new Waiting();

  constructor(host: string, port: number) {
    this.host = host;
    this.port = port;
  }

  begin(accept: (socket: Socket) => void): void {
    this.#waiting.accept = accept;
  }

  enter(socket: Socket): void {
    this.#waiting.enter(socket);
  }

  async close(): Promise<void> {
    this.#waiting.accept = (socket) => void socket.destroy(); // it was on its way when the end came
  }
}

/** Works until the primary, or a signal, asks for the end; returns the exit status. */
export async function work(terminal: Terminal): Promise<number> {
  const duty = new Duty<Work, FileContents>();
  const ending = new Ending();
  const { worker, work: { options, files: contents, doors } } = await duty.start;
  process.title = `ehlo worker ${worker}`;
  const files = ReloadedFiles.of(contents);
  duty.takeNews((news) => files.take(news));
  const entrances = doors.map(({ host, port }) => new PassedEntrance(host, port));
  let service: Service;
  try {
    service = await Service.open({
      options,
      doors: doors.flatMap(({ scheme }, index) => {
        const entrance = entrances[index];
        return entrance === undefined ? [] : [{ scheme, entrance }];
      }),
      files,
      worker,
      workers: options.workers,
      log: openLog(options.log),
      terminal,
      failed: (error) => ending.fail(error),
    });
  } catch (error) {
    if (!(error instanceof ServeError)) throw error;
    duty.tell({ type: 'failed', status: error.status, text: error.message });
    return error.status;
  }
  duty.connected = (entrance, socket) => entrances[entrance]?.enter(socket);
  duty.measure = (what) => (what === 'all' ? service.measure() : service.counters());
  duty.tell({ type: 'ready' });
  const failure = await ending.awaited;
  duty.leave();
  if (failure !== undefined) duty.tell({ type: 'failed', status: EXIT.ioFailed, text: failure.message });
  await service.close(failure === undefined ? undefined : 0);
  return failure === undefined ? EXIT.ok : EXIT.ioFailed;
}
