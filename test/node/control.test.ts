import { existsSync, mkdirSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, ControlServer, NobodyThere, readRequest, Unanswered } from '../../src/node/control.ts';
import type { Answer, Request } from '../../src/node/operation.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { deferred, turns, until } from '../support/turn.ts';

let unchangeable: number | undefined; // permissions that a socket has for good
let changing: Promise<void> = Promise.resolve(); // that they are changed
const { chmod } = builtin('node:fs/promises') as { readonly chmod: (path: string, mode: number) => Promise<void> };
replaceIn('node:fs/promises', {
  chmod: async (path: string, mode: number) => {
    await changing;
    await chmod(path, unchangeable ?? mode);
    if (unchangeable !== undefined) throw Object.assign(new Error('EINVAL: invalid argument, chmod'), { code: 'EINVAL' });
  },
});

let directory: TemporaryDirectory;
let servers: ControlServer[];
beforeEach(() => {
  directory = temporaryDirectory();
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  directory[Symbol.dispose]();
});

async function start(answer: (request: Request) => AsyncIterable<Answer>, path = directory.path): Promise<void> {
  servers.push(await ControlServer.open(path, answer));
}

async function* echo(request: Request): AsyncGenerator<Answer, void> {
  if (request.command === 'list') return;
  for (const id of request.ids) yield { done: { id, what: request.command } };
}

async function all(request: Request, path = directory.path): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for await (const answer of ask(path, request)) answers.push(answer);
  return answers;
}

/** Sends octets, and resolves with all that comes. */
function raw(octets: Uint8Array, end = false): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ path: join(directory.path, 'control') });
    socket.on('connect', () => {
      socket.write(octets);
      if (end) socket.end();
    });
    socket.on('data', (some) => void (text += decodeLatin1(some)));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

const HOLD: Request = { command: 'hold', ids: ['m1', 'ü'] };

