// `ehlo passwd`, with hashes that cost next to nothing: what they cost, and that such credentials verify, is in credential.test.ts.

import { pbkdf2, scrypt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { passwd } from '../../src/cli/passwd.ts';
import { createKeyboard, type RawTerminal } from '../../src/cli/keyboard.ts';
import { verifyPassword } from '../../src/node/credential.ts';
import { parseUser } from '../../src/protocol/sasl/credential.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { replaceIn } from '../support/builtin.ts';
import { octetsOf } from '../wire/every.ts';

const real = { pbkdf2, scrypt };
replaceIn('node:crypto', {
  pbkdf2: ((password, salt, _iterations, octets, hash, done) => real.pbkdf2(password, salt, 1, octets, hash, done)) satisfies typeof pbkdf2,
  scrypt: ((password, salt, octets, _cost, done) => real.scrypt(password, salt, octets, { N: 2, r: 1, p: 1, maxmem: 4096 }, done)) satisfies typeof scrypt,
});

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function* pieces(octets: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* octets;
}

async function run(args: readonly string[], open: Parameters<typeof passwd>[2]): Promise<Ran> {
  let out = '';
  let err = '';
  const status = await passwd(args, { out: (text) => (out += text), err: (text) => (err += text) }, open);
  return { status, out, err };
}

const piped = (args: readonly string[], ...octets: readonly Uint8Array[]): Promise<Ran> => run(args, () => ({ type: 'stream', octets: pieces(octets) }));

/** A terminal at which these octets are typed, and what was done to it. */
function typed(...octets: readonly Uint8Array[]): { readonly terminal: RawTerminal; readonly done: string[] } {
  const done: string[] = [];
  return {
    terminal: { setRawMode: (raw) => void done.push(raw ? 'raw' : 'cooked'), destroy: () => void done.push('destroyed'), [Symbol.asyncIterator]: () => pieces(octets) },
    done,
  };
}

const atTerminal = (args: readonly string[], ...texts: readonly string[]): Promise<Ran> => run(args, () => ({ type: 'terminal', keyboard: createKeyboard(typed(...texts.map(encodeUtf8)).terminal) }));

async function credentialOf(line: string, password: string): Promise<{ readonly name: string; readonly type: string; readonly right: boolean }> {
  expect(line.endsWith('\n')).toBe(true);
  const user = parseUser(line.slice(0, -1));
  if ('fault' in user) throw new Error(user.expected);
  return { name: user.name, type: user.credential.type, right: await verifyPassword(user.credential, password) };
}

describe('ehlo passwd', () => {
  it.each([
    [[], 'scram-sha-256'],
    [['--scheme', 'scram-sha-256'], 'scram-sha-256'],
    [['--scheme', 'scrypt'], 'scrypt'],
  ])('prints a line for the password on standard input, with %j by %s', async (options, type) => {
    const { status, out, err } = await piped(['alice', ...options], octetsOf('pen'), octetsOf('cil\n'));
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).not.toContain('pencil');
    expect(await credentialOf(out, 'pencil')).toEqual({ name: 'alice', type, right: true });
    expect(await credentialOf(out, 'pen')).toEqual({ name: 'alice', type, right: false });
    expect((await piped(['alice', ...options], octetsOf('pencil\n'))).out).not.toBe(out); // its salt is its own
  });

  it.each(['pencil', 'pencil\r\n'])('takes %j for the password', async (text) => {
    expect(await credentialOf((await piped(['alice'], octetsOf(text))).out, 'pencil')).toMatchObject({ right: true });
  });

  it('keeps spaces, and prepares the rest', async () => {
    expect(await credentialOf((await piped(['alice'], encodeUtf8(' p\u00adä \n'))).out, ' pä ')).toMatchObject({ right: true });
  });

  it.each([
    ['', 'expected a password, found none'],
    ['\n', 'expected a password, found none'],
    ['a\nb\n', 'expected a password on standard input, found more than one line'],
    ['a\n\n', 'expected a password on standard input, found more than one line'],
    ['\xff\n', 'expected a password in UTF-8 on standard input'],
    ['a\tb\n', 'expected a password without control characters and others that SASLprep prohibits (RFC 4013 §2.3)'],
    ['a'.repeat(4097), 'expected a password on standard input (it has more than 4096 octets)'],
  ])('refuses %j', async (text, message) => {
    expect(await piped(['alice'], octetsOf(text))).toEqual({ status: 64, out: '', err: `ehlo passwd: ${message}\n` });
  });

  it.each([
    [[], 'expected USER, found nothing'],
    [['a', 'b'], 'unexpected "b": expected USER'],
    [['a:b'], '"a:b": expected a name without ":", "#" in front or what SASLprep changes (RFC 4013)'],
    [[''], '"": expected a name without ":", "#" in front or what SASLprep changes (RFC 4013)'],
    [['alice', '--scheme', 'md5'], '--scheme "md5": expected one of scram-sha-256, scrypt'],
  ])('%j is misuse, found before a password is asked for', async (args, message) => {
    const opened = (): never => {
      throw new Error('asked for a password');
    };
    expect(await run(args, opened)).toEqual({ status: 64, out: '', err: `ehlo passwd: ${message}\n` });
  });

  it('prints its help', async () => {
    expect(await piped(['--help'])).toMatchObject({ status: 0, err: '', out: expect.stringMatching(/^usage: ehlo passwd \[OPTION\]… USER\n/) as string });
  });
});

