// A transfer agent at work in a directory of its own: mail for local.test comes into its Maildir, all other goes to one next hop.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileQueue } from '../../src/node/file-queue.ts';
import type { Server } from '../../src/node/server.ts';
import { Maildir } from '../../src/node/maildir.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { TransferAgent } from '../../src/node/transfer-agent.ts';
import { parseCidr } from '../../src/relay/cidr.ts';
import { RETRY_SCHEDULE } from '../../src/relay/schedule.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { RawPeer } from './raw-peer.ts';
import { temporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts';

export class RelayHost implements AsyncDisposable {
  /** The events that it has logged. */
  readonly events: string[] = [];
  readonly #directory: TemporaryDirectory;
  readonly #agent: TransferAgent;
  #server: Server | undefined;

  private constructor(directory: TemporaryDirectory, queue: FileQueue, maildir: Maildir, port: number) {
    this.#directory = directory;
    this.#agent = new TransferAgent({
      hostname: 'mx.test',
      queue,
      maildir,
      admission: { accept: new Set(['local.test']), relayFrom: [parseCidr('127.0.0.0/8')].filter((range) => range !== undefined) },
      routing: { smarthost: { host: '127.0.0.1', port }, routes: new Map(), mxPort: 25, allowPrivateTargets: false },
      resolver: new Resolver({ servers: ['127.0.0.1:1'], timeout: 50 }),
      schedule: RETRY_SCHEDULE,
      reuse: { idle: 0 },
      log: (event) => this.events.push(event),
    });
  }

  static async start(nextHop = 1): Promise<RelayHost> {
    const directory = temporaryDirectory();
    const host = new RelayHost(directory, await FileQueue.open(join(directory.path, 'queue')), await Maildir.open(join(directory.path, 'box')), nextHop);
    host.#server = await host.#agent.listen({ place: { host: '127.0.0.1', port: 0 } });
    host.#agent.start();
    return host;
  }

  /** Sends a mail over a connection of its own; the replies to MAIL, each RCPT, DATA and its end. */
  async submit(from: string, to: readonly string[], content: string): Promise<readonly string[]> {
    const peer = await RawPeer.connect(this.#server?.port ?? 0);
    await peer.reply();
    await peer.command('EHLO client.test');
    const replies: string[] = [];
    for (const line of [`MAIL FROM:${from}`, ...to.map((path) => `RCPT TO:${path}`), 'DATA', `${content.replace(/^\./gm, '..')}.`]) replies.push(await peer.command(line));
    peer.reset();
    return replies;
  }

  /** What was delivered into its Maildir. */
  delivered(): readonly string[] {
    const folder = join(this.#directory.path, 'box', 'new');
    return readdirSync(folder).sort().map((name) => decodeLatin1(readFileSync(join(folder, name))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.close(0);
    this.#directory[Symbol.dispose]();
  }
}
