import { describe, expect, it } from 'vitest';
import type { DuplexStream, Entrance } from '../../src/node/entrance.ts';
import type { Hooks, Mail } from '../../src/node/hook.ts';
import { listen, type ListenOptions } from '../../src/node/listen.ts';
import { now } from '../../src/node/now.ts';
import type { Server } from '../../src/node/server.ts';
import type { AuthSettings } from '../../src/node/receiver-option.ts';
import { EXTENSIONS } from '../../src/protocol/extension.ts';
import { LENIENCIES } from '../../src/protocol/leniency.ts';
import { MECHANISMS } from '../../src/protocol/sasl/mechanism.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { decodeBase64, encodeBase64 } from '../../src/wire/base64.ts';
import { EMPTY } from '../../src/wire/octet.ts';
import type { TlsOptions } from '../../src/node/tls.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { textOf } from '../support/content.ts';
import { pair } from '../support/duplex-pair.ts';
import { listening } from '../support/listening.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { certificate } from '../support/tls-peer.ts';
import { turns, until } from '../support/turn.ts';

const host = listening();
const { errors, connect, greeted, inData } = host;
const serve = (hooks: Partial<Hooks> = {}, options: ListenOptions = {}): Promise<Server> => host.serve(options, hooks);
const START: ListenOptions = { host: '127.0.0.1', port: 0, hostname: 'mx.test' };
const never = new Promise<never>(() => undefined);

