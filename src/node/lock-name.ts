// The name by which a process has a directory: that of an abstract Unix socket, which the kernel frees when the process dies, however
// it dies.
//
// Anybody on the machine may take such a name, and /proc/net/unix tells everybody which there are: whoever has seen it can wait for the
// process to die, take its name, and keep the next one out. So who has the name is asked to prove that he knows the secret of
// the directory, and where he does not he counts for nothing (`lock.ts`).
//
// Rule 1: neither name nor proof tells anything of the secret, and a proof is of no use for another question, or another directory.
// Rule 2: whoever asks, or only connects, costs little: so many at a time, each for a short while.

import { connect, createServer, type Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { equalSecrets } from '../protocol/sasl/secret.ts';
import { encodeAscii } from '../wire/ascii.ts';
import { encodeBase64 } from '../wire/base64.ts';
import { destroy } from './destroy.ts';
import { errorCode } from './error-text.ts';
import { nodeCrypto } from './on-demand.ts';

/** Octets of a question: random ones in base 64. */
const QUESTION = 24;
const PATIENCE = 1_000; // milliseconds for a proof
const MOST_ASKING = 8;

/** Takes the name, until it is released; or says who has it: one of ours, or a stranger. `place`: of the directory on the machine. */
export async function takeName(place: string, secret: string): Promise<{ release(): Promise<void> } | 'ours' | 'a stranger'> {
  const path = `\0ehlo:${place}:${encodeBase64(digest(secret, `name ${place}`))}`;
  const asking = new Set<Socket>();
  const server = createServer({ allowHalfOpen: false, noDelay: false }, (socket) => {
    if (asking.size >= MOST_ASKING) return void socket.destroy();
    const timer = setTimeout(() => socket.destroy(), PATIENCE);
    asking.add(socket);
    socket.on('error', destroy);
    socket.on('close', () => {
      clearTimeout(timer);
      asking.delete(socket);
    });
    socket.on('data', (question: Uint8Array) => {
      if (question.length === QUESTION) socket.write(proof(place, secret, question)); // in one piece, as it was written
      socket.end();
    });
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.on('listening', resolve);
      server.on('error', reject); // behind that, somebody who asked was not accepted
      server.listen({ path, exclusive: true }); // in a worker of node:cluster too: else its primary would listen, for all of them
    });
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE') throw error;
    return (await proves(path, place, secret)) ? 'ours' : 'a stranger';
  }
  server.unref();
  return {
    release: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of asking) socket.destroy();
      await closed;
    },
  };
}

/** Tells whether who has the name knows the secret. */
function proves(path: string, place: string, secret: string): Promise<boolean> {
  const question = encodeAscii(encodeBase64(nodeCrypto().randomBytes((QUESTION * 3) / 4)));
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (proven: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(proven);
    };
    const timer = setTimeout(() => end(false), PATIENCE);
    socket.on('connect', () => void socket.write(question));
    socket.on('data', (octets: Uint8Array) => end(equalSecrets(octets, proof(place, secret, question))));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}

function proof(place: string, secret: string, question: Uint8Array): Uint8Array {
  return digest(secret, `proof ${place} ${encodeBase64(question)}`);
}

function digest(secret: string, text: string): Uint8Array {
  return Uint8Array.from(nodeCrypto().createHmac('sha256', encodeAscii(secret)).update(encodeAscii(text)).digest());
}
