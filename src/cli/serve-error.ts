// How `ehlo serve` ends where it cannot begin, or go on.

/** Why the program cannot begin, or go on, and the exit status that says so. */
export class ServeError extends Error {
  readonly status: number;

  constructor(text: string, status: number) {
    super(text);
    this.status = status;
  }
}
