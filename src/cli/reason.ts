// What went wrong, as a person can do something about it.

/** Returns the system's message without its code and call. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message
    .replace(/^EEXIST: [^,]+, mkdir '(.*)'.*$/s, 'a file has that name, expected a folder ($1)')
    .replace(/^E[A-Z]+: ([^,]+), (\w+) '(.*)'.*$/s, '$1 ($3)')
    .replace(/\bE[A-Z]+: ([^,]+)(?:, \w+(?: '.*')?)?$/s, '$1');
}
