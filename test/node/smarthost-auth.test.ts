// That a relay authenticates to its smarthost, and to nobody else.

import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Users } from '../../src/node/credential.ts';
import { FileQueue } from '../../src/node/file-queue.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import { listen } from '../../src/node/listen.ts';
import type { LogFields } from '../../src/node/log.ts';
import { Resolver } from '../../src/node/resolve.ts';
import type { Server } from '../../src/node/server.ts';
import { TransferAgent, type TransferAgentOptions } from '../../src/node/transfer-agent.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../../src/syntax/path.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { cheapCredential } from '../support/cheap-credential.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/turn.ts';

const directory = temporaryDirectory();
afterAll(() => directory[Symbol.dispose]());

const secretOf = (password: string): ReturnType<NonNullable<TransferAgentOptions['smarthostAuth']>> => ({ secret: { type: 'password', authcid: 'tim', password } });

/** A server of one user, and as whom mail has come. */
async function serverOf(required: boolean): Promise<{ readonly server: Server; readonly identities: (string | undefined)[] }> {
  const users = new Users(new Map([['tim', await cheapCredential('scram-sha-256', 'tanstaaf')]]));
  const identities: (string | undefined)[] = [];
  const server = await listen({ host: '127.0.0.1', port: 0, hostname: 'hub.test', auth: { mechanisms: users.mechanisms, decoy: users.decoy, required } }, {
    auth: ({ question }) => users.answer(question),
    async message({ session, content }) {
      for await (const _ of content); // taken
      identities.push(session.identity?.authcid);
      return accept();
    },
  });
  return { server, identities };
}

let queues = 0;

async function agentOf(smarthost: number, other: number, smarthostAuth: TransferAgentOptions['smarthostAuth']): Promise<{ readonly agent: TransferAgent; readonly queue: FileQueue; readonly logged: (readonly [string, LogFields])[] }> {
  const queue = await FileQueue.open(join(directory.path, `queue-${(queues += 1)}`));
  const logged: (readonly [string, LogFields])[] = [];
  const agent = new TransferAgent({
    hostname: 'mx.test', queue, smarthostAuth, resolver: new Resolver(),
    admission: { accept: new Set(), relayFrom: ['127.0.0.1'] },
    routing: { smarthost: { host: '127.0.0.1', port: smarthost }, routes: new Map([['other.test', { host: '127.0.0.1', port: other }]]), mxPort: 25, allowPrivateTargets: false },
    log: (event, fields) => logged.push([event, fields]),
  });
  return { agent, queue, logged };
}

const CONTENT = { async *[Symbol.asyncIterator]() { yield encodeAscii('Subject: x\r\n\r\nx\r\n'); } };

async function put(queue: FileQueue, ...to: readonly string[]): Promise<void> {
  await queue.add({ reversePath: parseReversePath('<alice@a.test>') as ReversePath, forwardPaths: to.map((path) => parseForwardPath(path) as ForwardPath) }, CONTENT);
}

describe('a relay with a name at its smarthost', () => {
  it('authenticates there, and to no other host that would let it', async () => {
    const [hub, other] = [await serverOf(true), await serverOf(false)];
    const { agent, queue, logged } = await agentOf(hub.server.port, other.server.port, () => secretOf('tanstaaf'));
    await put(queue, '<bob@b.test>', '<carol@other.test>');
    agent.start();
    await until(() => logged.some(([event]) => event === 'done'));
    expect([hub.identities, other.identities]).toEqual([['tim'], [undefined]]);
    await agent.close(0);
    await Promise.all([hub.server.close(0), other.server.close(0)]);
  });

  it('has mail wait where the password is wrong, and takes another one at the next attempt', async () => {
    const hub = await serverOf(true);
    let password = 'wrong';
    const { agent, queue, logged } = await agentOf(hub.server.port, 1, () => secretOf(password));
    await put(queue, '<bob@b.test>');
    agent.start();
    await until(() => logged.some(([event]) => event === 'deferred'));
    expect(logged.find(([event]) => event === 'deferred')?.[1]).toMatchObject({ inReplyTo: 'AUTH', reply: expect.stringMatching(/^535 5\.7\.8 /) });
    expect(JSON.stringify(logged)).not.toContain('wrong');
    password = 'tanstaaf';
    for (const { id } of queue.mails()) agent.relaying.retry(id);
    await until(() => hub.identities.length === 1);
    await agent.close(0);
    await hub.server.close(0);
  });

  it.each<[string, unknown, boolean]>([
    ['smarthostAuth is for routing.smarthost, and there is none', () => secretOf('x'), false],
    ['smarthostAuth must be a function that returns { secret }', secretOf('x'), true],
    ['smarthostAuth must answer at once, and not with a promise', async () => secretOf('x'), true],
    ['auth needs a secret: { type: "password", authcid, password } or { type: "token", token }', () => ({ secret: 'x' }), true],
  ])('says: %s', async (message, smarthostAuth, hasSmarthost) => {
    const queue = await FileQueue.open(join(directory.path, `queue-${(queues += 1)}`));
    const routing = { ...(hasSmarthost ? { smarthost: { host: '127.0.0.1', port: 1 } } : {}), routes: new Map(), mxPort: 25, allowPrivateTargets: false };
    const options = { hostname: 'mx.test', queue, resolver: new Resolver(), admission: { accept: new Set<string>(), relayFrom: [] }, routing, log: () => undefined };
    expect(() => new TransferAgent({ ...options, smarthostAuth: smarthostAuth as never })).toThrow(new UsageError(message));
    await queue.close();
  });
});
