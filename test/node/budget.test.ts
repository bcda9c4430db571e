import { describe, expect, it } from 'vitest';
import { BUDGET, Budget, HIGH_WATER } from '../../src/node/budget.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import { listening } from '../support/listening.ts';
import type { RawPeer } from '../support/raw-peer.ts';
import { deferred, turns, until } from '../support/turn.ts';

describe('a budget', () => {
  it('lets each connection have its share until it is exhausted, and nothing then', () => {
    const budget = new Budget(100);
    expect(budget.highWater).toBe(HIGH_WATER);
    budget.charge(100);
    expect([budget.exhausted, budget.overdrawn, budget.highWater]).toEqual([true, false, 0]);
    budget.charge(50);
    expect(budget.overdrawn).toBe(true);
    budget.charge(-150);
    expect([budget.exhausted, budget.overdrawn, budget.highWater, budget.octets]).toEqual([false, false, HIGH_WATER, 0]);
  });

  it('is 64 MiB where nothing is said', () => {
    const budget = new Budget();
    budget.charge(BUDGET - 1);
    expect(budget.exhausted).toBe(false);
    budget.charge(1);
    expect(budget.exhausted).toBe(true);
    expect(BUDGET).toBe(64 * 1024 ** 2);
  });
});

const { serve, connect, greeted } = listening();
const ENVELOPE = ['MAIL FROM:<a@a.test>', 'RCPT TO:<b@b.test>', 'DATA'];
const TEXT = `${'x'.repeat(998)}\r\n`.repeat(100);

describe('connections whose budget is spent', () => {
  it('are held back, turn further ones away with 421 4.3.2, and are served when there is room again', async () => {
    const go = deferred();
    const server = await serve({ maxBuffered: 300_000 }, {
      async message({ content }) {
        await go.promise;
        for await (const _ of content); // all of it
        return accept();
      },
    });
    const peers = await Promise.all(Array.from({ length: 6 }, () => greeted(server)));
    for (const peer of peers) {
      for (const line of ENVELOPE) await peer.command(line);
      for (let part = 0; part < 20; part++) peer.say(TEXT);
      peer.say('.\r\n');
    }
    let refusal = '';
    for (const end = Date.now() + 4_000; !refusal.startsWith('421 ') && Date.now() < end; await turns(5)) refusal = await (await connect(server)).reply();
    expect(refusal).toMatch(/^421 4\.3\.2 mx\.test /);
    go.resolve();
    for (const peer of peers) expect(await peer.reply()).toMatch(/^250 /);
    expect(await (await connect(server)).reply()).toMatch(/^220 /);
  });

  it('do not stop one whose reader keeps up', async () => {
    const never = new Promise<never>(() => undefined);
    const server = await serve({ maxBuffered: 100_000 }, {
      async message({ content, reversePath }) {
        if (reversePath.type === 'path') await never;
        for await (const _ of content); // all of it
        return accept();
      },
    });
    const honest = await greeted(server);
    const stuck = await greeted(server);
    for (const line of ENVELOPE) await stuck.command(line);
    for (let part = 0; part < 20; part++) stuck.say(TEXT);
    await turns(20);
    for (const line of ['MAIL FROM:<>', ...ENVELOPE.slice(1)]) await honest.command(line);
    for (let part = 0; part < 20; part++) honest.say(TEXT);
    expect(await honest.command('.')).toMatch(/^250 /);
  });

  // found by reading: all of it was taken in while the hook "client" thought, 200 MB in a second
  it('leave what comes before the banner where it is', async () => {
    const banner = deferred();
    const server = await serve({}, { client: () => banner.promise });
    const peer = await connect(server);
    for (let part = 0; part < 100; part++) peer.say(TEXT);
    await until(() => server.buffered > 0);
    await turns(500);
    expect(server.buffered).toBeLessThan(300_000);
    banner.resolve();
    expect(await peer.reply()).toMatch(/^220 /);
    await until(() => server.buffered === 0);
  });

  it('give everything back when they are gone', async () => {
    const server = await serve({ maxBuffered: 100_000, hookTimeout: 200 }, { message: () => new Promise<never>(() => undefined) });
    const stuck = await greeted(server);
    for (const line of ENVELOPE) await stuck.command(line);
    for (let part = 0; part < 20; part++) stuck.say(TEXT);
    await until(() => server.buffered > 100_000);
    stuck.reset(); // which shows when it is read on
    await until(() => server.sessions === 0);
    expect(server.buffered).toBe(0);
  });
});

describe('recipients of all connections together', () => {
  /** How many of so many more recipients, as long as they may be, hear 250; the others hear 452. */
  const taken = async (peer: RawPeer, count: number): Promise<number> => {
    peer.say(`RCPT TO:<${'b'.repeat(64)}@b.test> ORCPT=rfc822;${'c'.repeat(450)}\r\n`.repeat(count));
    let accepted = 0;
    for (let recipient = 0; recipient < count; recipient++) {
      const said = await peer.reply();
      if (said.startsWith('250 ')) accepted++;
      else expect(said).toBe('452 4.5.3 too many recipients, send the rest in another mail\r\n');
    }
    return accepted;
  };

  it('may be so many octets; each mail has the hundred that RFC 5321 §4.5.3.1.8 asks for all the same', async () => {
    const server = await serve({ maxBuffered: 1_000_000, without: [] });
    const [first, second, third] = await Promise.all([greeted(server), greeted(server), greeted(server)]);
    for (const peer of [first, second, third]) await peer.command('MAIL FROM:<a@a.test>');
    const most = await taken(first, 1_000);
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThan(1_000);
    expect([await taken(second, 110), await taken(third, 110)]).toEqual([100, 100]);
    await first.command('RSET');
    expect(await taken(second, 10)).toBe(10);
    third.reset();
    await until(() => server.sessions === 2);
    expect(await taken(second, 10)).toBe(10);
    await first.command('MAIL FROM:<a@a.test>');
    expect(await taken(first, 1_000)).toBe(most - 120);
    expect(await second.command('DATA')).toMatch(/^354/);
    expect(await second.command('hello\r\n.')).toMatch(/^250/);
    expect(await taken(first, 120)).toBe(120);
  });
});
