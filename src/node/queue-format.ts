// What FORMAT says of a queue: `ehlo-queue`, the version that made it, its secret in eight hexadecimal digits, LF. What was written
// later says its version in its segment.

import { FORMAT_VERSION } from '../relay/queue/fact.ts';
import { quote } from '../wire/ascii.ts';

export function formatFormat(secret: number): string {
  return `ehlo-queue ${FORMAT_VERSION} ${secret.toString(16).padStart(8, '0')}\n`;
}

/** Returns the secret. Throws where this version does not read such a queue. */
export function parseFormat(format: string): number {
  const [, version, secret] = /^ehlo-queue (\d+) ([0-9a-f]{8})\n$/.exec(format) ?? [];
  if (version === undefined || secret === undefined || version === '0' || Number(version) > FORMAT_VERSION) throw otherFormat(format.trim());
  return parseInt(secret, 16);
}

export function otherFormat(found: string): Error {
  return new Error(`the queue has the format "${quote(found)}", this version reads "ehlo-queue 1" to "ehlo-queue ${FORMAT_VERSION}"`);
}
