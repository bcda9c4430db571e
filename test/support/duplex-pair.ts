// Two streams, each of which reads what is written to the other: a connection without a socket.

import { Duplex } from 'node:stream';

/** `highWaterMark`: octets that wait at each end before it is full; default: Node's, which is not the same in all of them. */
export function pair(highWaterMark?: number): [InstanceType<typeof Duplex>, InstanceType<typeof Duplex>] {
  const waiting: (() => void)[] = [() => undefined, () => undefined]; // a write that waits until the other side reads on
  const make = (own: number): InstanceType<typeof Duplex> => {
    const other = 1 - own;
    return new Duplex({
      allowHalfOpen: true,
      ...(highWaterMark === undefined ? {} : { highWaterMark }),
      read: () => waiting[own]?.(),
      write: (octets, _, done) => {
        waiting[other] = () => {
          waiting[other] = () => undefined;
          done();
        };
        ends[other]?.push(octets);
      },
      final: (done) => {
        ends[other]?.push(null);
        done();
      },
      destroy: (_, done) => {
        if (ends[other]?.destroyed === false) ends[other].destroy();
        done();
      },
    });
  };
  const ends = [make(0), make(1)] as const;
  return [...ends];
}
