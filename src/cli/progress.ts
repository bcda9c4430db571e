// How far a large mail has come: one line of a terminal, written over again and again, and gone when the mail is.

import { performance } from 'node:perf_hooks';
import type { Outgoing } from '../node/sender.ts';
import type { Terminal } from './command-line.ts';

/** Octets from which on a mail is worth a line. */
const LARGE = 1_000_000;

/** Octets that are handed on at a time; what the socket has not taken yet is not counted as sent. */
const PIECE = 65_536;

/** Milliseconds between two looks at the line. */
const INTERVAL = 100;

const ERASE = '\r\x1b[K';

/**
 * Returns the mail, with content that tells how far it has come where it is large and somebody sits there, and what is to be
 * called when it is sent or not.
 */
export function withProgress(mail: Outgoing, octets: Uint8Array, { err, screen }: Terminal): { readonly mail: Outgoing; readonly erase: () => void } {
  if (screen === undefined || octets.length < LARGE) return { mail, erase: () => undefined };
  let shown = -Infinity;
  const show = (sent: number, host: string): void => {
    const now = performance.now();
    if (now - shown < INTERVAL && sent < octets.length) return;
    shown = now;
    err(`${ERASE}${progressLine(sent, octets.length, host).slice(0, screen.columns() - 1)}`);
  };
  async function* content(host = ''): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < octets.length; at += PIECE) {
      show(at, host);
      yield octets.subarray(at, at + PIECE);
    }
    show(octets.length, host);
  }
  const { octets: _, ...rest } = mail; // or the content would not be asked for
  return { mail: { ...rest, content }, erase: () => err(ERASE) };
}

function progressLine(sent: number, size: number, host: string): string {
  const megabytes = (octets: number): string => (octets / 1_000_000).toFixed(1);
  const part = `${Math.floor((100 * sent) / size)} %, ${megabytes(sent)} of ${megabytes(size)} MB`;
  return `${part}${host === '' ? '' : ` to ${host.replace(/[^!-~]/g, '?')}`}${sent < size ? '' : ', waiting for the reply'}`;
}
