import { describe, expect, it } from 'vitest';
import { authFault } from '../../src/node/hook-question.ts';
import { ANSWERS, type AuthAnswer, type AuthQuestion } from '../../src/protocol/sasl/exchange.ts';

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
