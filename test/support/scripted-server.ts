// A server that plays lines, and knows no SMTP: for clients that must cope with whatever a server does.
//
//   await using server = await startScriptedServer(
//     ['S: 220 mx.test', 'C: EHLO', 'S: 250 mx.test', 'C: MAIL', '* reset'],   the first connection
//     ['S: 421 mx.test too busy', '* end'],                                    the second, and all further ones
//   );
//
// `S: text` says a line, `C: text` waits for a line that begins so, `C: …` for all up to a lone dot. `* end` ends our side,
// `* reset` the connection; behind the last line it waits for the client to go. A line that is not as written resets.

import { createServer } from 'node:net';
import type { Target } from '../../src/relay/route.ts';
import { RawPeer } from './raw-peer.ts';

export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  /** What each connection has said, in the order of the connections. */
  readonly heard: readonly string[];
  readonly connections: number;
  /** The client's end of each connection is gone. */
  readonly idle: boolean;
  /** Resets each connection that there is. */
  reset(): void;
}

export async function startScriptedServer(...scripts: readonly (readonly string[])[]): Promise<ScriptedServer> {
  const heard: string[] = [];
  const peers: RawPeer[] = [];
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const peer = new RawPeer(socket);
    const index = peers.push(peer) - 1;
    heard[index] = '';
    void play(peer, scripts[Math.min(index, scripts.length - 1)] ?? [], (text) => (heard[index] += text)).catch(() => peer.reset());
  });
  await new Promise<void>((resolve) => {
    listener.on('listening', resolve);
    listener.listen({ host: '127.0.0.1', port: 0 });
  });
  const address = listener.address();
  return {
    port: address !== null && typeof address !== 'string' ? address.port : 0,
    heard,
    get connections() {
      return peers.length;
    },
    get idle() {
      return peers.every(({ closed }) => closed);
    },
    reset: () => peers.forEach((peer) => peer.reset()),
    async [Symbol.asyncDispose]() {
      for (const { socket } of peers) socket.destroy();
      await new Promise<void>((resolve) => listener.close(resolve));
    },
  };
}

async function play(peer: RawPeer, script: readonly string[], note: (text: string) => void): Promise<void> {
  for (const step of script) {
    const text = step.slice(3);
    if (step === '* end') peer.end();
    else if (step === '* reset') peer.reset();
    else if (step.startsWith('S: ')) peer.say(`${text}\r\n`);
    else {
      const line = await peer.hear(text === '…' ? /^(?:[^]*?\r\n)?\.\r\n/ : /^.*\r\n/);
      note(line);
      if (text !== '…' && !line.startsWith(text)) throw new Error(`expected ${text}, heard ${line}`);
    }
  }
  if (!script.some((step) => step.startsWith('* '))) {
    note(await peer.rest());
    peer.end();
  }
}

/** The lines of a server that takes a mail for `recipients` recipients, up to the reply to its end. */
export function taking(recipients = 1, end = '250 2.0.0 taken'): readonly string[] {
  return [...GREETING, 'C: MAIL', 'S: 250 2.1.0 ok', ...Array.from({ length: recipients }, () => ['C: RCPT', 'S: 250 2.1.5 ok']).flat(), 'C: DATA', 'S: 354 go on', 'C: …', `S: ${end}`, ...FAREWELL];
}

export const GREETING: readonly string[] = ['S: 220 mx.test ESMTP', 'C: EHLO', 'S: 250-mx.test', 'S: 250 8BITMIME'];
export const FAREWELL: readonly string[] = ['C: QUIT', 'S: 221 2.0.0 bye'];

/** The target that a port of 127.0.0.1 is. */
export function targetOf(port: number, host = 'mx.test'): Target {
  return { host, address: '127.0.0.1', family: 4, port, preference: 10 };
}

/** A port of 127.0.0.1 where nobody listens, and nobody will: it is below all that systems give to listeners on port 0, such as those of the tests beside this one. */
export async function unusedPort(): Promise<number> {
  for (;;) {
    const port = 5_000 + Math.floor(Math.random() * 5_000);
    const free = await new Promise<boolean>((resolve) => {
      const listener = createServer({ allowHalfOpen: true, noDelay: true }, () => undefined);
      listener.on('error', () => resolve(false));
      listener.on('listening', () => listener.close(() => resolve(true)));
      listener.listen({ host: '127.0.0.1', port });
    });
    if (free) return port;
  }
}
