import { describe, expect, it } from 'vitest';
import { endWithoutError } from '../../src/node/destroy.ts';
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
