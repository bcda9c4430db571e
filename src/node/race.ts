// A connection to whichever of a host's addresses answers first (RFC 8305 §5, "happy eyeballs").
//
// Rule 1: the first address has a head start; the next one begins when that is over, or at once when the one before fails.
// Rule 2: one that has begun goes on until another has won: a slow address is not given up for being second.
// Rule 3: the losers are closed before anybody speaks on them: the server hears of one session only.

import type { Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import type { Milliseconds } from '../protocol/limit.ts';
import type { Target } from '../relay/route.ts';
import { Aborter, type Signal } from './aborter.ts';
import { ConnectError } from './connect.ts';
import type { Timer } from './pause.ts';

/** RFC 8305 §5: "Connection Attempt Delay". */
const HEAD_START: Milliseconds = 250;

export interface Won {
  readonly socket: Socket;
  readonly target: Target;
  /** Those that have not failed. */
  readonly losers: readonly Target[];
}

/** Connects to one address; an abort of the signal closes what is under way, and rejects. */
export type Connect = (target: Target, signal: Signal) => Promise<Socket>;

/** Connects to the first of the targets that answers; one or more. Rejects with a ConnectError when all have failed, or the signal aborts. */
export function connectFirst(targets: readonly Target[], connect: Connect, signal?: Signal): Promise<Won> {
  return new Promise((resolve, reject) => {
    const racers = new Set<Aborter>();
    const failures = new Map<Target, ConnectError>();
    let timer: Timer | undefined;
    let begun = 0;
    let over = false;

    const finish = (settle: () => void): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      settle();
      for (const racer of racers) racer.abort();
    };
    const aborted = (): void => finish(() => reject(new ConnectError('given up', true, signal?.reason)));
    const beginNext = (): void => {
      clearTimeout(timer);
      const target = targets[begun];
      if (over || target === undefined) return;
      begun += 1;
      if (begun < targets.length) timer = setTimeout(beginNext, HEAD_START);
      const racer = new Aborter();
      racers.add(racer);
      connect(target, racer.signal).then(
        (socket) => {
          racers.delete(racer);
          if (over) socket.destroy();
          else finish(() => resolve({ socket, target, losers: targets.filter((other) => other !== target && !failures.has(other)) }));
        },
        (error: unknown) => {
          racers.delete(racer);
          if (!(error instanceof ConnectError)) return finish(() => reject(error));
          failures.set(target, error);
          if (failures.size === targets.length) finish(() => reject(together([...failures.values()])));
          else beginNext();
        },
      );
    };
    signal?.addEventListener('abort', aborted, { once: true });
    if (signal?.aborted === true) aborted();
    else beginNext();
  });
}

/** What all of them met; our own fault only where it was that each time. */
function together(failures: readonly ConnectError[]): ConnectError {
  const [only, ...more] = failures;
  if (only !== undefined && more.length === 0) return only;
  return new ConnectError(failures.map(({ message }) => message).join('; '), failures.every(({ local }) => local));
}
