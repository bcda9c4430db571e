// The machines draw themselves: an edge is a cell of a state table, and a diagram is a list of edges.

import { shown, UsageError } from '../wire/usage.ts';

/** One cell of a state table: in state `from`, `on` leads to `to`. */
export interface Edge {
  readonly from: string;
  readonly on: string;
  readonly to: string;
}

/** Returns Mermaid text (`stateDiagram-v2`) of the edges, those between the same two states joined into one arrow. */
export function toMermaid(edges: readonly Edge[]): string {
  if (!Array.isArray(edges) || !edges.every((edge) => [edge?.from, edge?.on, edge?.to].every((text) => typeof text === 'string'))) throw new UsageError(`toMermaid takes a list of edges, such as [...serverEdges()], not ${shown(edges)}`);
  const labels = new Map<string, string[]>();
  for (const { from, on, to } of edges) {
    const arrow = `  ${identifier(from)} --> ${identifier(to)}`;
    labels.set(arrow, [...(labels.get(arrow) ?? []), on]);
  }
  const states = [...new Set(edges.flatMap(({ from, to }) => [from, to]))].filter((state) => identifier(state) !== state);
  return [
    'stateDiagram-v2',
    ...states.map((state) => `  state "${state}" as ${identifier(state)}`),
    ...[...labels].map(([arrow, on]) => `${arrow}: ${on.join(', ')}`),
    '',
  ].join('\n');
}

function identifier(state: string): string {
  return state.replaceAll(' ', '_');
}
