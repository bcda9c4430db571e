import { describe, expect, it } from 'vitest';
import type { Hooks } from '../../src/node/hook.ts';
import { listen } from '../../src/node/listen.ts';
import { accept, refuse } from '../../src/protocol/server/verdict.ts';
import { RawPeer } from '../support/raw-peer.ts';

/** Says the lines to a server with these hooks, one after the other; returns the replies. */
async function replies<State, MailState>(hooks: Hooks<State, MailState>, lines: readonly string[]): Promise<string[]> {
  await using server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.test' }, hooks);
  const peer = await RawPeer.connect(server.port);
  const heard = [await peer.reply()];
  for (const line of lines) heard.push(await peer.command(line));
  peer.socket.destroy();
  return heard.map((reply) => reply.split('\r\n').at(-2) ?? '');
}

const ENVELOPE = ['MAIL FROM:<a@a.test>', 'RCPT TO:<b@b.test>', 'RCPT TO:<c@b.test>'];

describe('the states that hooks make', () => {
  it('are one for each connection, and one for each transaction of it', async () => {
    const seen: string[] = [];
    let connections = 0;
    const lines = ['EHLO client.test', ...ENVELOPE, 'RSET', ...ENVELOPE, 'DATA', '.'];
    const heard = await replies({
      sessionState: () => ({ number: ++connections, transactions: 0 }),
      mailState: () => ({ recipients: 0 }),
      client: ({ session }) => void seen.push(`connection ${session.state.number}`),
      mail: ({ session }) => void session.state.transactions++,
      rcpt: ({ mailState }) => (++mailState.recipients > 1 ? refuse(452, '4.5.3', 'one is enough') : undefined),
      message: ({ session, mailState }) => accept(`mail ${session.state.transactions} of connection ${session.state.number} to ${mailState.recipients}`),
    }, lines);
    expect(heard.at(-1)).toBe('250 2.0.0 mail 2 of connection 1 to 2');
    expect(seen).toEqual(['connection 1']);
  });

  it('exist where no hook of their command does', async () => {
    const heard = await replies({ sessionState: () => 'one', mailState: () => 'two', message: ({ session, mailState }) => accept(session.state + mailState) }, ['EHLO client.test', ...ENVELOPE, 'DATA', '.']);
    expect(heard.at(-1)).toBe('250 2.0.0 onetwo');
  });

  it('that cannot be made are 421 and 451, as any hook that throws', async () => {
    const fail = (): never => { throw new Error('no state'); };
    const error = (): void => undefined;
    expect(await replies({ sessionState: fail, message: () => accept(), error }, [])).toEqual(['421 4.3.0 local error, try again later']);
    expect((await replies({ mailState: fail, message: () => accept(), error }, ['EHLO client.test', 'MAIL FROM:<>'])).at(-1)).toMatch(/^451 4\.3\.0 /);
  });

  it('have their types in every hook, found from what makes them', () => {
    const typed = [
      () => listen({}, { sessionState: () => ({ score: 0 }), message: ({ session }) => accept(session.state.score.toFixed()) }),
      // @ts-expect-error there is no such member
      () => listen({}, { sessionState: () => ({ score: 0 }), message: ({ session }) => accept(session.state.points) }),
      // @ts-expect-error nothing makes a state, so there is none
      () => listen({}, { message: ({ session }) => accept(session.state.score) }),
      // @ts-expect-error a state of the transaction is none of the session
      () => listen({}, { mailState: () => ({ score: 0 }), message: ({ session }) => accept(session.state.score) }),
      // @ts-expect-error before MAIL there is no transaction
      () => listen({}, { mailState: () => ({ score: 0 }), message: () => accept(), helo: ({ mailState }) => accept(mailState) }),
    ];
    expect(typed).toHaveLength(5); // that it compiles is the test
  });
});
