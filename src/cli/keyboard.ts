// Lines typed at a terminal that shows none of it: in raw mode, so that the few keys which edit a line are handled here.

import { decodeUtf8 } from '../wire/utf8.ts';

/** What of a terminal is used: `ReadStream` of node:tty, or a test's. */
export interface RawTerminal extends AsyncIterable<Uint8Array> {
  setRawMode(raw: boolean): void;
  destroy(): void;
}

export const INTERRUPTED = Symbol('interrupted');

export interface Keyboard {
  /** Returns a line without its end; undefined where it is not UTF-8; INTERRUPTED for Ctrl-C, and for Ctrl-D or the end of input before any character. */
  readLine(): Promise<string | typeof INTERRUPTED | undefined>;
  /** Gives the terminal back as it was. */
  close(): void;
}

type Effect = 'end' | 'interrupt' | 'end of input' | 'erase' | 'erase all';

// The keys as a terminal sends them, and as its own line discipline would take them.
const KEYS: ReadonlyMap<number, Effect> = new Map([
  [0x03, 'interrupt'], //    Ctrl-C
  [0x04, 'end of input'], // Ctrl-D
  [0x08, 'erase'], //        Ctrl-H
  [0x0a, 'end'],
  [0x0d, 'end'], //          Enter
  [0x15, 'erase all'], //    Ctrl-U
  [0x7f, 'erase'], //        Backspace
]);

export function createKeyboard(terminal: RawTerminal): Keyboard {
  const pieces = terminal[Symbol.asyncIterator]();
  let piece: Uint8Array = new Uint8Array(0);
  let at = 0;
  terminal.setRawMode(true);

  /** The next octet; undefined at the end of input. What was typed ahead stays for the next line. */
  const read = async (): Promise<number | undefined> => {
    while (at === piece.length) {
      const next = await pieces.next();
      if (next.done === true) return undefined;
      piece = next.value;
      at = 0;
    }
    return piece[at++];
  };

  return {
    async readLine() {
      let line: number[] = [];
      for (;;) {
        const octet = await read();
        const effect = octet === undefined ? 'end of input' : KEYS.get(octet);
        switch (effect) {
          case undefined:
            line.push(octet ?? 0);
            break;
          case 'erase':
            while (isContinuation(line.at(-1))) line.pop();
            line.pop();
            break;
          case 'erase all':
            line = [];
            break;
          case 'end of input':
            if (line.length === 0) return INTERRUPTED;
            return decodeUtf8(Uint8Array.from(line));
          case 'end':
            return decodeUtf8(Uint8Array.from(line));
          case 'interrupt':
            return INTERRUPTED;
          default:
            effect satisfies never;
        }
      }
    },
    close() {
      terminal.setRawMode(false);
      terminal.destroy();
    },
  };
}

/** Whether the octet is one of a character's that is not its first (RFC 3629 §3). */
function isContinuation(octet: number | undefined): boolean {
  return octet !== undefined && octet >> 6 === 0b10;
}
