// The files of `ehlo serve` that may change while it runs: certificate, key, users. Read at the start, and again on SIGHUP.
//
// Rule 1: what is read again is taken whole or not at all: where one file is bad the old content of all stays, and one line of
//         the log says why.
// Rule 2: SIGHUP never ends the program; one that comes before there is anything to reload is carried out when there is.

import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { Users } from '../node/credential.ts';
import { TlsServer, type TlsOptions } from '../node/tls.ts';

export interface ReloadedPaths {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly users: string | undefined;
}

export class ReloadedFiles {
  readonly tls: TlsServer | undefined;
  readonly #paths: ReloadedPaths;
  #users: Users | undefined;

  private constructor(paths: ReloadedPaths, pair: TlsOptions | undefined, users: Users | undefined) {
    this.#paths = paths;
    this.tls = pair === undefined ? undefined : new TlsServer(pair);
    this.#users = users;
  }

  /** Rejects with an Error whose message names the file at fault. */
  static async read(paths: ReloadedPaths): Promise<ReloadedFiles> {
    return new ReloadedFiles(paths, await readPair(paths), await readUsers(paths));
  }

  /** The users as they are now; undefined where no file names any. */
  get users(): Users | undefined {
    return this.#users;
  }

  /** Rejects likewise; nothing has changed then. */
  async reload(): Promise<void> {
    const pair = await readPair(this.#paths);
    const users = await readUsers(this.#paths);
    if (pair !== undefined) this.tls?.reload(pair); // throws where it is none, and before the users change
    this.#users = users;
  }
}

async function readPair({ tlsCert, tlsKey }: ReloadedPaths): Promise<TlsOptions | undefined> {
  return tlsCert === undefined || tlsKey === undefined ? undefined : { cert: await readFile(tlsCert), key: await readFile(tlsKey) };
}

async function readUsers({ users }: ReloadedPaths): Promise<Users | undefined> {
  return users === undefined ? undefined : Users.read(users);
}

/** SIGHUP, from the start of the program on. */
export class Hangup {
  #act: (() => Promise<void>) | undefined;
  #waiting = false; // it came before anybody acted on it
  #acting = Promise.resolve();

  constructor() {
    process.on('SIGHUP', () => this.#hear());
  }

  /** Acts on each from now on, one after the other, and at once on those that came before. `act` never rejects. */
  onEach(act: () => Promise<void>): void {
    this.#act = act;
    if (this.#waiting) this.#hear();
  }

  #hear(): void {
    const act = this.#act;
    if (act === undefined) this.#waiting = true;
    else this.#acting = this.#acting.then(act);
  }
}
