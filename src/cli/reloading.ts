// The files of `ehlo serve` that may change while it runs: certificate, key, users, password. Read at the start, and again on SIGHUP; by
// one process, which tells its workers what stood in them: they may not be allowed to read them.
//
// Rule 1: what is read again is taken whole or not at all: where one file is bad the old content of all stays, and one line of
//         the log says why.
// Rule 2: a pipe, as a shell makes it of `<(…)`, is read at the start alone: who would read it again might wait for ever, or find
//         it empty.
// Rule 3: SIGHUP never ends the program; one that comes before there is anything to reload is carried out when there is.

import { stat } from 'node:fs/promises';
import process from 'node:process';
import { Users } from '../node/credential.ts';
import { LARGEST_PEM } from '../node/pem.ts';
import { TlsServer, type TlsOptions } from '../node/tls.ts';
import { readWhole } from '../node/whole-read.ts';
import { readPassword } from './password-file.ts';
import { reason } from './reason.ts';

export interface ReloadedPaths {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly users: string | undefined;
  readonly smarthostPasswordFile: string | undefined;
}

/** What stood in the files; undefined where none is named. */
export interface FileContents {
  readonly pair: (TlsOptions & { readonly cert: Uint8Array; readonly key: Uint8Array }) | undefined;
  readonly users: { readonly path: string; readonly octets: Uint8Array } | undefined;
  readonly smarthostPassword: string | undefined;
}

export class ReloadedFiles {
  readonly tls: TlsServer | undefined;
  readonly #paths: ReloadedPaths | undefined;
  #contents: FileContents;
  #users: Users | undefined;

  private constructor(contents: FileContents, paths: ReloadedPaths | undefined) {
    this.#paths = paths;
    this.#contents = contents;
    this.tls = contents.pair === undefined ? undefined : new TlsServer(contents.pair);
    this.#users = usersOf(contents);
  }

  /** Rejects with an Error whose message names the file at fault. */
  static async read(paths: ReloadedPaths): Promise<ReloadedFiles> {
    return new ReloadedFiles(await readContents(paths), paths);
  }

  /** Of what another process has read. */
  static of(contents: FileContents): ReloadedFiles {
    return new ReloadedFiles(contents, undefined);
  }

  /** The users as they are now; undefined where no file names any. */
  get users(): Users | undefined {
    return this.#users;
  }

  get contents(): FileContents {
    return this.#contents;
  }

  /** Those that are read again. */
  get names(): readonly string[] {
    return Object.values(this.#paths ?? {}).filter((path): path is string => path !== undefined);
  }

  /** Reads them again. Rejects likewise; nothing has changed then. */
  async reload(): Promise<void> {
    if (this.#paths === undefined) return;
    for (const path of this.names) await expectNoPipe(path);
    this.take(await readContents(this.#paths));
  }

  /** Takes other contents. Throws an Error, and nothing has changed, where they are of no use. */
  take(contents: FileContents): void {
    const users = usersOf(contents);
    if (contents.pair !== undefined) this.tls?.reload(contents.pair); // throws where it is none, and before anything else changes
    this.#users = users;
    this.#contents = contents;
  }
}

async function readContents({ tlsCert, tlsKey, users, smarthostPasswordFile: password }: ReloadedPaths): Promise<FileContents> {
  return {
    pair: tlsCert === undefined || tlsKey === undefined ? undefined : { cert: await readPem('--tls-cert', tlsCert), key: await readPem('--tls-key', tlsKey) },
    users: users === undefined ? undefined : { path: users, octets: await Users.octets(users) },
    smarthostPassword: password === undefined ? undefined : await readPassword('--smarthost-password-file', password),
  };
}

async function expectNoPipe(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined); // whoever reads it says what is wrong
  if (found?.isFIFO() === true) throw new Error(`${path} is a pipe, expected a file that can be read again`);
}

function readPem(option: string, path: string): Promise<Uint8Array> {
  return readWhole(path, LARGEST_PEM).catch((cause: unknown) => {
    throw new Error(`${option} ${JSON.stringify(path)}: expected a PEM file (${reason(cause, path)})`, { cause });
  });
}

function usersOf({ users }: FileContents): Users | undefined {
  return users === undefined ? undefined : Users.parse(users.path, users.octets);
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
