import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { draw } from '../../src/cli/draw.ts';
import { passwd } from '../../src/cli/passwd.ts';
import { queue } from '../../src/cli/queue.ts';
import { record } from '../../src/cli/record.ts';
import { replay } from '../../src/cli/replay.ts';
import { route } from '../../src/cli/route.ts';
import { send } from '../../src/cli/send.ts';
import { serve } from '../../src/cli/serve.ts';
import { Program, run } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const COMMANDS = { serve, send, queue, route, passwd, replay, record, draw };

describe('the command ehlo', () => {
  it('says what commands there are', async () => {
    using directory = temporaryDirectory();
    const { status, out, err } = await run(['--help'], directory.path);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^usage: ehlo COMMAND \[OPTION\]/);
    for (const command of Object.keys(COMMANDS)) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  it('tells of a command by its --help and by help alike', async () => {
    using directory = temporaryDirectory();
    const { status, out } = await run(['draw', '--help'], directory.path);
    expect({ status, out }).toEqual({ status: 0, out: expect.stringMatching(/^usage: ehlo draw /) as string });
    expect(await run(['help', 'draw'], directory.path)).toEqual({ status, out, err: '' });
  });

  it.each(Object.entries(COMMANDS))('%s --help ends in examples, whose options there are', async (name, command) => {
    const told = async (args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> => {
      const written = { out: '', err: '' };
      return { status: await command(args, { out: (text) => (written.out += text), err: (text) => (written.err += text) }), ...written };
    };
    const { out } = await told(['--help']);
    const examples = [...out.slice(out.indexOf('\nexamples:\n')).matchAll(/\behlo (\w+)([^<>|\n]*)/g)];
    expect(new Set(examples.map(([, named]) => named))).toEqual(new Set([name]));
    for (const [, , words = ''] of examples) // what is unknown is told before the help
      expect(await told([...words.replaceAll("'", '').split(' ').filter((word) => word !== ''), '--help'])).toEqual({ status: 0, out, err: '' });
  });

  it('without a command says the same on standard error, with status 64', async () => {
    using directory = temporaryDirectory();
    const { status, out, err } = await run([], directory.path);
    expect({ status, out }).toEqual({ status: 64, out: '' });
    expect(err).toMatch(/^usage: ehlo COMMAND/);
  });

  it('says which version it is, as its package has it', async () => {
    using directory = temporaryDirectory();
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
    expect(await run(['--version'], directory.path)).toMatchObject({ status: 0, out: `ehlo ${version}\n`, err: '' });
  });

  it.each([
    ['sned', 'ehlo: unknown command "sned": did you mean send?\n'],
    ['constructor', /^ehlo: unknown command "constructor": expected one of serve, send, /],
    ['--verbose', /^ehlo: unknown command "--verbose"/],
  ])('takes no %s for a command: one line, and status 64', async (name, line) => {
    using directory = temporaryDirectory();
    const { status, out, err } = await run([name], directory.path);
    expect({ status, out }).toEqual({ status: 64, out: '' });
    expect(err).toMatch(line);
    expect(err.split('\n')).toHaveLength(2);
  });

  it('does not mind that nobody reads what it says', async () => {
    using directory = temporaryDirectory();
    const program = new Program(['draw', 'server'], directory.path);
    program.deafen();
    expect(await program.ended).toMatchObject({ status: 0, err: '' });
  });
});
