// What senders are told, through the whole of a relay: by a client that asks, and a next host that does what it likes.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../src/node/journal.ts';
import type { Server } from '../../src/node/server.ts';
import { Maildir } from '../../src/node/maildir.ts';
import { rowOf, type MailRow } from '../../src/node/operation.ts';
import { pause } from '../../src/node/pause.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { TransferAgent } from '../../src/node/transfer-agent.ts';
import { RETRY_SCHEDULE, type RetrySchedule } from '../../src/relay/schedule.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/wire/utf8.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { startScriptedServer, unusedPort } from '../support/scripted-server.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/turn.ts';

let directory: TemporaryDirectory;
let endings: (() => unknown)[];
beforeEach(() => {
  directory = temporaryDirectory();
  endings = [];
});
afterEach(async () => {
  for (const end of endings.reverse()) await end();
  directory[Symbol.dispose]();
});

interface Host {
  readonly server: Server;
  readonly events: string[];
  readonly mails: () => readonly string[];
  /** What the log says was said to the relay. */
  readonly replies: string[];
  /** What `ehlo queue` lists. */
  readonly rows: () => readonly MailRow[];
}

/** A relay; mail for b.test goes to `port`, that for a.test into its Maildir. */
async function start(port: number, schedule: Partial<RetrySchedule> = {}): Promise<Host> {
  const box = join(directory.path, 'box');
  const events: string[] = [];
  const replies: string[] = [];
  const queue = await Journal.open(join(directory.path, 'queue'));
  const agent = new TransferAgent({
    hostname: 'relay.test',
    queue,
    maildir: await Maildir.open(box),
    admission: { accept: new Set(['a.test']), relayFrom: [{ octets: Uint8Array.of(127, 0, 0, 0), prefix: 8 }] },
    routing: { routes: new Map([['b.test', { host: '127.0.0.1', port }]]), mxPort: 25, allowPrivateTargets: false },
    resolver: new Resolver({ servers: ['127.0.0.1:1'], timeout: 50 }),
    schedule: { ...RETRY_SCHEDULE, ...schedule },
    log: (event, { reply }) => {
      events.push(event);
      if (typeof reply === 'string') replies.push(reply);
    },
  });
  endings.push(() => agent.close(0));
  const server = await agent.listen({ place: { host: '127.0.0.1', port: 0 } });
  agent.start();
  const folder = join(box, 'new');
  return { server, events, mails: () => readdirSync(folder).map((name) => decodeUtf8(readFileSync(join(folder, name))) ?? ''), replies, rows: () => [...queue.mails()].map((mail) => rowOf(mail)) };
}

/** Sends one mail; the arguments of MAIL and RCPT as they are written. */
async function submit({ server }: Host, from: string, to: readonly string[], content = 'Subject: hi\r\n\r\nlong body\r\n'): Promise<void> {
  const peer = await RawPeer.connect(server.port);
  endings.push(() => peer.socket.destroy());
  await peer.reply();
  await peer.command('EHLO client.test');
  const lines = [`MAIL FROM:${from}`, ...to.map((path) => `RCPT TO:${path}`), 'DATA'];
  for (const line of lines) {
    peer.socket.write(encodeUtf8(`${line}\r\n`));
    expect(await peer.reply(), line).toMatch(/^[23]/);
  }
  peer.socket.write(encodeUtf8(`${content}.\r\n`));
  expect(await peer.reply()).toMatch(/^250 2\.0\.0 /);
}

