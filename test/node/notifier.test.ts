import { describe, expect, it } from 'vitest';
import { notify } from '../../src/node/notifier.ts';
import { reply } from '../../src/syntax/reply.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/wire/utf8.ts';
import { allOf, inPieces } from '../support/content.ts';
import { mailOf, MemoryQueue } from '../support/memory-queue.ts';

describe('a notification of mail whose content has decayed', () => {
  it('is made all the same, without the header of it', async () => {
    const queue = new MemoryQueue();
    const mail = queue.put({ ...mailOf('m1', '<alice@a.test>', '<bob@b.test>'), parameters: { ret: 'FULL' } }, encodeUtf8('Subject: lunch\r\n\r\nHello\r\n'));
    queue.content = async function* () {
      yield encodeUtf8('Subj');
      throw new Error('the content of m1 in msg/m1 is not what was stored there');
    };
    const news = [{ recipient: 0, action: 'failed', state: { state: 'failed', reply: reply(451, '4.4.7', 'not in time') } }] as const;
    const made = await notify(mail, news, { hostname: 'relay.test', queue, admission: { accept: new Set(), relayFrom: [] }, expire: 1 });
    const octets = await allOf(made?.queue?.content() ?? inPieces());
    const text = decodeUtf8(octets) ?? '';
    expect(text).toContain('Final-Recipient: rfc822; bob@b.test');
    expect(text).toMatch(/\r\nContent-Type: text\/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\r\n--/);
  });
});

describe('a notification', () => {
  const ADMISSION = { accept: new Set<string>(), relayFrom: [] };
  const FAILED = { state: 'failed', reply: reply(550, '5.1.1', 'no such user') } as const;

  it('has the id of its news, so that it is made once, and none is taken for another', async () => {
    const queue = new MemoryQueue();
    const mail = queue.put(mailOf('m1', '<alice@a.test>', '<bob@b.test>', '<carol@b.test>'), encodeUtf8('\r\n'));
    const ids = [];
    for (const [recipient, action] of [[0, 'delayed'], [0, 'failed'], [1, 'failed']] as const) ids.push((await notify(mail, [{ recipient, action, state: FAILED }], { hostname: 'relay.test', queue, admission: ADMISSION, expire: 1 }))?.id);
    expect(ids).toEqual(['m1-0-d', 'm1-0', 'm1-1']);
  });

  it('is not made where there is too little of something to read the content, of which there is more in a while', async () => {
    const queue = new MemoryQueue();
    const mail = queue.put(mailOf('m1', '<alice@a.test>', '<bob@b.test>'), encodeUtf8('\r\n'));
    queue.content = () => { throw Object.assign(new Error('too many open files'), { code: 'EMFILE' }); };
    await expect(notify(mail, [{ recipient: 0, action: 'failed', state: FAILED }], { hostname: 'relay.test', queue, admission: ADMISSION, expire: 1 })).rejects.toThrow('too many open files');
  });

  it.each([[undefined, 'failed', false], ['FULL', 'failed', true], ['FULL', 'delayed', false]] as const)('reads no more of the content than it returns: RET %s, %s', async (ret, action, whole) => {
    const queue = new MemoryQueue();
    const mail = { ...queue.put(mailOf('m1', '<alice@a.test>', '<bob@b.test>'), encodeUtf8('')), parameters: ret === undefined ? {} : { ret } };
    let ended = false;
    queue.content = async function* () {
      for (let line = 0; line < 5_000; line++) yield encodeUtf8(`${line === 0 ? 'Subject: lunch\r\n\r\n' : ''}${'x'.repeat(70)}\r\n`);
      ended = true;
    };
    const made = await notify(mail, [{ recipient: 0, action, state: FAILED }], { hostname: 'relay.test', queue, admission: ADMISSION, expire: 1 });
    expect(ended).toBe(whole);
    expect((await allOf(made?.queue?.content() ?? inPieces())).length > 5_000 * 72).toBe(whole);
  });
});

describe('the time of the last attempt', () => {
  // shows RFC3464:2.3.7-1
  // found by reading: a report of a delay, or of what the operator had given up, said when it was made itself
  it('is told where it is known, however much later the report is made', async () => {
    const queue = new MemoryQueue();
    const mail = queue.put(mailOf('m1', '<alice@a.test>', '<bob@b.test>', '<carol@b.test>'), encodeUtf8('Subject: lunch\r\n\r\nHello\r\n'));
    const state = { state: 'failed', reply: reply(550, '5.1.1', 'no such user') } as const;
    const news = [{ recipient: 0, action: 'failed', state, tried: 1_000 }, { recipient: 1, action: 'failed', state }] as const;
    const made = await notify(mail, news, { hostname: 'relay.test', queue, admission: { accept: new Set(), relayFrom: [] }, expire: 1 });
    const octets = await allOf(made?.queue?.content() ?? inPieces());
    const groups = (decodeUtf8(octets) ?? '').split('\r\n\r\n').filter((group) => group.startsWith('Final-Recipient'));
    expect(groups.map((group) => /^Last-Attempt-Date: (.*)\r?$/m.exec(group)?.[1])).toEqual(['Thu, 1 Jan 1970 00:00:01 +0000', undefined]);
  });
});

describe('the postmaster, for whom a client needs no domain (RFC 5321 §4.1.1.3)', () => {
  // found by reading: the address had no domain, as no addr-spec may be
  it('is reported as that of this host', async () => {
    const queue = new MemoryQueue();
    const mail = queue.put(mailOf('m1', '<alice@a.test>', '<Postmaster>'), encodeUtf8('Subject: lunch\r\n\r\nHello\r\n'));
    const news = [{ recipient: 0, action: 'failed', state: { state: 'failed', reply: reply(554, '5.4.6', 'it loops') } }] as const;
    const made = await notify(mail, news, { hostname: 'relay.test', queue, admission: { accept: new Set(), relayFrom: [] }, expire: 1 });
    const octets = await allOf(made?.queue?.content() ?? inPieces());
    expect(decodeUtf8(octets)).toMatch(/\r\nFinal-Recipient: rfc822; postmaster@relay\.test\r\n/);
  });
});
