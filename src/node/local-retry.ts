// What has failed on our own side, as a queue may whose disk is away, is tried again every minute, and once more in the end.

import { pause } from './pause.ts';
import type { Signal } from './aborter.ts';

/** Milliseconds after which it is tried again. */
export const LOCAL_RETRY = 60_000;

/** Does what has failed until it is done; once more when `closing` aborts, and then no more. */
export async function retryLocally(isDone: () => Promise<boolean>, closing: Signal): Promise<void> {
  for (let last = false; !last; ) {
    await pause(LOCAL_RETRY, closing);
    last = closing.aborted;
    if (await isDone()) return;
  }
}
