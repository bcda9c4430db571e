// `ehlo draw`: the machines as Mermaid text, made from their tables.

import { toMermaid, type Edge } from '../protocol/edge.ts';
import { clientEdges } from '../protocol/client/table.ts';
import { serverEdges } from '../protocol/server/table.ts';
import { DATA_EDGES } from '../wire/data-decoder.ts';
import { EXIT } from '../node/exit-status.ts';
import { runCommand, type Terminal, type Usage } from './command-line.ts';
import { misuse, quoted, suggest } from './misuse.ts';

const MACHINES: ReadonlyMap<string, () => Iterable<Edge>> = new Map([
  ['server', serverEdges],
  ['client', clientEdges],
  ['data', dataEdges],
]);

const USAGE = {
  name: 'ehlo draw',
  operands: 'server|client|data',
  operandCount: { least: 1, most: 1 },
  about: 'Prints a state machine as Mermaid text, made from the table that runs it.',
  examples: ['ehlo draw data'],
  options: {},
} as const satisfies Usage<{}>;

export function draw(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, async ({ operands: [name = ''] }) => {
    const machine = MACHINES.get(name);
    if (machine === undefined) return misuse(`no machine ${quoted(name)}: ${suggest(name, [...MACHINES.keys()])}`);
    terminal.out(toMermaid([...machine()]));
    return EXIT.ok;
  });
}

/** The places of mail data (RFC 5321 §4.5.2), and the classes of octet that lead from one to the next. */
function* dataEdges(): Generator<Edge> {
  for (const [from, row] of Object.entries(DATA_EDGES))
    for (const [column, [to, effect]] of row.entries()) {
      const octet = ['CR', 'LF', 'dot', 'other'][column] ?? '';
      if (effect === 'end') yield { from, on: octet, to: 'end of mail data' };
      else yield { from, on: effect === undefined ? octet : `${octet} (${effect})`, to };
    }
}
