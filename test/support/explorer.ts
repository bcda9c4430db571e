// Walks a machine: in each place that can be come to, every input is taken once.
//
// A session cannot be copied, so a walk begins anew and repeats the inputs that led to its place. There it takes an input that was
// not taken before, and goes on so wherever that leads to: for each input by itself, the ways there would be nine inputs out of ten.

/** A real session under way, and what is expected of it. */
export interface Walk<Input> {
  /** What tells this place from others, as far as it is to be told: walks with one key are in one place. */
  readonly key: string;
  /** The inputs that can come here. */
  readonly inputs: readonly Input[];
  /** Takes one, and throws where the session does not do what it is expected to. */
  take(input: Input): void;
}

interface Place<Input> {
  /** The shortest way there so far. */
  path: readonly Input[];
  readonly inputs: readonly Input[];
  /** So many of the inputs, the first ones, were taken. */
  taken: number;
}

/** After so many inputs a walk begins anew: a session bears only so much that is refused. */
const MOST_NEW_INPUTS = 10;

/** Explores everything that walks from `begin` can come to; returns the keys of all places. */
export function explore<Input>(begin: () => Walk<Input>): Set<string> {
  const places = new Map<string, Place<Input>>();
  const placeOf = (walk: Walk<Input>, path: readonly Input[]): Place<Input> => {
    const { key } = walk;
    const place = places.get(key) ?? { path, inputs: walk.inputs, taken: 0 };
    if (path.length < place.path.length) place.path = path;
    places.set(key, place);
    return place;
  };
  placeOf(begin(), []);
  for (const [key, place] of places) { // those found meanwhile among them
    while (place.taken < place.inputs.length) {
      const walk = begin();
      for (const input of place.path) walk.take(input);
      if (walk.key !== key) throw new Error(`inputs lead to ${walk.key} now, and led to ${key}`);
      let here = place;
      for (let count = 0; count < MOST_NEW_INPUTS; count++) {
        const input = here.inputs[here.taken];
        if (input === undefined) break;
        here.taken += 1;
        walk.take(input);
        here = placeOf(walk, [...here.path, input]);
      }
    }
  }
  return new Set(places.keys());
}
