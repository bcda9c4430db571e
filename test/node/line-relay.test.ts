import { expect, it } from 'vitest';
import { LineRelay } from '../../src/node/line-relay.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';

it.each<[string, readonly string[], readonly string[]]>([
  ['lines as they come', ['a\nb\n', 'c\n'], ['a\nb\n', 'c\n']],
  ['a line that comes in pieces, whole', ['a', 'b', 'c\nd\ne', 'f\n'], ['abc\nd\n', 'ef\n']],
  ['what a process said last, as a line', ['a\nb'], ['a\n', 'b\n']],
  ['nothing where there is nothing', [''], []],
])('passes on %s', (_, pieces, written) => {
  const heard: string[] = [];
  const relay = new LineRelay((octets) => heard.push(decodeLatin1(octets)));
  for (const piece of pieces) relay.take(encodeAscii(piece));
  relay.end();
  expect(heard).toEqual(written);
});
