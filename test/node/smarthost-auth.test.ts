// That a relay authenticates to its smarthost, and to nobody else; under TLS with a good certificate, or not at all.

import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ofOctets } from '../../src/node/content-source.ts';
import { Users } from '../../src/node/credential.ts';
import { FileQueue } from '../../src/node/file-queue.ts';
import { parsed } from '../../src/node/given-path.ts';
import { listen, type ListenOptions } from '../../src/node/listen.ts';
import type { LogFields } from '../../src/node/log.ts';
import { relayTo } from '../../src/node/relay.ts';
import { Resolver } from '../../src/node/resolve.ts';
import type { SenderOptions } from '../../src/node/sender.ts';
import type { Server } from '../../src/node/server.ts';
import { TlsClient } from '../../src/node/tls-client.ts';
import { TransferAgent, type TransferAgentOptions } from '../../src/node/transfer-agent.ts';
import { parseForwardPath, parseReversePath, type ForwardPath } from '../../src/syntax/path.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import type { NextHop } from '../../src/relay/next-hop.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { cheapCredential } from '../support/cheap-credential.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { certificate } from '../support/tls-peer.ts';
import { until } from '../support/turn.ts';

const directory = temporaryDirectory();
afterAll(() => directory[Symbol.dispose]());

const MX = certificate('mx');

const secretOf = (password: string): NonNullable<SenderOptions['auth']> => ({ secret: { type: 'password', authcid: 'tim', password } });

interface Hub {
  readonly server: Server;
  readonly identities: (string | undefined)[]; // as whom mail has come
  readonly asked: string[]; //                    of whom AUTH has told
}

/** A server of one user. */
async function serverOf(required: boolean, tls: Pick<ListenOptions, 'tls' | 'tlsAtOnce'> = {}): Promise<Hub> {
  const users = new Users(new Map([['tim', await cheapCredential('scram-sha-256', 'tanstaaf')]]));
  const identities: (string | undefined)[] = [];
  const asked: string[] = [];
  const server = await listen({ host: '127.0.0.1', port: 0, hostname: 'hub.test', ...tls, auth: { mechanisms: users.mechanisms, decoy: users.decoy, required } }, {
    auth({ question }) {
      asked.push(question.type);
      return users.answer(question);
    },
    async message({ session, content }) {
      for await (const _ of content); // taken
      identities.push(session.identity?.authcid);
      return accept();
    },
  });
  return { server, identities, asked };
}

let queues = 0;

async function agentOf(smarthost: NextHop, smarthostAuth: TransferAgentOptions['smarthostAuth']): Promise<{ readonly agent: TransferAgent; readonly queue: FileQueue; readonly logged: (readonly [string, LogFields])[] }> {
  const queue = await FileQueue.open(join(directory.path, `queue-${(queues += 1)}`));
  const logged: (readonly [string, LogFields])[] = [];
  const agent = new TransferAgent({
    hostname: 'mx.test', queue, smarthostAuth, resolver: new Resolver(),
    admission: { accept: new Set(), relayFrom: ['127.0.0.1'] },
    routing: { smarthost, routes: new Map(), mxPort: 25, allowPrivateTargets: false },
    log: (event, fields) => logged.push([event, fields]),
  });
  return { agent, queue, logged };
}

const CONTENT = { async *[Symbol.asyncIterator]() { yield encodeAscii('Subject: x\r\n\r\nx\r\n'); } };

const NOBODY = parsed('<>', parseReversePath);
const pathsOf = (...to: readonly string[]): readonly ForwardPath[] => to.map((path) => parsed(path, parseForwardPath));

async function put(queue: FileQueue, ...to: readonly string[]): Promise<void> {
  await queue.add({ reversePath: NOBODY, forwardPaths: pathsOf(...to) }, CONTENT);
}

describe('a relay with a name at its smarthost', () => {
  // found in review: `auth` went to every host that the mail went to
  // shows RFC4954:14-6
  it.each([['smarthostAuth', false], ['smarthostAuth', true], ['auth', false]] as const)('authenticates there, and to no other host that would let it (%s, TLS at once: %s)', async (auth, tlsAtOnce) => {
    const [hub, other] = [await serverOf(true, { tls: MX, tlsAtOnce }), await serverOf(false, { tls: MX })];
    const [smarthost, next] = [hub, other].map(({ server: { port } }) => ({ host: 'localhost', port }));
    const routing = { smarthost: { ...smarthost, tlsAtOnce } as NextHop, routes: new Map([['other.test', next as NextHop]]) };
    const results = await relayTo(ofOctets(NOBODY, encodeAscii('Hello\r\n')), pathsOf('<bob@b.test>', '<carol@other.test>'), { hostname: 'mx.test', routing, [auth]: secretOf('tanstaaf'), tls: new TlsClient({ ca: MX.cert }) });
    expect(results.map(({ outcome }) => outcome)).toMatchObject([{ state: 'delivered', tls: { verified: true } }, { state: 'delivered', tls: { verified: true } }]);
    expect([hub.identities, other.identities]).toEqual([['tim'], [undefined]]);
    await Promise.all([hub.server.close(0), other.server.close(0)]);
  });

  // SCRAM went to anyone: who stood in the middle could pass it on, and had the session
  it.each<[string, Pick<ListenOptions, 'tls' | 'tlsAtOnce'>, boolean, string]>([
    ['no TLS',                                          {},                              false, 'deferred 451 4.7.4 TLS is required, and the server does not offer it'],
    ['a certificate that proves nothing',               { tls: MX },                     false, 'deferred 451 4.7.5 the server\'s certificate is not to be trusted: the certificate is self-signed'],
    ['a certificate that proves nothing, TLS at once',  { tls: MX, tlsAtOnce: true },    true,  'deferred 451 4.7.5 the server\'s certificate is not to be trusted: the certificate is self-signed'],
    ['no TLS where it was to come at once',             {},                              true,  'deferred 451 4.7.5 the TLS handshake failed: what came is no TLS'],
  ])('has mail wait where the smarthost has %s, and says nothing of who it is', async (_, tls, tlsAtOnce, outcome) => {
    const hub = await serverOf(false, tls);
    const { agent, queue, logged } = await agentOf({ host: '127.0.0.1', port: hub.server.port, tlsAtOnce }, () => secretOf('tanstaaf'));
    await put(queue, '<bob@b.test>');
    agent.start();
    await until(() => logged.some(([event]) => event === 'deferred' || event === 'done'));
    expect(logged.map(([event, { reply }]) => `${event} ${reply}`)).toEqual([outcome]);
    expect([hub.identities, hub.asked]).toEqual([[], []]);
    await agent.close(0);
    await hub.server.close(0);
  });

  it('has mail wait where the password is wrong, and takes another one at the next attempt', async () => {
    const hub = await serverOf(true);
    let password = 'wrong';
    const { agent, queue, logged } = await agentOf({ host: '127.0.0.1', port: hub.server.port }, () => ({ ...secretOf(password), clearText: true }));
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
