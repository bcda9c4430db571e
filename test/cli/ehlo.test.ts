import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { draw } from '../../src/cli/draw.ts';
import { main } from '../../src/cli/main.ts';
import { passwd } from '../../src/cli/passwd.ts';
import { queue } from '../../src/cli/queue.ts';
import { record } from '../../src/cli/record.ts';
import { replay } from '../../src/cli/replay.ts';
import { route } from '../../src/cli/route.ts';
import { send } from '../../src/cli/send.ts';
import { serve } from '../../src/cli/serve.ts';
import { Program, run, type Ended } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const COMMANDS = { serve, send, queue, route, passwd, replay, record, draw };

/** Runs `ehlo ARGS` in this process. */
async function ehlo(...args: readonly string[]): Promise<Ended> {
  let [out, err] = ['', ''];
  const status = await main(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { status, out, err };
}

describe('the command ehlo', () => {
  it('says what commands there are', async () => {
    const { status, out, err } = await ehlo('--help');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^usage: ehlo COMMAND \[OPTION\]/);
    for (const command of Object.keys(COMMANDS)) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(await ehlo('help')).toEqual({ status, out, err });
  });

  it('tells of a command by its --help and by help alike', async () => {
    const { status, out } = await ehlo('draw', '--help');
    expect({ status, out }).toEqual({ status: 0, out: expect.stringMatching(/^usage: ehlo draw /) as string });
    expect(await ehlo('help', 'draw')).toEqual({ status, out, err: '' });
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

  // found by reading: the names of all leniencies stood in the place of a value, and what options are for a screen further to the right
  it.each(Object.keys(COMMANDS))('%s --help says beside each option what it is for', async (name) => {
    const { out } = await ehlo(name, '--help');
    const options = [...out.matchAll(/^ {2}(--\S+(?: \S+)?) {2,}\S/gm)].map(([, option = '']) => option);
    expect(options).not.toEqual([]);
    expect(options.filter((option) => option.length > 45)).toEqual([]);
  });

  it('says which version it is, as its package has it', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
    expect(await ehlo('--version')).toEqual({ status: 0, out: `ehlo ${version}\n`, err: '' });
  });

  it('without a command says the same on standard error, with status 64', async () => {
    const { status, out, err } = await ehlo();
    expect({ status, out }).toEqual({ status: 64, out: '' });
    expect(err).toMatch(/^usage: ehlo COMMAND/);
  });

  it.each([
    ['sned', 'ehlo: unknown command "sned": did you mean send?\n'],
    ['constructor', /^ehlo: unknown command "constructor": expected one of serve, send, /],
    ['--verbose', /^ehlo: unknown command "--verbose"/],
    ['-h', 'ehlo: unknown command "-h": did you mean --help?\n'],
    ['--hlep', 'ehlo: unknown command "--hlep": did you mean --help?\n'],
    ['x'.repeat(100), /^ehlo: unknown command "x{80}…": expected one of serve, .*, --help, --version\n$/],
  ])('takes no %s for a command: one line, and status 64', async (name, line) => {
    const { status, out, err } = await ehlo(name);
    expect({ status, out }).toEqual({ status: 64, out: '' });
    expect(err).toMatch(line);
    expect(err.split('\n')).toHaveLength(2);
  });
});

describe('the program ehlo', () => {
  it('writes what is wrong to standard error, and ends with the status that says so', async () => {
    using directory = temporaryDirectory();
    expect(await run(['sned'], directory.path)).toEqual(await ehlo('sned'));
  });

  it('does not mind that nobody reads what it says', async () => {
    using directory = temporaryDirectory();
    const program = new Program(['draw', 'server'], directory.path);
    program.deafen();
    expect(await program.ended).toMatchObject({ status: 0, err: '' });
  });
});
