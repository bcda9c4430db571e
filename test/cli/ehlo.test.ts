import { describe, expect, it } from 'vitest';
import { Program, run } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('the command ehlo', () => {
  it('says what commands there are', async () => {
    using directory = temporaryDirectory();
    const { status, out, err } = await run(['--help'], directory.path);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^usage: ehlo COMMAND \[OPTION\]/);
    for (const command of ['serve', 'send', 'route', 'draw']) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  it('without a command says the same on standard error, with status 64', async () => {
    using directory = temporaryDirectory();
    const { status, out, err } = await run([], directory.path);
    expect({ status, out }).toEqual({ status: 64, out: '' });
    expect(err).toMatch(/^usage: ehlo COMMAND/);
  });

  it.each([
    ['sned', 'ehlo: unknown command "sned": did you mean send?\n'],
    ['constructor', /^ehlo: unknown command "constructor": expected one of serve, send, /],
    ['--version', /^ehlo: unknown command "--version": expected one of serve, send, /],
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
