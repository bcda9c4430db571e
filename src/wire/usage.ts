// What is thrown when the embedder misuses an interface. Nothing that a peer sends ever throws: a peer's faults are values.

export class UsageError extends Error {
  override readonly name = 'UsageError';
}
