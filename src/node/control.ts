// The operator's way into a relay that runs: a Unix socket in the folder of its queue, for its owner alone.
//
// A client sends one line, the request as JSON; the relay answers in lines of JSON (operation.ts) and ends with `{"end":true}`,
// or with `{"error":"…"}`, and closes. So whoever finds the connection closed before such a line knows that something is missing.
//
// Rule 1: whatever comes, the relay goes on: a request that is none gets an error; one that does not come, or answers that
//         nobody takes, end with the connection.
// Rule 2: answers are made as they are taken: however long the queue is, a few of them are in memory.
// Rule 3: who has the queue's lock owns the socket: one that a dead process has left is removed, not asked.

import { chmod, lstat, rename, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { clearTimeout, setTimeout } from 'node:timers';
import { decodeUtf8, encodeUtf8 } from '../wire/utf8.ts';
import { concat } from '../wire/octet.ts';
import { destroy } from './destroy.ts';
import { errorCode, errorText } from './error-text.ts';
import { ORDERS, type Answer, type OrderName, type Request } from './operation.ts';
import { socketPath } from './socket-path.ts';
import { Turnstile } from './turnstile.ts';

const NAME = 'control';
const UNREADY = 'control.new'; // its name until it takes requests: whoever asks finds nobody, and comes again
const LONGEST_REQUEST = 65_536; // octets
const PATIENCE = 10_000; // milliseconds in which a request must come, and an answer be taken
const MOST_CLIENTS = 256; // that are connected,
const AT_A_TIME = 16; //     and of them those that are answered; the others wait
const LONGEST_ANSWER = 134_217_728; // octets of a line: a mail with two hundred thousand recipients
const PIECE = 65_536; // characters that are sent at a time
const LONGEST_WAIT = 100; // milliseconds that answers wait for others: whoever hears nothing for long gives up

const UNREADABLE = 'the relay answers what this version cannot read';

type Line = Answer | { readonly end: true } | { readonly error: string };

/** The relay's side. */
export class ControlServer {
  readonly #server: Server;
  readonly #path: string;
  readonly #clients: ReadonlySet<Socket>;
  readonly #release: () => Promise<void>;

  private constructor(server: Server, path: string, clients: ReadonlySet<Socket>, release: () => Promise<void>) {
    this.#server = server;
    this.#path = path;
    this.#clients = clients;
    this.#release = release;
  }

  /** Listens in the directory of a queue that this process has open. `answer` yields the answers to a request; what it throws is told. */
  static async open(directory: string, answer: (request: Request) => AsyncIterable<Answer>): Promise<ControlServer> {
    const path = join(directory, NAME);
    const old = await lstat(path).catch(() => undefined); // absent
    if (old?.isSocket() === false) throw new Error(`${path} is in the way, and no socket`);
    await unlink(join(directory, UNREADY)).catch(() => undefined); // of a relay that died then
    const { short, release } = await socketPath(directory, UNREADY);
    let ready = false;
    const clients = new Set<Socket>();
    const turns = new Turnstile(AT_A_TIME);
    const server = createServer({ allowHalfOpen: true, noDelay: false }, (socket) => {
      socket.on('error', destroy);
      if (!ready || clients.size >= MOST_CLIENTS) return socket.destroy();
      clients.add(socket);
      socket.on('close', () => clients.delete(socket));
      void turns.pass('', () => serve(socket, answer));
    });
    try {
      await new Promise<void>((resolve, reject) => {
        server.on('listening', resolve);
        server.on('error', reject);
        server.listen({ path: short, exclusive: true }); // in a worker of node:cluster too: the path may be this process's alone
      });
      await chmod(short, 0o600).catch(async (error: unknown) => {
        if (((await lstat(short)).mode & 0o022) !== 0) throw error; // else the file system has no such thing for a socket, and nobody else may write to it
      });
      ready = true; // nobody else was let in before
      await rename(short, path);
    } catch (error) {
      server.close(() => undefined);
      await release();
      throw error;
    }
    server.unref();
    return new ControlServer(server, path, clients, release);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const client of this.#clients) client.destroy();
    await closed;
    await unlink(this.#path).catch(() => undefined);
    await this.#release();
  }
}

/** Answers one client. */
async function serve(socket: Socket, answer: (request: Request) => AsyncIterable<Answer>): Promise<void> {
  if (!socket.readable) return void socket.destroy(); // it has left while it waited
  const text = await requestOf(socket);
  if (text === undefined) return void socket.destroy();
  const out = new Lines(socket);
  try {
    const request = readRequest(text);
    if (request === undefined) await out.put({ error: 'the request is none that this version knows' });
    else {
      for await (const line of answer(request)) if (!(await out.put(line))) return;
      await out.put({ end: true });
    }
  } catch (error) {
    await out.put({ error: errorText(error) });
  }
  await out.end();
}

/** Lines on their way to a client, several at a time, as fast as they are taken. */
class Lines {
  readonly #socket: Socket;
  #text = '';
  #gone = false;
  #flushed = performance.now();
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('drain', () => this.#wake());
    socket.on('close', () => {
      this.#gone = true;
      this.#wake();
    });
  }

  /** Tells whether there is anybody to send to. */
  async put(line: Line): Promise<boolean> {
    this.#text += `${JSON.stringify(line)}\n`;
    if (this.#text.length >= PIECE || performance.now() > this.#flushed + LONGEST_WAIT) await this.#flush();
    return !this.#gone;
  }

  async end(): Promise<void> {
    await this.#flush();
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), PATIENCE).unref();
  }

  async #flush(): Promise<void> {
    const octets = encodeUtf8(this.#text);
    this.#text = '';
    this.#flushed = performance.now();
    if (this.#gone || this.#socket.write(octets)) return;
    const timer = setTimeout(() => this.#socket.destroy(), PATIENCE);
    await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(timer);
  }
}

/** Returns the first line that the client sends; undefined where none comes in time, or it is too long. */
function requestOf(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    const pieces: Uint8Array[] = [];
    let length = 0;
    const end = (text: string | undefined): void => {
      clearTimeout(timer);
      resolve(text);
    };
    const timer = setTimeout(() => end(undefined), PATIENCE);
    socket.on('data', (octets: Uint8Array) => {
      length += octets.length;
      if (length > LONGEST_REQUEST) return end(undefined);
      pieces.push(octets);
      if (octets.includes(0x0a)) end(decodeUtf8(concat(pieces))?.split('\n')[0] ?? '');
    });
    socket.on('end', () => end(undefined));
    socket.on('close', () => end(undefined));
  });
}

/** Returns the request that the text is; undefined where it is not one. */
export function readRequest(text: string): Request | undefined {
  const { command, ids } = (parseJson(text) ?? {}) as { readonly command?: unknown; readonly ids?: unknown }; // what they are is found out here
  if (command === 'list') return { command };
  const order = ORDERS.find((each): each is OrderName => each === command);
  if (order === undefined || !Array.isArray(ids) || !ids.every((id): id is string => typeof id === 'string')) return undefined;
  return { command: order, ids };
}

/** Nobody listens there: no relay runs on this queue, or it is not so far yet. */
export class NobodyThere extends Error {}

/** Somebody listens there, and does not say it all: it has been stopped, hangs, or has ended meanwhile. */
export class Unanswered extends Error {}

/**
 * Asks the relay that has the queue in this directory; yields its answers. Rejects with `NobodyThere`, with `Unanswered`, after so many
 * milliseconds without a word too, or with what the relay says is wrong.
 */
export async function* ask(directory: string, request: Request, patience = 30_000): AsyncGenerator<Answer, void> {
  const { short, release } = await socketPath(directory, NAME);
  const socket = connect({ path: short });
  const queue: Uint8Array[] = [];
  let failure: Error | undefined;
  let over = false;
  let wake: () => void = () => undefined;
  socket.on('connect', () => void socket.write(encodeUtf8(`${JSON.stringify(request)}\n`)));
  socket.on('data', (octets: Uint8Array) => {
    queue.push(octets);
    if (queue.length > 16) socket.pause();
    wake();
  });
  socket.on('error', (error) => {
    const code = errorCode(error);
    const nobody = code === 'ENOENT' || code === 'ECONNREFUSED';
    if (nobody) failure = new NobodyThere('no relay runs on the queue');
    else if (code !== 'ECONNRESET' && code !== 'EPIPE') failure = new Error(code === 'EACCES' ? 'the relay that runs on the queue belongs to another user' : error.message); // else it has died
  });
  socket.on('close', () => {
    over = true;
    wake();
  });
  try {
    let rest: Uint8Array[] = []; // of a line
    let length = 0;
    for (;;) {
      const octets = queue.shift();
      if (octets === undefined) {
        if (over) throw failure ?? new Unanswered('the relay has gone away in the middle of its answer');
        let silent = false;
        const timer = setTimeout(() => {
          silent = true;
          wake();
        }, patience);
        await new Promise<void>((resolve) => (wake = resolve));
        clearTimeout(timer);
        if (silent) throw new Unanswered('the relay that has the queue does not answer');
        continue;
      }
      if (queue.length === 0) socket.resume();
      const last = octets.lastIndexOf(0x0a);
      if (last < 0) {
        rest.push(octets);
        length += octets.length;
        if (length > LONGEST_ANSWER) throw new Error(UNREADABLE); // whoever asks may be root, and who answers anybody who has the folder
        continue;
      }
      const text = decodeUtf8(concat([...rest, octets.subarray(0, last)])) ?? '';
      rest = [octets.subarray(last + 1)];
      length = octets.length - last - 1;
      for (const line of text.split('\n')) {
        const answer = parseJson(line) as Line | undefined; // what a relay of ours says
        if (answer === undefined) throw new Error(UNREADABLE);
        if ('end' in answer) return;
        if ('error' in answer) throw new Error(answer.error);
        yield answer;
      }
    }
  } finally {
    socket.destroy();
    await release();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // whoever asked says what is wrong with it
  }
}