const hello = (...keywords: readonly string[]): readonly string[] => ['S: 220 mx.b.test', 'C: EHLO', ...['mx.b.test', ...keywords].map((word, index, all) => `S: 250${index === all.length - 1 ? ' ' : '-'}${word}`)];
const field = (report: string, name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(report)?.[1];

async function report(host: Host): Promise<string> {
  await until(() => host.mails().length === 1);
  return host.mails()[0] ?? '';
}

describe('a sender who asks (RFC 3461)', () => {
  // shows RFC3461:5.2.2-2 RFC3461:6.3-1 RFC3461:6.3-3 RFC3464:2.2.1-1 RFC3464:2.3.3-6
  it('is told in his words that a mail was passed on to a host without DSN', async () => {
    await using next = await startScriptedServer([...hello(), 'C: MAIL FROM:<alice@a.test>', 'S: 250 ok', 'C: RCPT TO:<bob@b.test>', 'S: 250 ok', 'C: DATA', 'S: 354 go on', 'C: …', 'S: 250 2.0.0 taken', 'C: QUIT', 'S: 221 bye']);
    const host = await start(next.port);
    await submit(host, '<alice@a.test> RET=FULL ENVID=my+2Bid', ['<bob@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2BX@b.test']);
    const text = await report(host);
    expect(['Original-Envelope-Id', 'Original-Recipient', 'Final-Recipient', 'Action', 'Status', 'Remote-MTA', 'Diagnostic-Code'].map((name) => field(text, name))).toEqual(['my+id', 'rfc822; Bob+X@b.test', 'rfc822; bob@b.test', 'relayed', '2.0.0', 'dns; [127.0.0.1]', 'smtp; 250 2.0.0 taken']);
    expect(text).toContain('Subject: Your mail was passed on');
    expect(text).not.toContain('long body');
    await until(() => host.events.includes('done'));
    expect(host.events).toEqual(['accepted', 'delivered', 'reported', 'done']);
  });

  // shows RFC3461:3-1 RFC3461:5.2.1-3 RFC3461:5.2.1-5 RFC3461:5.2.1-8
  it('is not told by us where the next host has DSN: it is asked in his words', async () => {
    await using next = await startScriptedServer([...hello('DSN'), 'C: MAIL FROM:<alice@a.test> RET=HDRS ENVID=my+2Bid', 'S: 250 ok', 'C: RCPT TO:<bob@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2BX@b.test', 'S: 250 ok', 'C: DATA', 'S: 354 go on', 'C: …', 'S: 250 2.0.0 taken', 'C: QUIT', 'S: 221 bye']);
    const host = await start(next.port);
    await submit(host, '<alice@a.test> RET=HDRS ENVID=my+2Bid', ['<bob@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2BX@b.test']);
    await until(() => host.events.includes('done'));
    expect(host.events).toEqual(['accepted', 'delivered', 'done']);
    expect(host.mails()).toEqual([]);
  });

  // shows RFC3461:9.2-2
  it('is told the status in the class of the reply, and the reply as it came; so are the log and the operator', async () => {
    await using next = await startScriptedServer([...hello(), 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 550 4.1.1 gone', 'C: RCPT', 'S: 450 5.2.2 full', 'C: QUIT', 'S: 221 bye']);
    const host = await start(next.port);
    await submit(host, '<alice@a.test>', ['<bob@b.test>', '<carol@b.test>']);
    const text = await report(host);
    expect(['Final-Recipient', 'Status', 'Diagnostic-Code'].map((name) => field(text, name))).toEqual(['rfc822; bob@b.test', '5.1.1', 'smtp; 550 4.1.1 gone']);
    expect(text).toContain('    [127.0.0.1] said: 550 4.1.1 gone\r\n');
    expect(host.replies).toEqual(['550 5.1.1 gone', '450 4.2.2 full']);
    await until(() => host.rows().some(({ recipients }) => recipients.every(({ reply }) => reply !== undefined)));
    expect(host.rows().flatMap(({ recipients }) => recipients.map(({ to, reply }) => [to, reply]))).toEqual([['<bob@b.test>', '550 5.1.1 gone'], ['<carol@b.test>', '450 4.2.2 full']]);
  });

  // shows RFC3461:6.3-17 RFC3461:6.3-18 RFC3461:9.2-2 RFC3464:2.3.6-1 RFC3464:2.3.6-3
  it('is told of mail that has expired what a host said last, as it came, and which', async () => {
    await using next = await startScriptedServer(['S: 554 5.7.1 not you', 'C: QUIT', 'S: 221 bye']);
    const host = await start(next.port, { expire: 0 });
    await submit(host, '<alice@a.test>', ['<bob@b.test>']);
    const text = await report(host);
    expect(['Action', 'Status', 'Remote-MTA', 'Diagnostic-Code'].map((name) => field(text, name))).toEqual(['failed', '4.4.7', 'dns; [127.0.0.1]', 'smtp; 554 5.7.1 not you']);
    expect(text).toMatch(/\r\n    \[127\.0\.0\.1\] said: 554 5\.7\.1 not you\r\n    It was tried until .*, and then given up\.\r\n/);
  });

  it('is told our verdict on mail that has expired where no host said anything', async () => {
    const host = await start(await unusedPort(), { expire: 0 });
    await submit(host, '<alice@a.test>', ['<bob@b.test>']);
    const text = await report(host);
    expect(['Action', 'Status', 'Remote-MTA'].map((name) => field(text, name))).toEqual(['failed', '4.4.7', undefined]);
    expect(text).toContain('\r\nDiagnostic-Code: X-ehlo; 451 4.4.7 the mail has not been delivered in time:\r\n ');
  });

  const REFUSING = [...hello(), 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 550 5.1.1 no such user', 'C: QUIT', 'S: 221 bye'];

  // shows RFC3461:4.3-2 RFC3461:6.2-3
  it('gets the whole mail back with RET=FULL, and the header without', async () => {
    await using next = await startScriptedServer(REFUSING);
    const host = await start(next.port);
    await submit(host, '<alice@a.test> RET=FULL', ['<bob@b.test>']);
    expect(await report(host)).toMatch(/Content-Type: message\/rfc822\r\n[^]*\r\n\r\nReceived: [^]*Subject: hi\r\n\r\nlong body\r\n/);
  });

  // shows RFC3461:4.1-7 RFC3461:4.3-2 RFC3461:4.3-4 RFC3461:5.2.2-3 RFC3461:5.2.2-8 RFC3461:5.2.6-1 RFC3461:5.2.6-4
  it.each([['RET=HDRS', ''], ['', 'NOTIFY=FAILURE']])('gets the header back with %j and %j', async (mail, rcpt) => {
    await using next = await startScriptedServer(REFUSING);
    const host = await start(next.port);
    await submit(host, `<alice@a.test> ${mail}`.trim(), [`<bob@b.test> ${rcpt}`.trim()]);
    const text = await report(host);
    expect([field(text, 'Action'), text.includes('long body')]).toEqual(['failed', false]);
    expect(Date.parse(field(text, 'Last-Attempt-Date') ?? '') - Date.parse(field(text, 'Arrival-Date') ?? '')).toBeGreaterThanOrEqual(0);
  });

  // shows RFC3461:4.1-6 RFC3461:5.2.2-4 RFC3461:5.2.6-2
  it.each(['NEVER', 'SUCCESS', 'SUCCESS,DELAY'])('is told of no failure with NOTIFY=%s', async (notify) => {
    await using next = await startScriptedServer(REFUSING);
    const host = await start(next.port);
    await submit(host, '<alice@a.test>', [`<bob@b.test> NOTIFY=${notify}`]);
    await until(() => host.events.includes('done'));
    expect(host.events).toEqual(['accepted', 'failed', 'undeliverable', 'done']);
    expect(host.mails()).toEqual([]);
  });

  // shows RFC3461:4.1-6 RFC3461:4.1-7 RFC3461:5.2.3-1 RFC3461:5.2.3-2 RFC3461:5.2.3-3 RFC3461:5.2.8-1 RFC3464:2.3.3-5
  it('is told of a delivery into the Maildir, and only if he asks', async () => {
    const host = await start(1);
    await submit(host, '<alice@a.test> ENVID=x', ['<carol@a.test> NOTIFY=SUCCESS', '<dave@a.test>', '<erin@a.test> NOTIFY=NEVER']);
    await until(() => host.mails().length === 2);
    const text = host.mails().find((each) => each.includes('multipart/report')) ?? '';
    expect(['Final-Recipient', 'Action', 'Status', 'Original-Envelope-Id'].map((name) => field(text, name))).toEqual(['rfc822; carol@a.test', 'delivered', '2.0.0', 'x']);
    expect(text).not.toMatch(/dave|erin/);
    expect(text).toContain('\r\nSubject: hi\r\n');
  });

  // shows RFC3461:4.1-8 RFC3461:5.2.5-1 RFC3461:5.2.5-2 RFC3461:5.2.5-4
  it('is told of a delay, once', async () => {
    await using next = await startScriptedServer([...hello(), 'C: MAIL', 'S: 450 4.2.0 later', 'C: QUIT', 'S: 221 bye']);
    const host = await start(next.port, { delayWarning: 500 });
    await submit(host, '<alice@a.test>', ['<bob@b.test> NOTIFY=DELAY', '<carol@b.test> NOTIFY=FAILURE']);
    const text = await report(host);
    expect(['Final-Recipient', 'Action', 'Status', 'Diagnostic-Code'].map((name) => field(text, name))).toEqual(['rfc822; bob@b.test', 'delayed', '4.2.0', 'smtp; 450 4.2.0 later']);
    expect(Date.parse(field(text, 'Will-Retry-Until') ?? '') - Date.parse(field(text, 'Arrival-Date') ?? '')).toBe(RETRY_SCHEDULE.expire);
    expect(text).not.toContain('carol');
    expect(field(text, 'Last-Attempt-Date')).toBeUndefined(); // found by reading: it said when the report was made
    await until(() => host.events.includes('warned'));
    await pause(300, new AbortController().signal);
    expect(host.events.filter((event) => event === 'warned')).toHaveLength(1);
  });
});

describe('a sender whose address is not ASCII (RFC 6533)', () => {
  // shows RFC6531:3.2-12 RFC6531:3.2-15
  it('is told in UTF-8', async () => {
    await using next = await startScriptedServer([...hello('8BITMIME', 'SMTPUTF8'), 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 550 5.1.1 no such user', 'C: QUIT', 'S: 221 bye']);
    const host = await start(next.port);
    await submit(host, '<jörg@a.test> SMTPUTF8', ['<bøb@b.test>'], 'Subject: été\r\n\r\nbody\r\n');
    const text = await report(host);
    expect(text).toContain('Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n');
    expect(field(text, 'Final-Recipient')).toBe('utf-8; bøb@b.test');
    expect(text).toContain('Content-Type: message/global-headers\r\n');
    expect(text).toContain('Subject: été\r\n');
  });

  // shows RFC6531:3.2-11
  it('is told that the next host takes no such mail', async () => {
    await using next = await startScriptedServer([...hello('8BITMIME'), 'C: QUIT', 'S: 221 bye']);
    const host = await start(next.port);
    await submit(host, '<alice@a.test> SMTPUTF8', ['<bob@b.test>']);
    expect(field(await report(host), 'Status')).toMatch(/^5\.6\.\d+$/);
  });
});
