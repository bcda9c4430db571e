// How `ehlo serve` ends where it cannot begin, or go on.

/** Exit statuses, by their names in sysexits.h. */
export const STATUS = {
  cannotRead: 66, //   EX_NOINPUT
  noUser: 67, //       EX_NOUSER
  cannotListen: 69, // EX_UNAVAILABLE
  cannotStore: 73, //  EX_CANTCREAT
  queueFailed: 74, //  EX_IOERR
  noPermission: 77, // EX_NOPERM
} as const;

/** Why the program cannot begin, or go on, and the exit status that says so. */
export class ServeError extends Error {
  readonly status: number;

  constructor(text: string, status: number) {
    super(text);
    this.status = status;
  }
}
