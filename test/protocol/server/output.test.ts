import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/protocol/limit.ts';
import { endsGroup } from '../../../src/protocol/extension.ts';
import { Output } from '../../../src/protocol/server/output.ts';
import { settingsOf } from '../../../src/protocol/server/option.ts';
import type { State } from '../../../src/protocol/server/table.ts';
import { reply } from '../../../src/syntax/reply.ts';
import { textOf } from '../../wire/every.ts';

const newOutput = (): Output => new Output(settingsOf({ hostname: 'mx.example.com' }));

const OK = reply(250, '2.0.0', 'ok');

/** What comes out, sends as their text, until nothing does. */
function drain(output: Output, state: State): string[] {
  const all: string[] = [];
  for (let action; (action = output.action() ?? output.flush(state)) !== undefined; ) all.push(action.type === 'send' ? textOf(action.octets) : action.type);
  return all;
}

describe('the output of a session', () => {
  it('joins the replies to a group into one piece (RFC 2920 §3.2)', () => {
    const output = newOutput();
    for (let count = 0; count < 3; count++) output.reply(OK, false);
    expect(output.due).toBe(false);
    expect(drain(output, 'ready')).toEqual(['250 2.0.0 ok\r\n'.repeat(3)]);
  });

  it('is due when a reply must not wait, or when much has come together', () => {
    const output = newOutput();
    output.urgent = true;
    expect(output.due).toBe(false); // there is none
    output.reply(OK, false);
    expect(output.due).toBe(true);
    drain(output, 'ready');
    expect([output.urgent, output.due]).toEqual([false, false]);
    for (let octets = 0; octets < LIMITS.replyGroup; octets += 14) output.reply(OK, false);
    expect(output.due).toBe(true);
  });

  it('hands actions out in their order, before the replies', () => {
    const output = newOutput();
    output.reply(OK, false);
    output.act({ type: 'abort', reason: 'reset' });
    output.act({ type: 'content', octets: new Uint8Array() });
    expect(drain(output, 'ready')).toEqual(['abort', 'content', '250 2.0.0 ok\r\n']);
  });

  it('asks for the handshake when the 220 is out, once (RFC 3207 §4)', () => {
    const output = newOutput();
    output.reply(OK, false);
    output.reply(reply(220, '2.0.0', 'go ahead'), false);
    expect(drain(output, 'tls')).toEqual(['250 2.0.0 ok\r\n220 2.0.0 go ahead\r\n', 'start-tls']);
    expect(drain(output, 'tls')).toEqual([]);
  });

  it('closes when the last reply is out, once', () => {
    const output = newOutput();
    output.reply(OK, false);
    expect(drain(output, 'closed')).toEqual(['250 2.0.0 ok\r\n', 'close']);
    expect(drain(output, 'closed')).toEqual([]);
  });

  it('drops what nobody hears', () => {
    const output = newOutput();
    output.reply(OK, false);
    output.drop();
    expect(drain(output, 'closed')).toEqual(['close']);
  });

  it('says in UTF-8 what may be, and in ASCII what else there is (RFC 6531 §3.7.4)', () => {
    const output = newOutput();
    output.reply(reply(550, '5.1.1', 'jörg'), true);
    output.reply(reply(550, '5.1.1', 'jörg'), false);
    expect(drain(output, 'ready')).toEqual(['550 5.1.1 j\xc3\xb6rg\r\n550 5.1.1 j?rg\r\n']);
  });

  it('holds back the replies to MAIL, RCPT, RSET and BDAT, and no others that RFC 2920 §3.2 (5) names', () => {
    for (const verb of ['EHLO', 'DATA', 'VRFY', 'EXPN', 'QUIT', 'NOOP'] as const) expect(endsGroup(verb)).toBe(true);
    for (const verb of ['MAIL', 'RCPT', 'RSET', 'BDAT'] as const) expect(endsGroup(verb)).toBe(false);
  });
});
