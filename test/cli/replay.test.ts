import { readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { replay } from '../../src/cli/replay.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { startScriptedServer } from '../support/scripted-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FOLDER = 'fixtures/transcripts/rfc5321';

async function run(...args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  let out = '';
  let err = '';
  const status = await replay(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { status, out, err };
}

const HEADER = 'Title: x\nSource: y\nSubject: server\n\n';

describe('ehlo replay', () => {
  it('replays each file on our own machines, and says so on a line each', async () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.smtp')).slice(0, 5).map((name) => `${FOLDER}/${name}`);
    const { status, out, err } = await run(...files);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out.trimEnd().split('\n').map((line) => line.replace(/\d+ segm/, 'N segm'))).toEqual(files.map((file) => `${file}: as it was, in N segmentations`));
  });

  it('names file, line, segmentation, what was expected and what it got', async () => {
    using directory = temporaryDirectory();
    const file = `${directory.path}/wrong.smtp`;
    writeFileSync(file, `${HEADER}S: 220 mx.example.com ESMTP ehlo\nC: NOOP\nS: 251 ok\n`);
    const { status, out } = await run(file, `${FOLDER}/../rfc1870/size-wrong.smtp`);
    expect(status).toBe(1);
    expect(out.split('\n')[0]).toBe(`${file}:7 (as written): expected S: 251 ok, got S: 250 2.0.0 ok`);
    expect(out.split('\n')[1]).toMatch(/size-wrong\.smtp: as it was/);
  });

  it.each<[string, string, RegExp]>([
    ['a file that is no transcript', 'hello\n', /:1: expected a field of the header .*, found hello\n$/],
    ['a transcript that makes no sense', `${HEADER}A: accept\n`, /:5: expected .*, found A: accept\n$/],
  ])('says what is wrong with %s', async (_, text, expected) => {
    using directory = temporaryDirectory();
    writeFileSync(`${directory.path}/x`, text);
    const { status, out } = await run(`${directory.path}/x`);
    expect(status).toBe(1);
    expect(out).toMatch(expected);
  });

  it('replays the transcripts of a file one by one, and names lines of the file', async () => {
    using directory = temporaryDirectory();
    const file = `${directory.path}/several`;
    const right = `${HEADER}A: ask client\nA: accept\nS: 220 mx.example.com ESMTP ehlo\nC: NOOP\nS: 250 2.0.0 ok\n`;
    writeFileSync(file, `${right}\n${right.replace('250', '251')}\n${right.replace('C: NOOP', 'NOOP')}\n${right}`);
    const { status, out } = await run(file);
    expect(status).toBe(1);
    expect(out.replaceAll(file, 'FILE').split('\n').map((line) => line.replace(/\d+ segm/, 'N segm'))).toEqual([
      'FILE:1: as it was, in N segmentations', 'FILE:19 (as written): expected S: 251 2.0.0 ok, got S: 250 2.0.0 ok', expect.stringMatching(/^FILE:28: expected .*, found NOOP$/), 'FILE:31: as it was, in N segmentations', '',
    ]);
  });

  it('replays what was appended to a file without a blank line between', async () => {
    using directory = temporaryDirectory();
    const file = `${directory.path}/appended`;
    const right = `${HEADER}A: ask client\nA: accept\nS: 220 mx.example.com ESMTP ehlo\nC: QUIT\nS: 221 2.0.0 mx.example.com closing connection\n* close\n`;
    writeFileSync(file, `${right}${right}`);
    const { status, out } = await run(file);
    expect({ status, out: out.replaceAll(file, 'FILE').replace(/\d+ segm/g, 'N segm') }).toEqual({ status: 0, out: 'FILE:1: as it was, in N segmentations\nFILE:11: as it was, in N segmentations\n' });
  });

  it('says that a file cannot be read, which counts for more than that another is not as it was', async () => {
    const { status, out } = await run('/nonexistent/x.smtp', '/dev/null');
    expect(status).toBe(64);
    expect(out).toMatch(/^\/nonexistent\/x\.smtp: cannot be read: .*no such file/);
  });

  it('wants a file', async () => {
    expect(await run()).toMatchObject({ status: 64, err: 'ehlo replay: expected FILE…, found nothing\n' });
  });
});

