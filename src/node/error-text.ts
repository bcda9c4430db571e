/** What was thrown, as a text for people: its message, without a stack. */
export function errorText(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return 'what was thrown is no Error, and has no text'; // an object without a prototype
  }
}

/** The code of an error of the system or of Node, such as `ENOENT`; undefined where there is none. */
export function errorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** For what was to be read or removed, and is not there, by whosever hand: that is no fault of the disk. Any other error is thrown. */
export function unlessAbsent(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}
