import { describe, expect, it } from 'vitest';
import { replyClass } from '../../../src/syntax/reply.ts';
import { standingOf, type Due, type Standing } from '../../../src/protocol/client/standing.ts';
import { AWAITED, STATES, type Awaited } from '../../../src/protocol/client/table.ts';

const COMMANDS = Object.keys(AWAITED) as Awaited[]; // the keys are AWAITED's own
const CODES = Array.from({ length: 400 }, (_, index) => 200 + index);
const BOTH = [false, true];

/** Every reply, wherever it can come. */
function* everywhere(): Generator<Due & { readonly code: number; readonly standing: Standing }> {
  for (const awaited of [...COMMANDS, undefined])
    for (const state of awaited === undefined ? STATES : AWAITED[awaited].in)
      for (const early of awaited === undefined ? [true] : BOTH)
        for (const chunked of BOTH)
          for (const cancelled of awaited === 'AUTH' ? BOTH : [false])
            for (const code of CODES) {
              const due = { state, awaited, early, chunked, cancelled };
              yield { ...due, code, standing: standingOf(code, due) };
            }
}

const ALL = [...everywhere()];
const are = (standing: Standing): typeof ALL => ALL.filter((each) => each.standing === standing);

describe('a reply', () => {
  it('is in step only behind its command, and where the table has an edge for it (§4.3.2)', () => {
    expect(are('in step').filter(({ early, awaited, code }) => early || awaited === undefined || (awaited !== 'QUIT' && AWAITED[awaited].on[replyClass(code)] === 'closed'))).toEqual([]);
  });

  it('is in step with whatever code it has no other use for, where the class has an edge', () => {
    const plain = ALL.filter(({ code, early, cancelled }) => !early && !cancelled && ![220, 221, 235, 334, 354, 421].includes(code));
    for (const { awaited = 'QUIT', code, standing } of plain) if (AWAITED[awaited].on[replyClass(code)] !== 'closed') expect(standing).toBe('in step');
  });

  it('of 421 turns away (§3.8), but of one recipient with others behind him, and one that answers QUIT', () => {
    const others = ALL.filter(({ code, standing }) => code === 421 && standing !== 'turned away');
    expect(new Set(others.map(({ awaited, state }) => `${awaited} ${state}`))).toEqual(new Set(['RCPT flight', 'one recipient ending']));
  });

  it('turns away by nothing but 421, 4yz and 5yz', () => {
    expect(are('turned away').filter(({ code }) => code < 400)).toEqual([]);
    const commands = are('turned away').filter(({ code }) => code !== 421).map(({ awaited }) => awaited);
    expect([...new Set(commands)]).toEqual(COMMANDS.filter((awaited) => awaited !== 'QUIT' && AWAITED[awaited].on[5] === 'closed'));
  });

  it('refuses early only content that is on its way, and not between two chunks', () => {
    const places = new Set(are('early refusal').map(({ state, awaited, early, chunked }) => `${state} ${awaited === undefined ? 'nothing awaited' : 'awaited'} ${early} ${chunked}`));
    expect([...places].sort()).toEqual(['content awaited true false', 'content awaited true true', 'content nothing awaited true false', 'ending awaited true false', 'ending awaited true true', 'ending nothing awaited true false']);
    expect(are('early refusal').filter(({ code }) => code < 400)).toEqual([]);
  });

  it('is a farewell where 221 comes first in a mail', () => {
    expect(new Set(are('farewell').map(({ code, awaited, early }) => `${code} ${awaited} ${early}`))).toEqual(new Set(['221 RSET false', '221 RSET in flight false', '221 MAIL false']));
  });

  it('to another command is out of step', () => {
    const answers = (code: number): Set<Awaited | undefined> => new Set(are('in step').filter((each) => each.code === code).map(({ awaited }) => awaited));
    expect(answers(220)).toEqual(new Set(['greeting', 'STARTTLS', 'QUIT']));
    expect(answers(221)).toEqual(new Set(['QUIT']));
    expect(answers(235)).toEqual(new Set(['AUTH', 'QUIT']));
    expect(answers(334)).toEqual(new Set(['AUTH', 'QUIT']));
    expect(answers(354)).toEqual(new Set(['DATA', 'QUIT']));
  });

  it('that goes on with an exchange that was cancelled is out of step (RFC 4954 §4)', () => {
    const told = (cancelled: boolean): Standing => standingOf(334, { state: 'auth', awaited: 'AUTH', early: false, chunked: false, cancelled });
    expect([told(false), told(true)]).toEqual(['in step', 'out of step']);
  });
});