describe('the control socket of a queue', () => {
  it('takes a request and gives the answers, to its owner alone', async () => {
    await start(echo);
    expect(await all(HOLD)).toEqual([{ done: { id: 'm1', what: 'hold' } }, { done: { id: 'ü', what: 'hold' } }]);
    expect(await all({ command: 'list' })).toEqual([]);
    expect(statSync(join(directory.path, 'control')).mode & 0o777).toBe(0o600);
  });

  // found by running: by virtiofs, as a container has a folder of a Mac
  it('is there where its permissions cannot be changed, unless others may write to it', async () => {
    unchangeable = 0o755;
    await start(echo).finally(() => (unchangeable = undefined));
    expect(await all(HOLD)).toHaveLength(2);
    unchangeable = 0o775;
    await expect(start(echo).finally(() => (unchangeable = undefined))).rejects.toThrow('EINVAL: invalid argument, chmod');
    expect(existsSync(join(directory.path, 'control.new'))).toBe(false); // found by reading: it listened on
  });

  // found by running, under load: whoever asked in that moment was told that the relay had gone away
  it('is not there before it can be asked', async () => {
    const changed = deferred();
    changing = changed.promise;
    const opening = start(echo);
    await turns(20);
    const early = await all(HOLD).catch((error: unknown) => error);
    changed.resolve();
    await opening;
    expect(early).toBeInstanceOf(NobodyThere);
    expect(await all(HOLD)).toHaveLength(2);
  });

  it('is gone with the relay', async () => {
    await start(echo);
    await servers.pop()?.close();
    expect(existsSync(join(directory.path, 'control'))).toBe(false);
    await expect(all(HOLD)).rejects.toThrow('no relay runs on the queue');
  });

  it('is that of the relay that runs, where an earlier one has died', async () => {
    await start(echo);
    await start(echo); // the first one as if it had died: its socket is still there
    expect(await all(HOLD)).toHaveLength(2);
  });

  it('takes the place of nothing that is no socket', async () => {
    const path = join(directory.path, 'control');
    for (const make of [() => writeFileSync(path, 'mine'), () => symlinkSync('/nowhere', path)]) {
      make();
      await expect(start(echo)).rejects.toThrow('is in the way, and no socket');
      unlinkSync(path);
    }
  });

  it('works where the path is longer than that of a socket can be', async () => {
    const path = join(directory.path, 'a'.repeat(120), 'queue');
    mkdirSync(path, { recursive: true });
    await start(echo, path);
    expect(await all(HOLD, path)).toHaveLength(2);
    await servers.pop()?.close();
    expect(existsSync(join(path, 'control'))).toBe(false);
  });

  it('says what went wrong with a request', async () => {
    await start(async function* (request) {
      yield* echo(request);
      throw new Error('the disk is gone');
    });
    await expect(all(HOLD)).rejects.toThrow('the disk is gone');
  });

  /** Somebody else who answers there, and is asked once. */
  async function askAnother(answer: (socket: Socket) => void, reads = true): Promise<readonly Answer[]> {
    const other = createServer({ allowHalfOpen: false, noDelay: false, pauseOnConnect: !reads }, (socket) => {
      socket.on('error', () => undefined);
      if (reads) socket.on('data', () => answer(socket));
      else answer(socket);
    });
    await new Promise<void>((resolve) => {
      other.on('listening', resolve);
      other.listen({ path: join(directory.path, 'control') });
    });
    return all(HOLD).finally(() => new Promise<void>((resolve) => other.close(resolve)));
  }

  it('tells an answer that breaks off from one that is whole', async () => {
    await expect(
      askAnother((socket) => {
        socket.write(encodeAscii('{"done":{"id":"m1","what":"hold"}}\n{"do'));
        socket.end();
      }),
    ).rejects.toThrow('in the middle of its answer');
    await expect(askAnother((socket) => void turns(20).then(() => socket.destroy()), false)).rejects.toThrow('in the middle of its answer'); // found by trying: killed before it had read what was asked, "read ECONNRESET"
  });

  // found by reading: root, who asks, held in memory whatever came from whoever had the folder
  it('reads no answer without an end', async () => {
    await expect(
      askAnother((socket) => {
        const piece = new Uint8Array(2 ** 24);
        const go = (): void => {
          while (!socket.destroyed && socket.write(piece));
        };
        socket.on('drain', go);
        go();
      }),
    ).rejects.toThrow('the relay answers what this version cannot read');
  });

  it.each([
    ['GET / HTTP/1.0\r\n', '{"error":"the request is none that this version knows"}\n'],
    ['\n', '{"error":"the request is none that this version knows"}\n'],
    ['\xff\xfe\n', '{"error":"the request is none that this version knows"}\n'],
    ['{"command":"hold"}\n', '{"error":"the request is none that this version knows"}\n'],
    [`{"command":"hold","ids":[${'1,'.repeat(10)}1]}\n`, '{"error":"the request is none that this version knows"}\n'],
    ['{"command":"list"}\nand more\n', '{"end":true}\n'],
    ['x'.repeat(70_000), ''],
  ])('goes on after %j', async (sent, answer) => {
    await start(echo);
    expect(await raw(Uint8Array.from(sent, (character) => character.charCodeAt(0)))).toBe(answer);
    expect(await all(HOLD)).toHaveLength(2);
  });

  it('goes on where a client ends without a request', async () => {
    await start(echo);
    expect(await raw(encodeAscii('{"comm'), true)).toBe('');
    expect(await all(HOLD)).toHaveLength(2);
  });

  it('makes answers only as fast as they are taken, and stops where nobody takes them', async () => {
    let made = 0;
    let ended = false;
    await start(async function* () {
      try {
        for (; made < 1_000_000; made += 1) yield { unknown: 'x'.repeat(1000) };
      } finally {
        ended = true;
      }
    });
    const answers = ask(directory.path, { command: 'list' })[Symbol.asyncIterator]();
    await answers.next();
    await new Promise((resolve) => void setTimeout(() => resolve(undefined), 200));
    expect(made).toBeLessThan(20_000);
    await answers.return?.(undefined);
    for (let turns = 0; !ended && turns < 200; turns += 1) await new Promise((resolve) => void setTimeout(() => resolve(undefined), 10));
    expect(ended).toBe(true);
  });

  it('is given up after a while without a word, however long the answer takes as a whole', async () => {
    await start(async function* (request) {
      for (let answer = 0; answer < 12; answer++) {
        await new Promise((resolve) => void setTimeout(() => resolve(undefined), 60));
        yield { unknown: 'm1' };
      }
      if (request.command === 'list') await new Promise<void>(() => undefined);
    });
    const asked = async (request: Request): Promise<number> => {
      let answers = 0;
      for await (const _ of ask(directory.path, request, 500)) answers++;
      return answers;
    };
    expect(await asked(HOLD)).toBe(12);
    await expect(asked({ command: 'list' })).rejects.toThrow(Unanswered);
  });

  // found by running: thirty commands at a time, each of which lists a queue of 60,000 mails, and two heard that the relay had gone away
  it('answers only so many clients at a time, and has the others wait', async () => {
    const gate = deferred();
    let most = 0;
    let now = 0;
    await start(async function* (request) {
      most = Math.max(most, ++now);
      await gate.promise;
      yield* echo(request);
      now--;
    });
    const asked = Array.from({ length: 40 }, () => all(HOLD));
    const gone = Array.from({ length: 10 }, () => raw(encodeAscii('{"command":"list"}\n')));
    await until(() => now === 16);
    gate.resolve();
    expect((await Promise.all(asked)).map(({ length }) => length)).toEqual(asked.map(() => 2));
    expect(await Promise.all(gone)).toEqual(gone.map(() => '{"end":true}\n'));
    expect(most).toBe(16);
  });

  it('takes only so many, and forgets those that leave while they wait', async () => {
    await start(echo);
    const socket = (): Socket => connect({ path: join(directory.path, 'control') });
    const idle = Array.from({ length: 16 }, socket);
    const waiting = Array.from({ length: 240 }, socket);
    for (const each of [...idle, ...waiting]) each.on('error', () => undefined);
    await new Promise((resolve) => void setTimeout(() => resolve(undefined), 100));
    await expect(all(HOLD)).rejects.toThrow();
    for (const each of [...waiting, ...idle]) each.destroy();
    await new Promise((resolve) => void setTimeout(() => resolve(undefined), 50));
    expect(await all(HOLD)).toHaveLength(2);
  });
});

describe('a request', () => {
  it.each([
    ['{"command":"list"}', { command: 'list' }],
    ['{"command":"show","ids":["a"]}', { command: 'show', ids: ['a'] }],
    ['{"command":"show","ids":[]}', { command: 'show', ids: [] }],
    ['{"command":"show","ids":["a",1]}', undefined],
    ['{"command":"shown","ids":["a"]}', undefined],
    ['null', undefined],
    ['[]', undefined],
    ['', undefined],
  ])('%s', (text, request) => {
    expect(readRequest(text)).toEqual(request);
  });
});
