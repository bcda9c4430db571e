// Sockets whose reads come straight from the system: into one buffer that all of them share, and from there, in a copy of just
// their length, to whoever takes them. A stream of Node's makes a buffer of 64 KiB for each read, cuts it down to what came, and
// passes it through the machinery of streams: a quarter of all that node:net costs for a mail of 1 kB.
//
// Choice: for a socket that is yet to connect Node documents this (`onread`); for one that was accepted it does not, so what that
// option would have set is set in the socket that there is. It is looked up in a socket that was made with the option; where it
// is not found as it is known to be, sockets stay streams: slower, and right.

import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { keepFreedMemory } from './freed-memory.ts';
import { nodeProcess } from './on-demand.ts';

const process = nodeProcess();

type Take = (octets: Uint8Array) => void;

/** Called by Node as a method of the socket; true: go on reading. */
type Callback = (this: Duplex, length: number) => boolean;

/** As much as Node reads at a time. One read follows the other, each copied before the next. */
const BUFFER = new Uint8Array(65_536);

/** So many octets have room in the object that a view is. */
const WITHIN = 64;

/** More than these have memory of their own, fewer a part of memory that Node shares out: a kilobyte costs half as much so, its collection left aside. */
const SHARED = 4_096;

/** Not documented, and in no types: where a socket keeps the buffer and the callback of `onread`. */
interface Slots {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** Not documented, and in no types: a socket's handle, and what is kept in the slots. */
interface Insides {
  readonly _handle?: { useUserBuffer?(buffer: Uint8Array): unknown } | null;
  [slot: symbol]: Uint8Array | Callback | undefined;
}

const SLOTS = process.platform === 'win32' ? undefined : slots(); // there the system would read into it for many sockets at a time

/** Has a socket that nobody has read from yet read directly; until somebody attends to it, it is a stream as before. One of another kind stays as it is. */
export function readDirectly(stream: Duplex): void {
  if (SLOTS === undefined || Object.getPrototypeOf(stream) !== Socket.prototype || stream.readableLength > 0) return; // TLS has another prototype
  const socket = insidesOf(stream);
  const { _handle: handle } = socket;
  if (socket[SLOTS.buffer] === BUFFER || typeof handle?.useUserBuffer !== 'function') return; // that of a socket that is gone is null
  handle.useUserBuffer(BUFFER);
  socket[SLOTS.buffer] = BUFFER;
  socket[SLOTS.callback] = pushed;
}

/** From now on what comes goes there, when the stream is resumed; straight, if it is read directly. */
export function attend(stream: Duplex, take: Take): void {
  const socket = insidesOf(stream);
  if (SLOTS !== undefined && socket[SLOTS.buffer] === BUFFER) {
    socket[SLOTS.callback] = handed;
  }
  stream.on('data', take); // all, or what came before
}

/** Past the machinery of the stream, to whoever takes them from it; one function for all, since a closure for each costs memory for each. */
function handed(this: Duplex, length: number): boolean {
  this.emit('data', copyOf(length));
  return true;
}

function pushed(this: Duplex, length: number): boolean {
  this.push(copyOf(length));
  return true;
}

function copyOf(length: number): Uint8Array {
  if (length <= WITHIN) return BUFFER.slice(0, length);
  if (length >= SHARED) keepFreedMemory();
  const copy = length < SHARED ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
  copy.set(length < BUFFER.length ? BUFFER.subarray(0, length) : BUFFER);
  return copy;
}

/** Undefined where they are not found, or where a socket without the option lacks them. */
function slots(): Slots | undefined {
  const callback = (): boolean => true;
  const directly: object = { onread: { buffer: BUFFER, callback } }; // not in all types of Node that there are
  const [made, plain] = [new Socket(directly), new Socket({})].map(insidesOf);
  const where = (value: unknown): symbol | undefined => Object.getOwnPropertySymbols(made).find((symbol) => made?.[symbol] === value && plain?.[symbol] === null);
  const [buffer, called] = [where(BUFFER), where(callback)];
  return buffer === undefined || called === undefined ? undefined : { buffer, callback: called };
}

function insidesOf(stream: object): Insides {
  return stream as Insides; // each is looked at before it is relied upon
}
