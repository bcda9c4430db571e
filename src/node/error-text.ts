// What was thrown, for people and for what has to decide.
//
// Node knows some errors of the system by their number alone, that of a quota above all, since libuv has no name for them: its code is
// "Unknown system error -122" where a file is written, and "UNKNOWN" where a socket is to listen. They are given their names here.

import { constants } from 'node:os';

const UNNAMED = /\bUnknown system error -\d+(?:: Unknown system error -\d+)?|\bUNKNOWN: unknown error/;

const MEANINGS: Readonly<Record<string, string>> = { EDQUOT: 'the disk quota is used up' };

/** What was thrown, as a text for people: its message, without a stack. */
export function errorText(thrown: unknown): string {
  if (thrown instanceof Error) {
    const name = nameOf(thrown);
    return name === undefined ? thrown.message : thrown.message.replace(UNNAMED, `${name}: ${MEANINGS[name] ?? 'an error of the system'}`);
  }
  try {
    return String(thrown);
  } catch {
    return 'what was thrown is no Error, and has no text'; // an object without a prototype
  }
}

/** The code of an error of the system or of Node, such as `ENOENT`; undefined where there is none. */
export function errorCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string')) return undefined;
  return nameOf(thrown) ?? thrown.code;
}

/** The system's name for the error, where Node has none. */
function nameOf(error: Error): string | undefined {
  if (!('code' in error && typeof error.code === 'string' && /^unknown/i.test(error.code))) return undefined;
  return Object.entries(constants.errno).find(([, number]) => 'errno' in error && error.errno === -number)?.[0];
}

/** For what was to be read or removed, and is not there, by whosever hand: that is no fault of the disk. Any other error is thrown. */
export function unlessAbsent(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}
