import { describe, expect, it } from 'vitest';
import { notify } from '../../src/node/notifier.ts';
import { reply } from '../../src/syntax/reply.ts';
import { concat } from '../../src/wire/octet.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/wire/utf8.ts';
import { mailOf, MemoryQueue } from '../support/memory-queue.ts';

describe('a notification of mail whose content has decayed', () => {
  it('is made all the same, without the header of it', async () => {
    const queue = new MemoryQueue();
    const mail = queue.put(mailOf('m1', '<alice@a.test>', '<bob@b.test>'), encodeUtf8('Subject: lunch\r\n\r\nHello\r\n'));
    queue.content = async function* () {
      yield encodeUtf8('Subj');
      throw new Error('the content of m1 in msg/m1 is not what was stored there');
    };
    const news = [{ recipient: 0, action: 'failed', state: { state: 'failed', reply: reply(451, '4.4.7', 'not in time') } }] as const;
    const made = await notify(mail, news, { hostname: 'relay.test', queue, admission: { accept: new Set(), relayFrom: [] }, expire: 1 });
    const pieces: Uint8Array[] = [];
    for await (const octets of made?.queue?.content() ?? []) pieces.push(octets);
    const text = decodeUtf8(concat(pieces)) ?? '';
    expect(text).toContain('Final-Recipient: rfc822; bob@b.test');
    expect(text).toMatch(/\r\nContent-Type: text\/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\r\n--/);
  });
});
