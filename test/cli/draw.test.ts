import { describe, expect, it } from 'vitest';
import { draw } from '../../src/cli/draw.ts';
import { clientEdges } from '../../src/protocol/client/table.ts';
import { serverEdges } from '../../src/protocol/server/table.ts';

async function run(...args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  let out = '';
  let err = '';
  const status = await draw(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { status, out, err };
}

describe('ehlo draw', () => {
  it.each([['server', serverEdges], ['client', clientEdges]] as const)('prints the %s as Mermaid, every edge of its table', async (name, edges) => {
    const { status, out, err } = await run(name);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^stateDiagram-v2\n/);
    for (const { from, on, to } of edges()) {
      const arrow = out.split('\n').find((line) => line.startsWith(`  ${from} --> ${to}: `));
      expect(arrow?.replace(/^.*?: /, '').split(', '), `${from} to ${to}`).toContain(on);
    }
  });

  it('prints its help', async () => {
    const { status, out } = await run('--help');
    expect(status).toBe(0);
    expect(out).toMatch(/^usage: ehlo draw \[OPTION\]… server\|client/);
  });

  it.each<[readonly string[], RegExp]>([
    [[], /^ehlo draw: expected server\|client.*, found nothing\n$/],
    [['sever'], /^ehlo draw: no machine "sever": did you mean server\?\n$/],
    [['toString'], /^ehlo draw: no machine "toString": expected one of server, client.*\n$/],
    [['server', 'client'], /^ehlo draw: unexpected "client": expected server\|client.*\n$/],
    [['server', '--colour'], /^ehlo draw: unknown option --colour: .*\n$/],
  ])('%j is misuse: one line and status 64', async (args, line) => {
    const { status, out, err } = await run(...args);
    expect({ status, out }).toEqual({ status: 64, out: '' });
    expect(err).toMatch(line);
  });
});
