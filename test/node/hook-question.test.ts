import { describe, expect, it } from 'vitest';
import { Aborter } from '../../src/node/aborter.ts';
import type { AnyHooks, SessionFacts } from '../../src/node/hook.ts';
import { askHook, authFault, type CommandQuestion } from '../../src/node/hook-question.ts';
import { ANSWERS, type AuthAnswer, type AuthQuestion } from '../../src/protocol/sasl/exchange.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import type { Mailbox } from '../../src/syntax/mailbox.ts';
import { forwardPath, reversePath } from '../support/path.ts';

const OCTETS = new Uint8Array(16);
const CREDENTIAL = { iterations: 4096, salt: OCTETS, storedKey: OCTETS, serverKey: OCTETS };

/** Answers that are whole, and for each what it is not without, or with that in place of a part. */
const WHOLE: Readonly<Record<AuthAnswer['type'], readonly [parts: object, missing: readonly object[]]>> = {
  yes:          [{}, []],
  credential:   [{ credential: CREDENTIAL }, [{}, { credential: null }, ...Object.keys(CREDENTIAL).flatMap((part) => [undefined, 'x', -1, 0.5].map((value) => ({ credential: { ...CREDENTIAL, [part]: value } })))]],
  secret:       [{ secret: OCTETS }, [{}, { secret: 'x' }]],
  identity:     [{ authcid: 'tim' }, [{}, { authcid: 5 }]],
  no:           [{ text: 'x', error: { status: '401' } }, [{ text: 5 }, { error: 'x' }, { error: null }, { error: { status: 401 } }]],
  unavailable:  [{ text: 'x' }, [{ text: 5 }]],
  transition:   [{ text: 'x' }, [{ text: 5 }]],
  'too-weak':   [{ text: 'x' }, [{ text: 5 }]],
  'needs-tls':  [{ text: 'x' }, [{ text: 5 }]],
};

describe('an answer of the hook `auth`', () => {
  for (const [asked, answers] of Object.entries(ANSWERS)) {
    const question = { type: asked } as AuthQuestion;
    for (const [type, [parts, missing]] of Object.entries(WHOLE)) {
      const answer = { type, ...parts } as AuthAnswer;
      const isOne = answers.includes(answer.type);
      it(`'${type}' is ${isOne ? 'one, with all that belongs to it' : 'none'} to '${asked}'`, () => {
        expect(authFault(question, answer)).toBe(isOne ? undefined : `must answer '${asked}' with ${answers.join(', ')}`);
        if (isOne) for (const wrong of missing) expect(authFault(question, { type, ...wrong } as AuthAnswer), JSON.stringify(wrong)).toBe(`must answer '${type}' with all that belongs to it`);
      });
    }
  }
});

describe('a hook', () => {
  it('is told what its command is about, and the mailbox, where there is one: of <postmaster> that of this host', () => {
    const told: Record<string, unknown>[] = [];
    const note = (asked: object): undefined => void told.push({ ...asked });
    const hooks: AnyHooks = { client: note, helo: note, mail: note, rcpt: note, vrfy: note, message: () => accept() };
    const occasion = { session: {} as SessionFacts, mailState: 'state', aborter: new Aborter(), drop: () => undefined, hostname: 'mx.test' };
    const [alice, bob] = [reversePath('<alice@a.test>'), forwardPath('<bob@b.test>')];
    const questions: readonly CommandQuestion[] = [
      { about: 'client' } as CommandQuestion,
      { about: 'helo', verb: 'EHLO', domain: 'client.test' } as unknown as CommandQuestion,
      { about: 'mail', reversePath: alice, parameters: { size: 5 } } as unknown as CommandQuestion,
      { about: 'mail', reversePath: reversePath('<>'), parameters: {} } as unknown as CommandQuestion,
      { about: 'rcpt', forwardPath: bob, parameters: {}, reversePath: alice } as unknown as CommandQuestion,
      { about: 'rcpt', forwardPath: forwardPath('<Postmaster>'), parameters: {}, reversePath: alice } as unknown as CommandQuestion,
      { about: 'vrfy', text: 'tim' } as CommandQuestion,
    ];
    for (const question of questions) askHook(question, hooks, occasion);
    const mailboxes = told.map(({ mailbox }) => (mailbox as Mailbox | undefined)?.key);
    expect(mailboxes).toEqual([undefined, undefined, 'alice@a.test', undefined, 'bob@b.test', 'postmaster@mx.test', undefined]);
    expect(told.map(({ mailState }) => mailState)).toEqual([undefined, undefined, 'state', 'state', 'state', 'state', undefined]);
    for (const [index, { about, ...question }] of questions.entries()) expect(told[index]).toMatchObject(question);
  });
});
