import { describe, expect, it } from 'vitest';
import { NOTICES } from '../../../src/protocol/server/notice.ts';
import { ANY_AUTH, ServerDialogue, codesOf, dialogueIn, plain } from '../../support/server-dialogue.ts';

describe('a client that speaks before the banner (RFC 5321 §4.3.1)', () => {
  const early = (earlyTalk?: 'take' | 'refuse'): ServerDialogue => {
    const server = new ServerDialogue(earlyTalk === undefined ? {} : { earlyTalk }, ({ about }) => (about === 'client' ? 'later' : 'accept'));
    server.say('EHLO a.example', 'NOOP');
    return server;
  };

  it('is taken by default, and told of', () => {
    const server = early();
    expect(codesOf(server.accept())).toEqual([220, 250, 250]);
    expect(server.notices).toContain('early talk');
  });

  it('gets a banner of 554 where an option says so, and 503 to all but QUIT', () => {
    const server = early('refuse');
    expect(codesOf(server.accept())).toEqual([554, 503, 503]);
    expect(server.notices).toContain('early talk');
    expect(codesOf(server.say('QUIT'))).toEqual([221]);
  });

  it('is none where it waited', () => {
    const server = new ServerDialogue({ earlyTalk: 'refuse' }, ({ about }) => (about === 'client' ? 'later' : 'accept'));
    expect(codesOf(server.accept())).toEqual([220]);
    expect(codesOf(server.say('EHLO a.example'))).toEqual([250]);
    expect(server.notices).toEqual([]);
  });
});

describe('a client that pipelines (RFC 2920 §3.1)', () => {
  const GROUP = ['MAIL FROM:<>', 'RCPT TO:<a@b>', 'RCPT TO:<c@d>', 'DATA'] as const;

  it('does what it may behind EHLO, with one command that ends the group', () => {
    const server = dialogueIn('ready');
    server.say(...GROUP);
    server.say('hello', '.', 'MAIL FROM:<>', 'RSET', 'NOOP');
    server.say('MAIL FROM:<>', 'RCPT TO:<a@b>');
    server.receive('BDAT 2\r\nhiBDAT 0 LAST\r\nQUIT\r\n');
    expect(server.notices).toEqual([]);
  });

  it.each([
    ['EHLO a.example', 'NOOP'], ['NOOP', 'NOOP'], ['DATA', 'hello'], ['VRFY bob', 'NOOP'], ['EXPN staff', 'NOOP'], ['HELP', 'NOOP'], [`AUTH PLAIN ${plain('alice', 'secret')}`, 'NOOP'], ['AUTH PLAIN', plain('alice', 'secret')],
  ])('is told of where it goes on behind %s', (line, next) => {
    const server = dialogueIn('ready', { auth: ANY_AUTH });
    if (line === 'DATA') server.say('MAIL FROM:<>', 'RCPT TO:<a@b>');
    server.say(line, next);
    expect(server.notices).toEqual(['pipelining past a stop']);
    server.say('NOOP', 'NOOP');
    expect(server.notices).toEqual(['pipelining past a stop']); // once
  });

  it('is told of where nobody offered it: before EHLO, behind HELO, or switched off', () => {
    const before = new ServerDialogue();
    before.say('EHLO a.example', 'MAIL FROM:<>');
    const behindHelo = new ServerDialogue();
    behindHelo.say('HELO a.example');
    behindHelo.say('MAIL FROM:<>', 'RCPT TO:<a@b>');
    const off = dialogueIn('ready', { without: ['PIPELINING'] });
    off.say('MAIL FROM:<>', 'RCPT TO:<a@b>');
    for (const { notices } of [before, behindHelo, off]) expect(notices).toContain('pipelining unoffered');
  });

  it('behind STARTTLS is told of as what it is (RFC 3207 §6)', () => {
    const server = dialogueIn('ready', { startTls: true });
    server.say('STARTTLS', 'MAIL FROM:<evil@x>');
    expect(server.notices).toContain('clear text behind STARTTLS');
    const honest = dialogueIn('ready', { startTls: true });
    honest.say('STARTTLS');
    expect(honest.notices).toEqual([]);
  });

  it('breaks a rule that has a name', () => {
    for (const { source } of Object.values(NOTICES)) expect(source).toMatch(/^RFC \d+ §/);
  });
});
