// RFC 6531: what has to be ASCII, and what may be more.

import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/syntax/fault.ts';
import { parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { formatReceived, formatReturnPath } from '../../src/syntax/trace.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import { ehloLines } from '../../src/protocol/extension.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import { codesOf, dialogueIn } from '../support/server-dialogue.ts';

describe('SMTPUTF8', () => {
  // shows RFC6531:3.1-10
  it('is offered only with 8BITMIME', () => {
    const offer = { maxSize: 0, maxRecipients: 1, startTls: false, secured: false, mechanisms: [] };
    expect(ehloLines({ ...offer, without: new Set() })).toEqual(expect.arrayContaining(['8BITMIME', 'SMTPUTF8']));
    expect(ehloLines({ ...offer, without: new Set(['8BITMIME']) })).not.toContain('SMTPUTF8');
  });

  // shows RFC6531:3.7.1-1 RFC6531:3.7.1-2
  it('leaves the names in EHLO and its reply ASCII', () => {
    expect(() => new ClientSession({ hostname: 'bücher.example' }, 0)).toThrow();
    expect(() => new ServerSession({ hostname: 'bücher.example' }, 0)).toThrow();
    expect(() => new ClientSession({ hostname: 'xn--bcher-kva.example' }, 0)).not.toThrow();
    expect(() => new ServerSession({ hostname: 'xn--bcher-kva.example' }, 0)).not.toThrow();
  });

  // shows RFC6531:3.7.1-1
  it('lets nobody in who greets with a U-label, in UTF-8 or not', () => {
    for (const verb of ['EHLO', 'HELO']) for (const name of ['b\xc3\xbccher', 'b\xfccher']) expect(codesOf(dialogueIn('greeted', { without: [] }).say(`${verb} ${name}.example`))).toEqual([501]);
  });

  // shows RFC6531:3.7.3-1
  it('lets trace fields hold U-labels', () => {
    const [from, to] = [parseReversePath('<jörg@bücher.example>', { utf8: true }), parseForwardPath('<用户@例子.广告>', { utf8: true })];
    if (isFault(from) || isFault(to)) throw new Error('a path');
    expect(formatReturnPath(from)).toBe('Return-Path: <jörg@bücher.example>\r\n');
    expect(formatReceived({ helo: 'a.example', by: 'b.example', with: 'UTF8SMTP', for: to, date: 0 })).toContain('for <用户@例子.广告>;');
  });
});
