import { createServer, connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectTo, type MailClientOptions, type MailToSend } from '../../src/node/client.ts';
import type { RecipientOutcome } from '../../src/node/deliver.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { listening } from '../support/listening.ts';
import { randomOf, TIMES } from '../support/random.ts';
import { latin1 } from '../support/raw-peer.ts';
import { FAREWELL, startScriptedServer } from '../support/scripted-server.ts';

const { serve } = listening();

const OPTIONS: MailClientOptions = { hostname: 'client.test', connections: 1, timeout: 5_000 };
const GREETING = ['S: 220 mx.test ESMTP', 'C: EHLO', 'S: 250-mx.test', 'S: 250 PIPELINING'];
const ENVELOPE = ['C: MAIL', 'C: RCPT', 'C: DATA'];
const GO_ON = ['S: 250 ok', 'S: 250 ok', 'S: 354 go'];

const mailTo = (...names: readonly string[]): MailToSend => ({ from: 'alice@a.test', to: names.map((name) => `${name}@b.test`), content: latin1(`${names.join()}\r\n`) });
const brief = (outcomes: readonly RecipientOutcome[]): string => outcomes.map(({ outcome }) => [outcome.state, outcome.reply.code, ...('reason' in outcome ? [outcome.reason] : [])].join(' ')).join(', ');

/** Sends mails to `1`, `2` … at once, over one connection at a time. */
async function sendTo(port: number, names: readonly string[], options: MailClientOptions = {}): Promise<readonly string[]> {
  const client = connectTo(`smtp://127.0.0.1:${port}`, { ...OPTIONS, ...options });
  const outcomes = await Promise.all(names.map((name) => client.send(mailTo(name))));
  await client.close();
  return outcomes.map(brief);
}

