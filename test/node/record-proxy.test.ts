import { readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { setTimeout } from 'node:timers';
import { describe, expect, it, vi } from 'vitest';
import { RecordProxy } from '../../src/node/record-proxy.ts';
import { TraceFolder } from '../../src/node/trace-folder.ts';
import { isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { startScriptedServer } from '../support/scripted-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** What is written of a session in which the client does this, and what its proxy told when it ended. */
async function recorded(script: readonly string[], act: (client: RawPeer) => Promise<void>): Promise<{ readonly body: string; readonly trouble: string | undefined; readonly mode: number }> {
  using directory = temporaryDirectory();
  await using server = await startScriptedServer(script);
  let end: (trouble: string | undefined) => void = () => undefined;
  const ended = new Promise<string | undefined>((resolve) => (end = resolve));
  const folder = await TraceFolder.open(`${directory.path}/a/b`, (text) => expect.unreachable(text));
  const proxy = await RecordProxy.listen({ listen: { host: '127.0.0.1', port: 0 }, to: { host: '127.0.0.1', port: server.port }, folder, source: 'a test', ended: (_, trouble) => end(trouble) });
  const { address } = proxy;
  const client = await RawPeer.connect(typeof address === 'object' && address !== null ? address.port : 0);
  await act(client);
  client.socket.destroy();
  const trouble = await ended;
  await proxy.close();
  const [name = ''] = readdirSync(`${directory.path}/a/b`);
  const text = readFileSync(`${directory.path}/a/b/${name}`, 'utf8');
  expect(isTranscriptFault(parseTranscript(text))).toBe(false);
  return { body: text.slice(text.indexOf('\n\n') + 2), trouble, mode: statSync(`${directory.path}/a/b/${name}`).mode & 0o777 };
}

describe('a recording proxy', () => {
  it('passes on what both say, and writes it with its cuts', async () => {
    const { body, trouble, mode } = await recorded(['S: 220 mx', 'C: EHLO', 'S: 250 mx', 'C: QUIT', 'S: 221 bye', '* end'], async (client) => {
      expect(await client.reply()).toBe('220 mx\r\n');
      client.say('EH');
      await new Promise<void>((resolve) => setTimeout(resolve, 50));
      client.say('LO a\r\n');
      expect(await client.reply()).toBe('250 mx\r\n');
      client.say('QUIT\r\n');
      expect(await client.reply()).toBe('221 bye\r\n');
      client.end();
      await client.gone();
    });
    expect(body).toBe('S: 220 mx\nC= "EH"\n/\nC: LO a\nS: 250 mx\nC: QUIT\nS: 221 bye\n* close\n');
    expect({ trouble, mode }).toEqual({ trouble: undefined, mode: 0o600 });
  });

  // found by reading: too many open files, at the wrong moment, ended the program
  it('goes on where a connection cannot be accepted', async () => {
    using directory = temporaryDirectory();
    const listening = vi.spyOn(Object.getPrototypeOf(createServer({ allowHalfOpen: false, noDelay: false }, () => undefined)) as Server, 'listen'); // what all have in common
    const place = { host: '127.0.0.1', port: 0 };
    const proxy = await RecordProxy.listen({ listen: place, to: place, folder: await TraceFolder.open(directory.path, (text) => expect.unreachable(text)), source: 'a test', ended: () => undefined });
    const server = listening.mock.instances[0] as unknown as { emit(event: 'error', error: Error): void };
    expect(() => server.emit('error', new Error('accept EMFILE'))).not.toThrow();
    listening.mockRestore();
    await proxy.close();
  });

  it('strikes out passwords', async () => {
    const { body } = await recorded(['S: 220 mx', 'C: AUTH', 'S: 235 ok', '* end'], async (client) => {
      await client.reply();
      client.say('AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n');
      await client.reply();
    });
    expect(body).toContain('C: AUTH PLAIN AGFsaWNlAHN0cnVjayBvdXQ=\n');
  });

  it('says that it cannot read what is under TLS', async () => {
    const { body } = await recorded(['S: 220 mx', 'C: STARTTLS', 'S: 220 go', 'C: …'], async (client) => {
      await client.reply();
      client.say('STARTTLS\r\n');
      await client.reply();
      client.say('\x16\x03\x01secret');
      await new Promise<void>((resolve) => setTimeout(resolve, 50));
    });
    expect(body).toBe('S: 220 mx\nC: STARTTLS\nS: 220 go\n# what follows is under TLS, and cannot be read here\n');
  });

  it('tells of a server that is not there', async () => {
    using directory = temporaryDirectory();
    let end: (trouble: string | undefined) => void = () => undefined;
    const ended = new Promise<string | undefined>((resolve) => (end = resolve));
    const proxy = await RecordProxy.listen({ listen: { host: '127.0.0.1', port: 0 }, to: { host: '127.0.0.1', port: 1 }, folder: await TraceFolder.open(directory.path, () => undefined), source: 'a test', ended: (_, trouble) => end(trouble) });
    const { address } = proxy;
    const client = await RawPeer.connect(typeof address === 'object' && address !== null ? address.port : 0);
    expect(await ended).toBe('127.0.0.1 port 1: connection refused');
    await client.rest();
    client.socket.destroy();
    await proxy.close();
  });
});

describe('a folder of traces', () => {
  it('ends a trace that cannot be written, says so once, and lets the session go on', async () => {
    using directory = temporaryDirectory();
    const told: string[] = [];
    const folder = await TraceFolder.open(`${directory.path}/x`, (text) => told.push(text));
    const file = folder.begin('a/b'); // a name that is no name
    file.write('x');
    file.write('y');
    file.close();
    expect(told.length).toBe(1);
    expect(told[0]).toMatch(/^the trace .* ends here: .*no such file/);
  });
});