describe('listen', () => {
  it('takes a free port where it is asked for port 0, and says which', async () => {
    const server = await serve();
    expect(server.port).toBeGreaterThan(0);
    expect(server.host).toBe('127.0.0.1');
    expect(await (await connect(server)).reply()).toMatch(/^220 mx\.test /);
  });

  it('is at 127.0.0.1 where nothing else is said, whatever the machine calls localhost', async () => {
    await using server = await listen({ port: 0 }, { message: () => accept() });
    expect(server.host).toBe('127.0.0.1');
  });

  it('says in one line that a port is in use', async () => {
    const { port } = await serve();
    await expect(listen({ ...START, port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the port is in use`);
  });

  it('says in one line that an address is not one of this machine', async () => {
    await expect(listen({ ...START, host: '192.0.2.1' })).rejects.toThrow('cannot listen on 192.0.2.1:0: this machine does not have that address');
    await expect(listen({ ...START, host: '2001:db8::1' })).rejects.toThrow('cannot listen on [2001:db8::1]:0: this machine does not '); // have that address, or speak that version of IP
  });

  it.each<[string, ListenOptions, Hooks | undefined]>([
    ['hostname must be a domain or an address literal, not "a b"', { hostname: 'a b' }, undefined],
    // shows RFC2033:1-1 RFC2033:5-1
    ['LMTP is not spoken on port 25, where clients expect SMTP (RFC 2033 §5)', { lmtp: true, port: 25 }, undefined],
    ['port must be an integer from 0 to 65535, not 65536', { port: 65_536 }, undefined],
    ['hooks need at least "message", which decides about each mail', {}, {} as Hooks],
    ['maxSize must be a number of at least 0, not NaN', { maxSize: NaN }, undefined],
    ['maxRecipients must be a number of at least 1, not 0', { maxRecipients: 0 }, undefined],
    ['timeout must be a number of at least 0, not "5s"', { timeout: '5s' as unknown as number }, undefined],
    ['hookTimeout must be a number of at least 1, not -1', { hookTimeout: -1 }, undefined],
    ['maxBuffered must be a number of at least 1, not 0', { maxBuffered: 0 }, undefined],
    ['maxConnections must be a number of at least 0, not NaN', { maxConnections: NaN }, undefined],
    [`leniencies are ${Object.keys(LENIENCIES).join(', ')}, not "anything"`, { leniencies: ['anything' as 'longTextLines'] }, undefined],
    [`without names extensions: ${Object.keys(EXTENSIONS).join(', ')}, not "SMTPUTF9"`, { without: ['SMTPUTF9' as 'SMTPUTF8'] }, undefined],
    ['SCRAM-SHA-256-PLUS is not offered: there is no channel binding yet', { auth: { mechanisms: ['SCRAM-SHA-256-PLUS'] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    [`mechanisms are ${Object.keys(MECHANISMS).filter((name) => name !== 'SCRAM-SHA-256-PLUS').join(', ')}, not "SCRAM"`, { auth: { mechanisms: ['SCRAM' as 'PLAIN'] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['auth needs mechanisms, such as ["SCRAM-SHA-256", "PLAIN"]', { auth: { mechanisms: [] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['auth needs mechanisms, such as ["SCRAM-SHA-256", "PLAIN"]', { auth: {} as { mechanisms: [] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['auth needs mechanisms, such as ["SCRAM-SHA-256", "PLAIN"]', { auth: true as unknown as { mechanisms: [] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['mechanisms must be a list, not "PLAIN"', { auth: { mechanisms: 'PLAIN' as unknown as [] } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['leniencies must be a list, not "longTextLines"', { leniencies: 'longTextLines' as unknown as [] }, undefined],
    ['without must be a list, not "DSN"', { without: 'DSN' as unknown as [] }, undefined],
    ['proxyFrom must be a list, not "192.0.2.7"', { proxyFrom: '192.0.2.7' as unknown as [] }, undefined],
    ['hostname must be a domain or an address literal, not 5', { hostname: 5 as unknown as string }, undefined],
    ['tls needs cert and key, in PEM', { tls: {} as TlsOptions }, undefined],
    ['tls needs cert and key, in PEM', { tls: null as unknown as TlsOptions }, undefined],
    ['tlsAtOnce must be true or false, not "true"', { tlsAtOnce: 'true' as unknown as true, tls: certificate('mx') }, undefined],
    ['tlsAtOnce must be true or false, not 1', { tlsAtOnce: 1 as unknown as true, tls: certificate('mx') }, undefined],
    ['requireTls must be true or false, not "no"', { requireTls: 'no' as unknown as false, tls: certificate('mx') }, undefined],
    ['lmtp must be true or false, not 1', { lmtp: 1 as unknown as true }, undefined],
    ['required must be true or false, not "yes"', { auth: { mechanisms: ['PLAIN'], required: 'yes' as unknown as true } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['clearText must be true or false, not "no"', { auth: { mechanisms: ['PLAIN'], clearText: 'no' as unknown as false } }, { message: () => accept(), auth: () => ({ type: 'unavailable' }) }],
    ['earlyTalk must be "take" or "refuse", not "refused"', { earlyTalk: 'refused' as 'refuse' }, undefined],
    ['maxSize must be a number of at least 0, not 10n', { maxSize: 10n as unknown as number }, undefined],
    ['host must be an address or a name, such as 127.0.0.1, or :: for all addresses, not null', { host: null as unknown as string }, undefined],
    ['host must be an address or a name, such as 127.0.0.1, or :: for all addresses, not ""', { host: '' }, undefined],
    ['fd must be the number of a descriptor, not "3"', { fd: '3' as unknown as number }, undefined],
    ['path must be text of 1 to 107 octets, as long as the address of a Unix socket can be, not 5', { path: 5 as unknown as string }, undefined],
    ['path must be text of 1 to 107 octets, as long as the address of a Unix socket can be, not ""', { path: '' }, undefined],
    [`path must be text of 1 to 107 octets, as long as the address of a Unix socket can be, not "/tmp/${'\u00e9'.repeat(52)}"`, { path: `/tmp/${'\u00e9'.repeat(52)}` }, undefined],
  ])('throws UsageError: %s', async (message, options, hooks) => {
    await expect(listen({ ...START, ...options }, hooks)).rejects.toThrow(new UsageError(message));
  });

  it('gives a server that is disposed of by `await using`', async () => {
    let port = 0;
    {
      await using server = await listen(START, { message: () => accept() });
      ({ port } = server);
      const peer = await connect(server);
      expect(await peer.reply()).toMatch(/^220/);
      peer.reset();
    }
    await expect(RawPeer.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  // found by reading: the connection ended the program, or kept its place and its socket for ever
  it.each<[string, () => AuthSettings]>([
    ['throws', () => { throw new Error('the users cannot be read'); }],
    ['returns no mechanisms', () => ({}) as AuthSettings],
    ['returns a mechanism that is not offered', () => ({ mechanisms: ['SCRAM-SHA-256-PLUS'] })],
  ])('turns a client away where the function "auth" %s, and goes on', async (_, wrong) => {
    let auth = wrong;
    const server = await serve({ auth: () => ({ type: 'unavailable' }) }, { maxConnections: 1, auth: () => auth() });
    for (let times = 1; times <= 2; times++) {
      const peer = await connect(server);
      expect(await peer.rest()).toBe('421 4.3.0 mx.test local error, try again later\r\n');
      expect(errors).toHaveLength(times);
    }
    expect(server.sessions).toBe(0);
    auth = () => ({ mechanisms: ['SCRAM-SHA-256'] });
    expect(await (await connect(server)).reply()).toMatch(/^220/);
  });

  it('offers what the function "auth" says at each connection', async () => {
    let auth: AuthSettings = { mechanisms: ['SCRAM-SHA-256'] };
    const server = await serve({ auth: () => ({ type: 'no' }) }, { auth: () => auth });
    const offered = async (): Promise<string | undefined> => {
      const peer = await connect(server);
      await peer.reply();
      return /AUTH.*/.exec(await peer.command('EHLO client.test'))?.[0];
    };
    expect(await offered()).toBe('AUTH SCRAM-SHA-256');
    auth = { mechanisms: ['CRAM-MD5'] };
    expect(await offered()).toBe('AUTH CRAM-MD5');
  });

  it('tells SCRAM the same of whom it does not know each time, also where the function "auth" answers anew', async () => {
    const server = await serve({ auth: () => ({ type: 'no' }) }, { auth: () => ({ mechanisms: ['SCRAM-SHA-256'] }) });
    const told = await Promise.all([1, 2].map(async () => {
      const peer = await greeted(server);
      const reply = await peer.command(`AUTH SCRAM-SHA-256 ${encodeBase64(encodeAscii('n,,n=nobody,r=abc'))}`);
      return decodeLatin1(decodeBase64(reply.slice('334 '.length).trim()) ?? EMPTY).replace(/^r=[^,]*/, '');
    }));
    expect(told[0]).toMatch(/^,s=[^,]+,i=100000$/);
    expect(told[1]).toBe(told[0]);
  });

  it('counts the sessions under way', async () => {
    const server = await serve();
    const peer = await greeted(server);
    await greeted(server);
    expect(server.sessions).toBe(2);
    expect(await peer.command('QUIT')).toMatch(/^221/);
    await until(() => server.sessions === 1);
  });
});

describe('a server that closes', () => {
  it('says 421 to idle sessions, and accepts none', async () => {
    const server = await serve();
    const peer = await greeted(server);
    const closed = server.close();
    expect(await peer.rest()).toMatch(/^421 4\.3\.2 /);
    peer.end();
    await closed;
    await expect(RawPeer.connect(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('finishes mail data that are in hand', async () => {
    const server = await serve({ message: async ({ content }) => accept(await textOf(content)) });
    const peer = await inData(server);
    peer.say('begun');
    const closed = server.close();
    await turns(5);
    expect(peer.heard).toBe('');
    peer.say(' ended\r\n.\r\n');
    expect(await peer.rest()).toMatch(/^250 2\.0\.0 begun ended\?\?\r\n421 4\.3\.2 /);
    peer.end();
    await closed;
  });

  it('waits for ever where it is told to', async () => {
    const server = await serve({ message: async ({ content }) => accept(await textOf(content)) });
    const peer = await inData(server);
    const [closed, from] = [server.close(Infinity), now()];
    await until(() => now() > from + 3); // a timer of Node's goes off after one millisecond, if it is told Infinity
    peer.say('in time\r\n.\r\n');
    expect(await peer.rest()).toMatch(/^250 2\.0\.0 in time/);
    peer.end();
    await closed;
  });

  // shows RFC5321:3.8-6
  it('says 421 to what is left when the grace is over, and cuts it', async () => {
    let mail: Mail | undefined;
    const server = await serve({ message: (each) => ((mail = each), never) });
    const peer = await inData(server);
    peer.say('begun');
    await until(() => mail !== undefined);
    const from = now();
    await server.close(50);
    expect(now() - from).toBeGreaterThanOrEqual(49);
    expect(await peer.rest()).toMatch(/^421 4\.3\.2 mx\.test /);
    expect(mail?.signal.aborted).toBe(true);
    expect(server.sessions).toBe(0);
  });

  // found by trying: what was asked for later had no effect, and a second Ctrl-C none
  it('waits no longer than whoever is in the greatest hurry', async () => {
    const server = await serve({ message: () => new Promise<never>(() => undefined) });
    const peer = await inData(server);
    peer.say('x\r\n.\r\n');
    await until(() => server.sessions === 1);
    const closed = server.close();
    void server.close(10);
    void server.close(60_000);
    await closed;
    expect(await peer.rest()).toMatch(/^421 /);
  });

  // found by trying: it said that there were too many connections
  it('tells who comes too late that it ends', async () => {
    const server = await serve();
    await server.close();
    const [end, client] = pair(16_384);
    server.accept(end);
    let heard = '';
    client.on('data', (octets) => (heard += decodeLatin1(octets)));
    await until(() => heard !== '');
    expect(heard).toBe('421 4.3.2 mx.test shutting down, closing connection\r\n');
  });

  it('may be where connections come in by whatever way, and no port is opened', async () => {
    const [end, client] = pair(16_384);
    let begun: ((duplex: DuplexStream) => void) | undefined;
    const entrance: Entrance = { host: '', port: 0, begin: (accept) => (begun = accept), close: async () => undefined };
    const server = await serve({}, { entrance });
    begun?.(end);
    let heard = '';
    client.on('data', (octets) => (heard += decodeLatin1(octets)));
    await until(() => heard !== '');
    expect([heard, server.host, server.port]).toEqual(['220 mx.test ESMTP ehlo\r\n', '', 0]);
    await expect(listen({ hostname: 'mx.test', entrance: {} as Entrance })).rejects.toThrow(new UsageError("entrance must have a host and a port, '' and 0 where there are none, and functions begin and close, not {}"));
  });

  it('closes once, whoever asks', async () => {
    const server = await serve();
    expect(server.close()).toBe(server.close(0));
    await server.close();
  });
});

it('an accepted socket that is gone before it is looked at harms nobody', async () => {
  const server = await serve();
  for (let count = 0; count < 20; count++) (await RawPeer.connect(server.port)).reset();
  expect(await (await connect(server)).reply()).toMatch(/^220/);
  await until(() => server.sessions === 1);
  expect(errors).toEqual([]);
});

// found by trying: fifty clients that sent commands as fast as they could had all others wait for seconds
it('a client that says much at a time has others served in between', async () => {
  const COMMANDS = 20_000;
  let count = 0;
  const server = await serve({ helo: () => void count++ });
  const talker = await connect(server);
  await talker.reply();
  talker.socket.resume();
  talker.say('EHLO client.test\r\n'.repeat(COMMANDS));
  let most = 0; // in one turn of the event loop
  for (let before = 0; count < COMMANDS; before = count) {
    await turns();
    most = Math.max(most, count - before);
  }
  expect(most).toBeLessThan(COMMANDS / 20);
});

it('nor does one whose mails are answered at once, in promises, hold up others', async () => {
  const MAILS = 2_000;
  let count = 0;
  const server = await serve({ message: async ({ content }) => {
    for await (const _ of content); // all of it
    count++;
    return accept();
  } }, { maxMails: MAILS });
  const talker = await connect(server);
  await talker.reply();
  talker.socket.resume();
  talker.say(`EHLO client.test\r\n${'MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nBDAT 1 LAST\r\nx'.repeat(MAILS)}`);
  let most = 0; // in one turn of the event loop
  for (let before = 0; count < MAILS; before = count) {
    await turns();
    most = Math.max(most, count - before);
  }
  expect(most).toBeLessThan(MAILS / 20);
});
