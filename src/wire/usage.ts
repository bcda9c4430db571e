// What is thrown when the embedder misuses an interface. Nothing that a peer sends ever throws: a peer's faults are values.

/** Thrown where the program that uses this one is wrong, never for what a peer does. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
