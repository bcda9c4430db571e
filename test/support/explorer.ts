// Walks a machine breadth first: from each place that was not met before, every input is taken once.
//
// A session cannot be copied, so each walk begins anew and repeats the inputs that led to its place.

/** A real session under way, and what is expected of it. */
export interface Walk<Input> {
  /** What tells this place from others, as far as it is to be told: of the walks with one key only the first goes on. */
  readonly key: string;
  /** The inputs that can come here. */
  readonly inputs: readonly Input[];
  /** Takes one, and throws where the session does not do what it is expected to. */
  take(input: Input): void;
}

/** Explores everything that walks from `begin` can come to; returns the keys of all places. */
export function explore<Input>(begin: () => Walk<Input>): Set<string> {
  const first = begin();
  const met = new Set([first.key]);
  const places: { readonly path: readonly Input[]; readonly inputs: readonly Input[] }[] = [{ path: [], inputs: first.inputs }];
  for (const { path, inputs } of places) {
    for (const input of inputs) {
      const walk = begin();
      for (const each of path) walk.take(each);
      walk.take(input);
      if (met.has(walk.key)) continue;
      met.add(walk.key);
      places.push({ path: [...path, input], inputs: walk.inputs });
    }
  }
  return met;
}
