// Mails from a source, one after the other, and what became of each, in their order.
//
// Rule 1: outcomes are told as soon as they are certain, also while the source has the next mail not yet: it may wait for them.
// Rule 2: who leaves the outcomes leaves the source: a mail that comes of it then is not sent.
// Rule 3: whatever goes wrong with the source, or with a mail of it, each mail that was taken has its outcomes told first.

import { UsageError } from '../wire/usage.ts';
import { isIterable } from './content-source.ts';
import type { RecipientOutcome } from './deliver.ts';

type Outcomes = readonly RecipientOutcome[];

/** Yields the outcomes of each mail; throws what the source threw, or `send` rejected with. No more than `most` mails are under way. */
export async function* sendAll<Each>(source: Iterable<Each> | AsyncIterable<Each>, send: (mail: Each) => Promise<Outcomes>, most: number): AsyncGenerator<Outcomes, void> {
  if (!isIterable(source)) throw new UsageError('mails are given as an iterable, also where it is one');
  const mails = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const sent: Promise<Outcomes | undefined>[] = []; // undefined: it was none
  let wrong: { readonly thrown: unknown } | undefined;
  let open = true;
  let left = false;
  let taking: Promise<typeof TAKEN> | undefined;

  const take = async (): Promise<typeof TAKEN> => {
    try {
      const { done, value } = await mails.next();
      if (done === true) open = false;
      else if (!left)
        sent.push(
          send(value).catch((thrown: unknown) => {
            wrong ??= { thrown };
            return undefined;
          }),
        );
    } catch (thrown) {
      open = false;
      wrong ??= { thrown };
    }
    return TAKEN;
  };

  try {
    for (;;) {
      if (open && wrong === undefined && sent.length < most) taking ??= take();
      const awaited = [sent[0], taking].filter((each) => each !== undefined);
      if (awaited.length === 0) break;
      const come = await Promise.race(awaited);
      if (come === TAKEN) taking = undefined;
      else {
        sent.shift();
        if (come !== undefined) yield come;
      }
    }
  } finally {
    left = true;
    const closed = open ? Promise.resolve(mails.return?.()) : undefined;
    if (taking === undefined) await closed;
    else closed?.catch(() => undefined); // the source has a mail to give first, for which nobody waits
  }
  if (wrong !== undefined) throw wrong.thrown;
}

/** A mail was taken, or there is none any more. */
const TAKEN = Symbol('taken');
