// A password in a file: its first line, so that it stands on no command line, where others could read it.

import { readWhole } from '../node/whole-read.ts';
import { decodeUtf8 } from '../wire/utf8.ts';
import { reason } from './reason.ts';

/** More octets than stand in a file for the sake of its first line. */
const LARGEST = 65_536;

/** Rejects with an Error whose message names the option and the file. */
export async function readPassword(option: string, file: string): Promise<string> {
  const octets = await readWhole(file, LARGEST).catch((cause: unknown) => {
    throw new Error(`${option} ${JSON.stringify(file)}: expected a file with a password (${reason(cause, file)})`, { cause });
  });
  const [password = ''] = (decodeUtf8(octets) ?? '').split(/\r?\n/, 1);
  if (password === '') throw new Error(`${option} ${JSON.stringify(file)}: expected a password in UTF-8 on its first line`);
  return password;
}
