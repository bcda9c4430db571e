import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Program, run } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const COMMANDS = ['serve', 'send', 'queue', 'route', 'passwd', 'replay', 'record', 'draw'];

describe('the command ehlo', () => {
  it('says what commands there are', async () => {
    using directory = temporaryDirectory();
    const { status, out, err } = await run(['--help'], directory.path);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^usage: ehlo COMMAND \[OPTION\]/);
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  it.each(COMMANDS)('%s --help and help %s say the same, with examples whose options there are', async (command) => {
    using directory = temporaryDirectory();
    const { status, out } = await run([command, '--help'], directory.path);
    expect(status).toBe(0);
    expect(await run(['help', command], directory.path)).toEqual({ status, out, err: '' });
    const examples = [...out.slice(out.indexOf('\nexamples:\n')).matchAll(/\behlo (\w+ [^<>|\n]*)/g)].map(([, words = '']) => words.trim().replaceAll("'", '').split(' '));
    expect(examples.length).toBeGreaterThan(0);
    for (const words of examples) expect(await run([...words, '--help'], directory.path)).toMatchObject({ status: 0, err: '' }); // an unknown option is told first
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