describe('ehlo passwd at a terminal', () => {
  it('asks twice on standard error, and shows nothing of what is typed', async () => {
    const { status, out, err } = await atTerminal(['alice'], 'pen', 'cil\r', 'pencil\r');
    expect({ status, err }).toEqual({ status: 0, err: 'Password: \nAgain: \n' });
    expect(await credentialOf(out, 'pencil')).toMatchObject({ right: true });
  });

  it('keeps what was typed ahead for the second question', async () => {
    expect((await atTerminal(['alice'], 'pencil\rpencil\r')).status).toBe(0);
    expect((await atTerminal(['alice'], 'pencil\npencil\n')).status).toBe(0);
  });

  it.each([
    ['xx\x7f\x7fpencil\r'],
    ['pencilü\b\r'], // a whole character, not an octet of it
    ['😀\x7fpencil\r'],
    ['\x7f\x7fpencil\r'],
    ['anything\x15pencil\r'],
    ['pencil\x04'],
  ])('lets %j be edited', async (keys) => {
    expect((await atTerminal(['alice'], keys, 'pencil\r')).status).toBe(0); // which it is not where the two differ: below
  });

  it('refuses two that differ, and none', async () => {
    expect(await atTerminal(['alice'], 'pencil\r', 'pen\r')).toEqual({ status: 64, out: '', err: 'Password: \nAgain: \nehlo passwd: expected the same password twice\n' });
    expect(await atTerminal(['alice'], '\r')).toEqual({ status: 64, out: '', err: 'Password: \nehlo passwd: expected a password, found none\n' });
  });

  it.each(['\x03', 'pen\x03', '\x04', ''])('ends without a word when %j is typed', async (keys) => {
    expect(await atTerminal(['alice'], keys)).toEqual({ status: 130, out: '', err: 'Password: \n' });
    expect(await atTerminal(['alice'], 'pencil\r', keys)).toEqual({ status: 130, out: '', err: 'Password: \nAgain: \n' });
  });

  it('gives the terminal back as it was, however it ends', async () => {
    for (const keys of ['pencil\rpencil\r', '\x03', '\r', '\xff\r']) {
      const { terminal, done } = typed(octetsOf(keys));
      await run(['alice'], () => ({ type: 'terminal', keyboard: createKeyboard(terminal) }));
      expect(done).toEqual(['raw', 'cooked', 'destroyed']);
    }
  });
});
