import { describe, expect, it } from 'vitest';
import { connect, ConnectError, connectReason } from '../../src/node/connect.ts';
import { now } from '../../src/node/now.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { startScriptedServer, targetOf, unusedPort } from '../support/scripted-server.ts';
import { until } from '../support/turn.ts';

const { setTimeout, clearTimeout } = builtin('node:timers') as Readonly<Record<string, (...given: readonly unknown[]) => unknown>>;
const running = new Set<unknown>(); // time-outs of one length
replaceIn('node:timers', {
  setTimeout: (...given: readonly unknown[]) => {
    const timer = setTimeout?.(...given);
    if (given[1] === 23_456) running.add(timer);
    return timer;
  },
  clearTimeout: (timer: unknown) => {
    running.delete(timer);
    clearTimeout?.(timer);
  },
});

/** The error that the connection fails with. */
async function failure(attempt: Promise<unknown>): Promise<ConnectError> {
  const error = await attempt.then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof ConnectError)) throw new Error(`expected a ConnectError, not ${String(error)}`);
  return error;
}

describe('connect', () => {
  it('gives a socket that is not yet read from', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test']);
    const socket = await connect(targetOf(server.port));
    expect(socket.isPaused()).toBe(true);
    socket.destroy();
  });

  it('says that the connection was refused', async () => {
    const port = await unusedPort();
    expect(await failure(connect(targetOf(port)))).toMatchObject({ message: `127.0.0.1 port ${port}: connection refused`, local: false });
  });

  // found by trying, with 60 descriptors: the log, and a report of a delay after it, had Node's words
  it('says in words what is amiss on our own side', () => {
    for (const code of ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EACCES', 'EPERM']) {
      const error = Object.assign(new Error(`connect ${code} 192.0.2.1:25 - Local (undefined:undefined)`), { code });
      expect(connectReason(error)).toMatch(/^(?:too many open files|this machine) [\w ]+$/);
    }
  });

  // shows RFC5321:4.5.4-1
  it('gives up after its time-out', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test']);
    const attempt = failure(connect(targetOf(server.port), { timeout: 1 }));
    for (const from = now(); now() < from + 5; ) continue; // timers come before what the network has brought meanwhile
    expect(await attempt).toMatchObject({ message: `127.0.0.1 port ${server.port} did not answer in 0.001 s`, local: false });
    await until(() => server.connections === 1 && server.idle);
  });

  it('is given up by a signal, at once or later', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test']);
    const aborter = new AbortController();
    const attempt = failure(connect(targetOf(server.port), { signal: aborter.signal }));
    aborter.abort(new Error('enough'));
    expect(await attempt).toMatchObject({ message: 'given up', local: true, cause: aborter.signal.reason });
    expect(await failure(connect(targetOf(server.port), { signal: aborter.signal }))).toMatchObject({ message: 'given up', local: true });
  });

  it('is no concern of a signal that aborts when the connection stands, nor of its time-out', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test']);
    const aborter = new AbortController();
    const socket = await connect(targetOf(server.port), { signal: aborter.signal, timeout: 23_456 });
    expect(running).toEqual(new Set());
    aborter.abort();
    expect(socket.destroyed).toBe(false);
    socket.destroy();
    await until(() => server.idle);
  });
});
