import { describe, expect, it } from 'vitest';
import { Authentication } from '../../../src/protocol/client/authentication.ts';
import type { ClientTls } from '../../../src/protocol/client/action.ts';
import { HASH } from '../../../src/node/credential.ts';
import { decodeLatin1 } from '../../../src/wire/ascii.ts';
import { decodeBase64 } from '../../../src/wire/base64.ts';

const PLUS = 'SCRAM-SHA-256-PLUS';
const PREFERRED = [PLUS, 'SCRAM-SHA-256', 'CRAM-MD5', 'PLAIN', 'LOGIN'];
const SUBSETS = Array.from({ length: 1 << PREFERRED.length }, (_, bits) => PREFERRED.filter((_, index) => (bits >> index) % 2 === 1));
const UNVERIFIED: ClientTls = { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', verified: false };
const CHANNELS: readonly (ClientTls | undefined)[] = [undefined, UNVERIFIED, { ...UNVERIFIED, verified: true }, { ...UNVERIFIED, verified: true, channelBinding: { name: 'tls-exporter', data: new Uint8Array(32) } }];

/** The commands of a client that is told each time that the mechanism did not suit the server. */
function commands(offered: readonly string[], tls: ClientTls | undefined, authzid: string | undefined, policy: 'opportunistic' | 'require'): readonly string[] {
  const secret = { type: 'password', authcid: 'tim', password: 'secret', ...(authzid === undefined ? {} : { authzid }) } as const;
  const authentication = new Authentication({ secret, hash: HASH, nonce: 'nonce' }, policy);
  const texts: string[] = [];
  for (let turn; (turn = authentication.begin(offered, tls)) !== undefined; ) texts.push(turn.text);
  return texts;
}

describe('AUTH of a client (RFC 4954)', () => {
  it('goes by each mechanism once, the best first, that is offered, carries what there is, and shows no secret to whoever answers', () => {
    for (const offered of SUBSETS)
      for (const tls of CHANNELS)
        for (const authzid of [undefined, 'tom'])
          for (const policy of ['opportunistic', 'require'] as const) {
            const bound = tls?.channelBinding !== undefined;
            const trusted = tls !== undefined && (tls.verified || policy === 'require');
            const fits: Readonly<Record<string, boolean>> = { [PLUS]: bound, 'SCRAM-SHA-256': !(bound && offered.includes(PLUS)), 'CRAM-MD5': authzid === undefined, PLAIN: trusted, LOGIN: trusted && authzid === undefined };
            expect(commands(offered, tls, authzid, policy).map((text) => text.split(' ')[1]), JSON.stringify({ offered, tls, authzid, policy })).toEqual(offered.filter((name) => fits[name] === true));
          }
  });

  it.each([
    ['that it binds to the channel, where it does', [PLUS, 'SCRAM-SHA-256'], CHANNELS[3], 'p=tls-exporter,,n=tim,'],
    ['that it could, where the server seems not to (RFC 5802 §6)', ['SCRAM-SHA-256'], CHANNELS[3], 'y,,n=tim,'],
    ['that it cannot', [PLUS, 'SCRAM-SHA-256'], CHANNELS[2], 'n,,n=tim,'],
  ])('says by SCRAM %s', (_, offered, tls, first) => {
    const [, , initial = ''] = commands(offered, tls, undefined, 'opportunistic')[0]?.split(' ') ?? [];
    expect(decodeLatin1(decodeBase64(initial) ?? new Uint8Array())).toBe(`${first}r=nonce`);
  });
});