describe('a client with several mails for a server that pipelines (RFC 2920 §3.1)', () => {
  it('says the envelope of the next one before the end of the one before is answered', async () => {
    await using server = await startScriptedServer([...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', ...ENVELOPE, 'S: 250 taken', ...GO_ON, 'C: …', 'S: 250 taken', ...FAREWELL]);
    expect(await sendTo(server.port, ['1', '2'])).toEqual(['delivered 250', 'delivered 250']);
    expect(server.heard[0]).toContain('\r\n1\r\n.\r\nMAIL FROM:<alice@a.test>\r\nRCPT TO:<2@b.test>\r\nDATA\r\n2\r\n.\r\nQUIT\r\n');
  });

  it('has the next one go over a fresh connection where the first is lost before its turn', async () => {
    await using server = await startScriptedServer([...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', ...ENVELOPE, '* reset'], [...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', 'S: 250 taken', ...FAREWELL]);
    expect(await sendTo(server.port, ['1', '2'])).toEqual(['unknown 451 connection-lost', 'delivered 250']);
    expect(server.connections).toBe(2);
  });

  it.each([
    ['closes', ['S: 421 closing', '* end'], 'deferred 421'],
    ['says nothing', [], 'unknown 451 timeout'],
    ['says what is no reply', ['S: what'], 'unknown 451 bad-reply'],
  ] as const)('and where the server %s', async (_, says, first) => {
    await using server = await startScriptedServer([...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', ...ENVELOPE, ...says], [...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', 'S: 250 taken', ...FAREWELL]);
    expect(await sendTo(server.port, ['1', '2'], { timeout: 1_000 })).toEqual([first, 'delivered 250']);
  });

  it('says nothing behind a mail that may need a further transaction', async () => {
    await using server = await startScriptedServer([
      ...GREETING, 'C: MAIL', 'C: RCPT', 'C: RCPT', 'C: DATA', 'S: 250 ok', 'S: 250 ok', 'S: 452 too many', 'S: 354 go', 'C: …', 'S: 250 taken',
      ...ENVELOPE, ...GO_ON, 'C: …', 'S: 250 taken', ...ENVELOPE, ...GO_ON, 'C: …', 'S: 250 taken', ...FAREWELL,
    ]);
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, OPTIONS);
    const outcomes = await Promise.all([client.send(mailTo('1', '2')), client.send(mailTo('3'))]);
    await client.close();
    expect(outcomes.map(brief)).toEqual(['delivered 250, delivered 250', 'delivered 250']);
    expect(server.heard[0]?.match(/RCPT TO:<\d/g)?.map((rcpt) => rcpt.at(-1)).join('')).toBe('1223');
  });

  it('changes connections after as many mails as one may have', async () => {
    const two = [...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', ...ENVELOPE, 'S: 250 taken', ...GO_ON, 'C: …', 'S: 250 taken', ...FAREWELL];
    await using server = await startScriptedServer(two, two, [...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', 'S: 250 taken', ...FAREWELL]);
    expect(await sendTo(server.port, ['1', '2', '3', '4', '5'], { mailsPerConnection: 2 })).toEqual(Array.from({ length: 5 }, () => 'delivered 250'));
    expect(server.heard.map((heard) => heard.match(/^MAIL/gm)?.length)).toEqual([2, 2, 1]);
  });

  it('sends nothing of a mail whose content is no text, and goes on', async () => {
    await using server = await startScriptedServer([...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', 'S: 250 taken', ...ENVELOPE, ...GO_ON, 'C: …', 'S: 250 taken', ...FAREWELL]);
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, OPTIONS);
    const outcomes = await Promise.all([client.send(mailTo('1')), client.send({ ...mailTo('2'), content: latin1('bare\nLF\r\n') }), client.send(mailTo('3'))]);
    await client.close();
    expect(outcomes.map(brief)).toEqual(['delivered 250', 'failed 554 bad-content', 'delivered 250']);
  });

  it('says nothing behind a mail once `closing` has aborted', async () => {
    await using server = await startScriptedServer([...GREETING, ...ENVELOPE, ...GO_ON, 'C: …', 'S: 250 taken', ...FAREWELL]);
    const aborter = new AbortController();
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, closing: aborter.signal });
    const sent: ReturnType<typeof client.send>[] = [];
    let reads = 0;
    sent.push(client.send({ ...mailTo('1'), content: async function* () {
      yield latin1('1\r\n');
      if (++reads === 1) return; // to be measured
      sent.push(client.send(mailTo('2')));
      aborter.abort();
    } }));
    expect(brief(await sent[0] ?? [])).toBe('delivered 250');
    expect(brief(await sent[1] ?? [])).toBe('deferred 451 aborted');
    expect(server.heard[0]?.match(/^MAIL/gm)).toHaveLength(1);
    await client.close();
  });

  const MANY = 150 * TIMES;

  it('tells the truth about each of many mails while connections break, and sends none twice', async () => {
    const taken = new Map<string, number>();
    const server = await serve({ without: ['CHUNKING', 'BINARYMIME'] }, {
      async message(mail) {
        let text = '';
        for await (const octets of mail.content) text += decodeLatin1(octets);
        taken.set(text.trim(), (taken.get(text.trim()) ?? 0) + 1);
        return accept();
      },
    });
    const random = randomOf(7);
    let broken = 0;
    const breaking = createServer({ allowHalfOpen: false, noDelay: true }, (socket) => { // after some octets of either side, wherever that is
      const peer = connect({ host: '127.0.0.1', port: server.port, noDelay: true });
      let left = 500 + random.below(6_000);
      const pass = (from: typeof peer, to: typeof peer): void => {
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
        from.on('data', (octets) => {
          left -= octets.length;
          if (left > 0) return void to.write(octets);
          broken += 1;
          to.write(octets.subarray(0, Math.max(0, left + octets.length)), () => to.destroy());
          from.destroy();
        });
      };
      pass(socket, peer);
      pass(peer, socket);
    });
    await new Promise<void>((resolve) => {
      breaking.on('listening', resolve);
      breaking.listen({ host: '127.0.0.1', port: 0 });
    });
    const address = breaking.address();
    const client = connectTo(`smtp://127.0.0.1:${address !== null && typeof address !== 'string' ? address.port : 0}`, { ...OPTIONS, connections: 4 });
    function* mails(): Generator<MailToSend, void> {
      for (let at = 0; at < MANY; at += 1) yield mailTo(`${at}`);
    }
    const states = new Map<string, number>();
    let at = 0;
    for await (const [result] of client.sendAll(mails())) {
      const state = result?.outcome.state ?? 'none';
      const times = taken.get(`${at}`) ?? 0;
      states.set(state, (states.get(state) ?? 0) + 1);
      if (state === 'delivered' ? times !== 1 : state === 'unknown' ? times > 1 : times !== 0) throw new Error(`mail ${at} is ${state}, and was taken ${times} times`);
      at += 1;
    }
    await client.close();
    await new Promise<void>((resolve) => breaking.close(resolve));
    expect(at).toBe(MANY);
    expect(broken).toBeGreaterThan(MANY / 50);
    expect(states.get('delivered')).toBeGreaterThan(MANY * 0.8);
    expect([...taken.values()].every((times) => times === 1)).toBe(true);
  });
});

describe('a long row of mails', () => {
  it('is taken no faster than it goes, and may be left in the middle: what was begun has its outcomes, and the client ends', async () => {
    let taken = 0;
    const server = await serve({ without: ['CHUNKING', 'BINARYMIME'] }, { message: () => {
      taken += 1;
      return accept();
    } });
    const client = connectTo(`smtp://127.0.0.1:${server.port}`, { ...OPTIONS, connections: 3, waiting: 10 });
    let given = 0;
    let ended = false;
    function* endless(): Generator<MailToSend, void> {
      try {
        for (;;) yield mailTo(`${given++}`);
      } finally {
        ended = true;
      }
    }
    let told = 0;
    for await (const outcomes of client.sendAll(endless())) {
      expect(brief(outcomes)).toBe('delivered 250');
      if (given - told > 14) throw new Error(`${given} were given, ${told} told`);
      if (++told === 200) break;
    }
    expect(ended).toBe(true);
    await client.close();
    expect(taken).toBe(given);
    expect(given).toBeLessThanOrEqual(214);
  });
});
