// A socket whose reads come straight from the system: into one buffer that all such sockets share, and from there, in a copy of
// just their length, to whoever takes them. A stream of Node's makes a buffer of 64 KiB for each read, cuts it down to what came,
// and passes it through the machinery of streams: a quarter of all that node:net costs for a mail of 1 kB.
//
// Choice: for a client's sockets Node documents this (`onread`); for those of a server there is only an undocumented way, to
// make a socket of another one's handle. Where that is not found as it is known to be, the socket stays a stream: slower, and right.

import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import process from 'node:process';

type Take = (octets: Uint8Array) => void;

/** As much as Node reads at a time. One read follows the other, each copied before the next. */
const BUFFER = new Uint8Array(65_536);

/** There the system would read into it for many sockets at a time. */
const SHARED = process.platform !== 'win32';

/** From so many octets on it is cheaper to have memory that was not cleared, the call included. */
const UNCLEARED = 4_096;

const NO_DELAY: object = { noDelay: true };

/** Not documented, and in no types: a socket's handle. */
interface Handled {
  _handle: object | null;
}

export class DirectSocket extends Socket {
  readonly #reads: { take: Take };

  private constructor(options: object) {
    const reads: { take: Take } = { take: () => undefined };
    const directly: object = { // not all of it is in all types of Node that there are
      ...options,
      onread: {
        buffer: BUFFER,
        callback: (length: number): boolean => {
          reads.take(copyOf(length));
          return true;
        },
      },
    };
    super(directly);
    reads.take = (octets) => void this.push(octets); // a stream like others, until somebody takes them
    this.#reads = reads;
  }

  /** One that is yet to connect. */
  static connecting(): Socket {
    return SHARED ? new DirectSocket(NO_DELAY) : new Socket(NO_DELAY);
  }

  /** Returns a socket for the same connection that is read directly, and empties the given one; or that one, where this cannot be. */
  static of<Given extends object>(given: Given): Given | DirectSocket {
    if (!SHARED || Object.getPrototypeOf(given) !== Socket.prototype) return given; // TLS, or a stream of another kind
    const socket = given as Given & Socket & Handled; // by what was looked at
    const { _handle: handle, allowHalfOpen } = socket;
    if (typeof handle !== 'object' || handle === null || socket.readableLength > 0) return given; // gone, or something has been read
    const direct = new DirectSocket({ handle, allowHalfOpen }) as DirectSocket & Handled;
    if (direct._handle !== handle) return given;
    socket._handle = null;
    socket.destroy(); // closes nothing any more, and its server forgets it
    return direct;
  }

  /** From now on what comes goes there, when the socket is resumed. */
  attend(take: Take): void {
    this.#reads.take = take;
    this.on('data', take); // what came before; and all where Node should not know `onread` any more
  }
}

function copyOf(length: number): Uint8Array {
  if (length < UNCLEARED) return BUFFER.slice(0, length);
  const copy = Buffer.allocUnsafeSlow(length);
  copy.set(length < BUFFER.length ? BUFFER.subarray(0, length) : BUFFER);
  return copy;
}
