// Paths from text, for tests that are about something else.

import { isFault } from '../../src/syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../../src/syntax/path.ts';

export function forwardPath(text: string): ForwardPath {
  const path = parseForwardPath(text, { utf8: true });
  if (isFault(path)) throw new Error(`${text} is no forward-path`);
  return path;
}

export function reversePath(text: string): ReversePath {
  const path = parseReversePath(text, { utf8: true });
  if (isFault(path)) throw new Error(`${text} is no reverse-path`);
  return path;
}
