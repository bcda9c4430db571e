import { describe, expect, it } from 'vitest';
import { ManyPaths } from '../../src/node/many-paths.ts';
import { Journal } from '../../src/node/journal.ts';
import type { StoredEnvelope } from '../../src/relay/queue/fact.ts';
import { forwardPathsOf } from '../../src/relay/queue/stored-mail.ts';
import { parseForwardPath, type ForwardPath } from '../../src/syntax/path.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { SimDisk } from '../support/sim-disk.ts';

function envelope(id: string, recipients: number): StoredEnvelope {
  return { id, arrival: 0, reversePath: '<a@sender.test>', forwardPaths: Array.from({ length: recipients }, (_, recipient) => `<b@${recipient}.${id}.test>`), size: 0, eightBit: false, parameters: '', recipientParameters: [] };
}

describe('the paths of a mail with many recipients', () => {
  it('are made once, and are those of its text', () => {
    const paths = new ManyPaths();
    const mail = envelope('m', 500);
    const made = paths.of(mail);
    expect(made?.reversePath.text).toBe('<a@sender.test>');
    expect(made?.forwardPaths).toEqual(forwardPathsOf(mail));
    expect(paths.of(mail)).toBe(made);
  });

  it('are not kept where they are few, or more than all that are kept', () => {
    const paths = new ManyPaths();
    for (const recipients of [1, 19, 20_001]) expect(paths.of(envelope('m', recipients))).toBeUndefined();
  });

  it('of the mail asked for first go first, when they are too many', () => {
    const paths = new ManyPaths();
    const mails = Array.from({ length: 21 }, (_, index) => envelope(`m${index}`, 1_000));
    const made = mails.map((mail) => paths.of(mail));
    expect(paths.of(mails[20] ?? envelope('', 0))).toBe(made[20]);
    expect(paths.of(mails[1] ?? envelope('', 0))).toBe(made[1]);
    const again = paths.of(mails[0] ?? envelope('', 0));
    expect(again).not.toBe(made[0]);
    expect(again).toEqual(made[0]);
  });

  it('are those that the journal hands out each time', async () => {
    const journal = await Journal.on(new SimDisk(), { floor: 0 });
    const forwardPaths = envelope('m', 30).forwardPaths.map((text) => parseForwardPath(text)).filter((path): path is ForwardPath => !isFault(path));
    await journal.add({ id: 'm', reversePath: { type: 'null', text: '<>', key: '' }, forwardPaths }, (async function* () {
      yield new Uint8Array(300_000); // too large to be kept with its paths
    })());
    const first = journal.mail('m')?.forwardPaths;
    expect(first).toEqual(forwardPaths);
    await journal.settle('m', forwardPaths.map((_, recipient) => ({ state: recipient === 0 ? 'delivered' : 'waiting' })), 1);
    expect(journal.mail('m')?.forwardPaths).toBe(first);
    await journal.close();
  });
});
