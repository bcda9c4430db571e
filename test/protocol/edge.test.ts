import { describe, expect, it } from 'vitest';
import { toMermaid } from '../../src/protocol/edge.ts';
import { clientEdges } from '../../src/protocol/client/table.ts';
import { serverEdges } from '../../src/protocol/server/table.ts';

describe('a drawn machine', () => {
  it('is an arrow for each two states, with all that leads from one to the other', () => {
    expect(toMermaid([{ from: 'a', on: 'X', to: 'b' }, { from: 'b', on: 'Y', to: 'b' }, { from: 'a', on: 'Z', to: 'b' }])).toBe('stateDiagram-v2\n  a --> b: X, Z\n  b --> b: Y\n');
  });

  it('gives a state of two words a name without space', () => {
    expect(toMermaid([{ from: 'in mail data', on: 'end', to: 'b' }])).toBe('stateDiagram-v2\n  state "in mail data" as in_mail_data\n  in_mail_data --> b: end\n');
  });

  it.each([['server', [...serverEdges()]], ['client', [...clientEdges()]]])('of the %s holds every edge', (_, edges) => {
    const drawn = toMermaid(edges).split('\n').flatMap((line) => {
      const [arrow = '', labels = ''] = line.split(': ');
      return labels === '' ? [] : labels.split(', ').map((on) => `${arrow.trim()}: ${on}`);
    });
    expect(drawn.sort()).toEqual(edges.map(({ from, on, to }) => `${from} --> ${to}: ${on}`).sort());
  });
});
