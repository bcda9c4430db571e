// What went wrong, as a person can do something about it.

import { errorText } from '../node/error-text.ts';

/** Returns the system's message without its code and call, and with the path that it is about, unless it is `named` in the line already. */
export function reason(error: unknown, named?: string): string {
  if (!(error instanceof Error)) return String(error);
  return errorText(error)
    .replace(/^EEXIST: [^,]+, mkdir '(.*)'.*$/s, 'a file has that name, expected a folder ($1)')
    .replace(/\bE(?:INVAL|NOTSUP|OPNOTSUPP|NOSYS): [^,]+, f(?:data)?sync/, 'EINVAL: the file system cannot sync that: expected one that can, fsync')
    .replace(/^(.*)\bE[A-Z]+: ([^,]+)(?:, \w+(?: '(.*?)'(?: -> '.*')?)?)?$/s, (_, before: string, text: string, path: string | undefined) => before + text + (path === undefined || path === named || before.includes(path) ? '' : ` (${path})`));
}
