import { describe, expect, it } from 'vitest';
import { Duplex } from 'node:stream';
import { closeAtOnce, endWithoutError } from '../../src/node/destroy.ts';
import { latin1 } from '../support/raw-peer.ts';
import { loopback, type Loopback } from '../support/loopback.ts';

/** What is told of a socket whose peer resets the connection. */
async function told({ socket, peer }: Loopback): Promise<readonly string[]> {
  const events: string[] = [];
  socket.on('error', () => events.push('error'));
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.resume();
  peer.socket.resetAndDestroy();
  await closed;
  return [...events, `destroyed ${socket.destroyed}`];
}

describe('a connection that its peer resets', () => {
  it('is an error of its socket', async () => {
    await using ends = await loopback();
    expect(await told(ends)).toEqual(['error', 'destroyed true']);
  });

  it('ends without one where nobody is left to tell, though it is written to', async () => {
    await using ends = await loopback();
    endWithoutError(ends.socket);
    ends.socket.write(new Uint8Array(1));
    expect(await told(ends)).toEqual(['destroyed true']);
  });
});

describe('a socket is closed at once', () => {
  it('whose peer gets what the system has taken', async () => {
    await using ends = await loopback();
    ends.socket.write(latin1('bye'));
    expect(closeAtOnce(ends.socket)).toBe(true);
    expect(ends.socket.destroyed).toBe(true);
    expect(await ends.peer.rest()).toBe('bye');
  });

  it('but not before that has taken all', async () => {
    await using ends = await loopback();
    ends.peer.socket.pause();
    while (ends.socket.writableLength === 0) ends.socket.write(new Uint8Array(1_048_576));
    expect(closeAtOnce(ends.socket)).toBe(false);
    expect(ends.socket.destroyed).toBe(false);
  });

  it('but not a stream of another kind', () => {
    const stream = new Duplex({ allowHalfOpen: true, read: () => undefined, write: () => undefined, final: (done) => done(), destroy: (_error, done) => done() });
    expect(closeAtOnce(stream)).toBe(false);
    expect(stream.destroyed).toBe(false);
  });
});
