import { Duplex } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { WriteWatch } from '../../src/node/write-watch.ts';
import { latin1 } from '../support/raw-peer.ts';
import { turns } from '../support/turn.ts';

it.each([[undefined, true], [new Error('EPIPE'), false]])('what is written is taken unless that fails: %s', async (error, taken) => {
  const socket = new Duplex({ allowHalfOpen: true, read: () => undefined, write: (_, __, done) => done(error), final: (done) => done(), destroy: (_, done) => done() });
  const watch = new WriteWatch();
  const told = vi.fn();
  watch.write(socket, latin1('250 ok\r\n'));
  watch.flushed(told);
  await turns();
  expect(told.mock.calls).toEqual([[taken]]);
});