describe('ehlo replay --server', () => {
  const dialogue = `${HEADER}S: 220 mx\nC: EHLO a\nS: 250-mx\nS: 250 HELP\nC: QUIT\nS: 221 bye\n* close\n`;

  async function against(text: string, ...script: readonly string[]): Promise<{ readonly status: number; readonly out: string }> {
    using directory = temporaryDirectory();
    await using server = await startScriptedServer(script);
    writeFileSync(`${directory.path}/x`, text);
    const { status, out, err } = await run(`${directory.path}/x`, '--server', `127.0.0.1:${server.port}`, '--timeout', '1');
    expect(err).toBe('');
    return { status, out: out.replace(directory.path, '').replace(String(server.port), 'PORT') };
  }

  it('compares the codes of its replies, and not their texts', async () => {
    const result = await against(dialogue, 'S: 220-welcome', 'S: 220 here', 'C: EHLO', 'S: 250 anything', 'C: QUIT', 'S: 221 so long', '* end');
    expect(result).toEqual({ status: 0, out: '/x: as it was, at 127.0.0.1:PORT\n' });
  });

  it.each<[string, readonly string[], string]>([
    ['another code', ['S: 554 no'], '/x:5 (127.0.0.1:PORT): expected S: 220 mx, got S: 554 no\n'],
    ['what is no reply', ['S: hello'], '/x:5 (127.0.0.1:PORT): expected S: 220 mx, got S: hello\n'],
    ['what a terminal would act upon, without doing so', ['S: 554 \x1b[31m\x07\x9b'], '/x:5 (127.0.0.1:PORT): expected S: 220 mx, got S= "554 \\x1b[31m\\x07\\x9b\\r\\n"\n'],
    ['what is no reply, and what a terminal would act upon', ['S: \x9b31\nm'], '/x:5 (127.0.0.1:PORT): expected S: 220 mx, got S= "\\x9b31\\n" S: m\n'],
    ['a close that comes early', ['S: 220 a', '* end'], '/x:7 (127.0.0.1:PORT): expected S: 250-mx, got * close\n'],
    ['nothing', ['S: 220 a', 'C: EHLO', 'C: nothing else'], '/x:7 (127.0.0.1:PORT): expected S: 250-mx, got nothing in 1 s\n'],
    ['a server that stays', ['S: 220 a', 'C: EHLO', 'S: 250 b', 'C: QUIT', 'S: 221 c', 'S: 421 d', '* end'], '/x:11 (127.0.0.1:PORT): expected * close, got S: 421 d\n'],
  ])('tells of %s', async (_, script, out) => {
    expect(await against(dialogue, ...script)).toEqual({ status: 1, out });
  });

  it('tells of a handshake that fails in one line', async () => {
    using directory = temporaryDirectory();
    const replies = ['220 b', '554 in the clear']; // to STARTTLS, and to what begins the handshake
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on('data', () => socket.write(encodeAscii(`${replies.shift()}\r\n`)));
      socket.on('error', () => socket.destroy());
      socket.on('end', () => socket.destroy()); // or the server would wait for it
      socket.write(encodeAscii('220 a\r\n'));
    });
    await new Promise<void>((resolve) => {
      server.on('listening', resolve);
      server.listen({ host: '127.0.0.1', port: 0 });
    });
    const address = server.address();
    const port = address !== null && typeof address !== 'string' ? address.port : 0;
    writeFileSync(`${directory.path}/x`, `${HEADER}S: 220 mx\nC: STARTTLS\nS: 220 go\n* tls\n`);
    const { status, out } = await run(`${directory.path}/x`, '--server', `127.0.0.1:${port}`);
    expect({ status, out: out.replace(directory.path, '') }).toEqual({ status: 1, out: `/x:8 (127.0.0.1:${port}): expected * tls, got a handshake that failed: what came is no TLS\n` });
    await new Promise<void>((resolve) => server.close(resolve));
  });

  it('waits no longer than a timer can', async () => {
    expect(await run('x', '--server', '127.0.0.1:1', '--timeout', '2147484')).toMatchObject({ status: 64, err: 'ehlo replay: --timeout "2147484": expected an integer from 1 to 2147483\n' });
  });

  it('tells of a server that is not there', async () => {
    const { status, out } = await run(`${FOLDER}/../rfc1870/size-wrong.smtp`, '--server', '127.0.0.1:1');
    expect({ status, out }).toEqual({ status: 1, out: `${FOLDER}/../rfc1870/size-wrong.smtp: 127.0.0.1 port 1: connection refused\n` });
  });
});
