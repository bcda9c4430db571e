// The client's machine beside the server's: every pair of states that the two can come to, under each way of speaking. Nowhere
// does each wait for the other, and in the end they say the same of every recipient.

import { describe, expect, it } from 'vitest';
import { explore } from './support/explorer.ts';
import { Product, type Setting, type Verdict } from './support/product.ts';
import type { ClientOptions } from '../src/protocol/client/option.ts';
import type { ServerOptions } from '../src/protocol/server/option.ts';
import { HASH } from '../src/node/credential.ts';
import { STATES as CLIENT_STATES } from '../src/protocol/client/table.ts';
import { FRAMING } from '../src/protocol/server/table.ts';
import { ANY_AUTH } from './support/server-dialogue.ts';

/** A setting without the names of the two. */
type Terms = Omit<Setting, 'server' | 'client'> & { readonly server: Partial<ServerOptions>; readonly client: Partial<ClientOptions> };

const ANY: readonly Verdict[] = ['accept', '451', '550', '421'];
const TWO: readonly Verdict[] = ['accept', '550'];
const PLAIN: Terms = { server: { without: ['CHUNKING', 'BINARYMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS'] }, client: {}, mails: 1, recipients: 2, atHand: false, verdicts: ANY };
const AUTH = { secret: { type: 'password', authcid: 'alice', password: 'secret' }, hash: HASH, nonce: 'nonce' } as const;

const SETTINGS: Readonly<Record<string, Terms>> = {
  'mail data, pipelined': { ...PLAIN, verdicts: TWO },
  'mail data, one command at a time': { ...PLAIN, server: { without: ['CHUNKING', 'PIPELINING'] }, recipients: 1 },
  'chunks': { ...PLAIN, server: {}, recipients: 1 },
  'chunks, one at a time': { ...PLAIN, server: { without: ['PIPELINING'] }, verdicts: TWO },
  'in one flight': { ...PLAIN, server: {}, atHand: true, verdicts: TWO },
  'LMTP': { ...PLAIN, server: { lmtp: true }, client: { lmtp: true }, verdicts: TWO },
  'LMTP without chunks': { ...PLAIN, server: { lmtp: true, without: ['CHUNKING'] }, client: { lmtp: true }, verdicts: TWO },
  'STARTTLS and AUTH': { ...PLAIN, server: { startTls: true, requireTls: true, auth: { ...ANY_AUTH, mechanisms: ['PLAIN', 'LOGIN'], required: true } }, client: { tlsPolicy: 'verify', auth: AUTH }, recipients: 1 },
  'two mails, one command at a time': { ...PLAIN, server: { without: ['CHUNKING', 'PIPELINING'] }, mails: 2, recipients: 1, verdicts: TWO },
  'two mails, one behind the other': { ...PLAIN, mails: 2, recipients: 1, atHand: true, followed: true },
  'two mails of two recipients, one behind the other': { ...PLAIN, mails: 2, followed: true, verdicts: TWO },
  'troubles of two mails, one behind the other': { ...PLAIN, mails: 2, recipients: 1, atHand: true, followed: true, verdicts: ['accept'], troubles: true },
  'troubles': { ...PLAIN, recipients: 1, verdicts: ['accept'], troubles: true },
};

describe('the product of client and server', () => {
  const met = new Set<string>();

  it.each(Object.keys(SETTINGS))('has no place where each waits for the other: %s', (name) => {
    const terms = SETTINGS[name] ?? PLAIN;
    const setting = { ...terms, server: { hostname: 'mx.example.com', ...terms.server }, client: { hostname: 'client.example.org', ...terms.client } };
    const places = explore(() => new Product(setting, met));
    expect(places.size).toBeGreaterThan(20);
  });

  it('holds every state of both', () => {
    const [servers, clients] = [new Set<string>(), new Set<string>()];
    for (const pair of met) {
      const [server = '', client = ''] = pair.split(' × ');
      servers.add(server);
      clients.add(client);
    }
    expect(Object.keys(FRAMING).filter((state) => !servers.has(state) && !UNSEEN.has(state))).toEqual([]);
    expect(CLIENT_STATES.filter((state) => !clients.has(state) && !UNSEEN.has(state))).toEqual([]);
  });
});

/** States that are over before anybody looks. */
const UNSEEN: ReadonlySet<string> = new Set(['chunk']); // which comes whole with its command
