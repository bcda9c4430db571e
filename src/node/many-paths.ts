// The paths of mails with many recipients, made of their text once and not for each attempt: a thousand recipients of a thousand
// domains are a thousand attempts, and each asks for the mail (measured: two seconds of work for such a mail, half a second so).

import type { StoredEnvelope } from '../relay/queue/fact.ts';
import { forwardPathsOf, reversePathOf } from '../relay/queue/stored-mail.ts';
import type { Paths } from './recent-content.ts';

/** Recipients that make it worth while. */
const MANY = 20;

/** Paths that are kept: some 5 MiB. */
const MOST = 20_000;

export class ManyPaths {
  readonly #known = new Map<StoredEnvelope, Paths>(); // the oldest first
  #count = 0;

  /** Returns the paths of a mail; undefined where they are not many. */
  of(envelope: StoredEnvelope): Paths | undefined {
    const { length } = envelope.forwardPaths;
    if (length < MANY || length > MOST) return undefined;
    let paths = this.#known.get(envelope);
    if (paths === undefined) {
      paths = { reversePath: reversePathOf(envelope), forwardPaths: forwardPathsOf(envelope) };
      this.#known.set(envelope, paths);
      this.#count += length;
    }
    for (const oldest of this.#known.keys()) {
      if (this.#count <= MOST) break;
      this.#known.delete(oldest);
      this.#count -= oldest.forwardPaths.length;
    }
    return paths;
  }
}
