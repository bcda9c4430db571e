// Walks a machine breadth first: from each place that was not met before, every input is taken once.
//
// A session cannot be copied, so a walk begins anew and repeats the inputs that led to its place; but one that an input has left
// where it was goes on with the next input.

/** A real session under way, and what is expected of it. */
export interface Walk<Input> {
  /** What tells this place from others, as far as it is to be told: of the walks with one key only the first goes on. */
  readonly key: string;
  /** The inputs that can come here. */
  readonly inputs: readonly Input[];
  /** Takes one, and throws where the session does not do what it is expected to. */
  take(input: Input): void;
}

/** Inputs that change nothing, after which a walk begins anew all the same: a session bears only so much that is refused. */
const MOST_IN_VAIN = 5;

/** Explores everything that walks from `begin` can come to; returns the keys of all places. */
export function explore<Input>(begin: () => Walk<Input>): Set<string> {
  const first = begin();
  const met = new Set([first.key]);
  const places: { readonly key: string; readonly path: readonly Input[]; readonly inputs: readonly Input[] }[] = [{ key: first.key, path: [], inputs: first.inputs }];
  for (const { key, path, inputs } of places) {
    let walk: Walk<Input> | undefined;
    let inVain = 0;
    for (const input of inputs) {
      if (walk === undefined || inVain === MOST_IN_VAIN) {
        walk = begin();
        inVain = 0;
        for (const each of path) walk.take(each);
        if (walk.key !== key) throw new Error(`inputs lead to ${walk.key} now, and led to ${key}`);
      }
      walk.take(input);
      if (walk.key === key) {
        inVain += 1;
        continue;
      }
      if (!met.has(walk.key)) {
        met.add(walk.key);
        places.push({ key: walk.key, path: [...path, input], inputs: walk.inputs });
      }
      walk = undefined;
    }
  }
  return met;
}
