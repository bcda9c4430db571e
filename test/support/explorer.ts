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
  const met = new Set([begin().key]);
  const paths: (readonly Input[])[] = [[]];
  for (const path of paths) {
    const walkThere = (): Walk<Input> => {
      const walk = begin();
      for (const input of path) walk.take(input);
      return walk;
    };
    for (const input of walkThere().inputs) {
      const walk = walkThere();
      walk.take(input);
      if (met.has(walk.key)) continue;
      met.add(walk.key);
      paths.push([...path, input]);
    }
  }
  return met;
}
