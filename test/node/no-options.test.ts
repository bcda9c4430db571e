// What a program without types may give in place of an object: each time UsageError says what was wanted, and no TypeError which property was read.

import { describe, expect, it } from 'vitest';
import { connectTo, MailClient } from '../../src/node/client.ts';
import { Users } from '../../src/node/credential.ts';
import { FileQueue } from '../../src/node/file-queue.ts';
import { listen } from '../../src/node/listen.ts';
import { Maildir } from '../../src/node/maildir.ts';
import { relay } from '../../src/node/relay.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { TlsClient } from '../../src/node/tls-client.ts';
import { TransferAgent } from '../../src/node/transfer-agent.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import { UsageError } from '../../src/wire/usage.ts';

const NONE = null as never;
const ABSENT = undefined as never;
const WORD = 'mx.test' as never;

describe('what is no options', () => {
  it.each<[string, string, () => unknown]>([
    ['relay', 'options must be an object, not null', () => relay('<>', ['bob@b.test'], new Uint8Array(), NONE)],
    ['relay', 'options must be an object, not "mx.test"', () => relay('<>', ['bob@b.test'], new Uint8Array(), WORD)],
    ['connectTo', 'options must be an object, not null', () => connectTo('smtp://mx.test', NONE)],
    ['connectTo', 'options must be an object, not "mx.test"', () => connectTo('smtp://mx.test', WORD)],
    ['new MailClient', 'options must be an object, not null', () => new MailClient({ host: 'mx.test', port: 25 }, NONE)],
    ['client.send', 'a mail must be an object, with from, to and content, not undefined', () => connectTo('smtp://mx.test').send(ABSENT)],
    ['client.send', 'a mail must be an object, with from, to and content, not null', () => connectTo('smtp://mx.test').send(NONE)],
    ['client.sendAll', 'mails are given as an iterable, also where it is one', () => connectTo('smtp://mx.test').sendAll(ABSENT).next()],
    ['client.sendAll', 'mails are given as an iterable, also where it is one', () => connectTo('smtp://mx.test').sendAll({} as never).next()],
    ['new TlsClient', 'options must be an object, not null', () => new TlsClient(NONE)],
    ['listen', 'options must be an object, not null', () => listen(NONE)],
    ['listen', 'hooks need at least "message", which decides about each mail', () => listen({ hostname: 'mx.test', port: 0 }, NONE)],
    ['new Resolver', 'options must be an object, not null', () => new Resolver(NONE)],
    ['FileQueue.open', 'the directory must be a path, such as "./queue", not undefined', () => FileQueue.open(ABSENT)],
    ['FileQueue.open', 'the directory must be a path, such as "./queue", not ""', () => FileQueue.open('')],
    ['Maildir.open', 'the directory must be a path, such as "./Maildir", not undefined', () => Maildir.open(ABSENT)],
    ['Maildir.open', 'the directory must be a path, such as "./Maildir", not "a\\u0000b"', () => Maildir.open('a\0b')],
    ['Users.read', 'the file of users must be a path, such as "./users", not undefined', () => Users.read(ABSENT)],
    ['new TransferAgent', 'options must be an object, not undefined', () => new TransferAgent(ABSENT)],
    ['new ServerSession', 'options must be an object, not undefined', () => new ServerSession(ABSENT, 0)],
    ['new ClientSession', 'options must be an object, not undefined', () => new ClientSession(ABSENT, 0)],
  ])('throws UsageError: %s: %s', async (_, message, use) => {
    await expect((async () => use())()).rejects.toThrow(new UsageError(message));
  });
});
