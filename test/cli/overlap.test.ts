import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { overlapOf } from '../../src/cli/overlap.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('a Maildir and a queue', () => {
  async function found(maildir: string, queue: string, links: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
    using folder = temporaryDirectory();
    const below = (name: string): string => join(folder.path, name);
    for (const name of ['there', 'there/box', 'there/box/x']) mkdirSync(below(name), { recursive: true });
    for (const [name, to] of Object.entries(links)) symlinkSync(below(to), below(name));
    return (await overlapOf(`${folder.path}/${maildir}`, `${folder.path}/${queue}`))?.replaceAll(folder.path, 'FOLDER');
  }

  const OUTSIDE = /^--maildir "[^"]*": expected a folder outside of --queue "[^"]*"$/;

  it.each<[string, string, string, Readonly<Record<string, string>>?]>([
    ['in one folder',                              'q',          'q'],
    ['in one folder, written in two ways',         'q/../q/',    './q'],
    ['in one folder that is there',                'there',      'there/'],
    ['the Maildir below the queue',                'q/box',      'q'],
    ['the Maildir below the queue, which is there', 'there/new/x', 'there'],
    ['the Maildir below the queue by a link',      'link/box/x', 'there', { link: 'there' }],
    ['the queue by a link above the Maildir',      'there/box',  'link',  { link: 'there' }],
    ['mails below the queue by a link',            'there',      'q',     { q: 'there/box', 'there/new': 'there/box/x' }],
  ])('do not go together %s', async (_, maildir, queue, links) => {
    expect(await found(maildir, queue, links)).toMatch(OUTSIDE);
  });

  it.each(['new', 'cur', 'tmp'])('do not go together with the queue among the mails: %s', async (name) => {
    const line = (queue: string, maildir: string): string => `--queue "FOLDER/${queue}": expected a folder outside of "FOLDER/${maildir}/${name}", which is for the mail of --maildir`;
    expect(await found('box', `box/${name}`)).toBe(line(`box/${name}`, 'box'));
    expect(await found('there', `link/${name}/q`, { link: 'there' })).toBe(line(`link/${name}/q`, 'there'));
  });

  it.each([['box', 'queue'], ['q2', 'q'], ['q', 'q2'], ['box', 'box/queue'], ['there', 'there/box'], ['box', 'box/newer']])('go together side by side, or the queue in the Maildir where no mail is: %s and %s', async (maildir, queue) => {
    expect(await found(maildir, queue)).toBe(undefined);
  });
});
