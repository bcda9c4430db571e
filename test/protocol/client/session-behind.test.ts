import { describe, expect, it } from 'vitest';
import { minutes } from '../../../src/protocol/limit.ts';
import { UsageError } from '../../../src/wire/usage.ts';
import { BOB, CAROL, ClientDialogue, after, clientIn } from '../../support/client-dialogue.ts';
import { octetsOf } from '../../wire/every.ts';

const CONTENT = octetsOf('hello\r\n');
const ENVELOPE = ['MAIL FROM:<alice@example.org>', `RCPT TO:${CAROL}`, 'DATA'];

/** A session whose first mail, for bob, is out with its end. */
function ending(keywords: readonly string[] = ['PIPELINING'], options: ConstructorParameters<typeof ClientDialogue>[0] = {}, followed = true): ClientDialogue {
  const client = clientIn('ready', keywords, options);
  client.mail(['bob@example.com'], { content: CONTENT, followed });
  for (const reply of keywords.includes('CHUNKING') ? ['250 ok', '250 ok'] : ['250 ok', '250 ok', '354 go']) client.reply(reply);
  return client;
}

/** Likewise, and the envelope of the second one, for carol, is out behind it. */
function behind(): ClientDialogue {
  const client = ending();
  client.mail(['carol@example.com'], { content: CONTENT, followed: true });
  return client;
}

describe('a mail behind another (RFC 2920 §3.1)', () => {
  it('has its envelope sent with the end of the one before, and its content when it is its turn', () => {
    const client = ending();
    expect(client.takesNext).toBe(true);
    expect(client.mail(['carol@example.com'], { content: CONTENT })).toEqual(ENVELOPE);
    expect(client.session.state).toBe('ending');
    expect(client.reply('250 2.0.0 taken')).toEqual([]);
    expect(client.takeTold()).toEqual([`${BOB} delivered 250`, 'done']);
    expect(client.session.state).toBe('envelope');
    expect(client.ready).toBe(false);
    expect(client.reply('250 ok', '250 ok', '354 go')).toEqual(['hello', '.']);
    expect(client.takesNext).toBe(false); // nothing is to follow this one
    client.reply('250 2.0.0 taken too');
    expect(client.told).toEqual([`${CAROL} delivered 250`, 'done']);
    expect(client.ready).toBe(true);
  });

  it('may be followed by a third, and so on, whatever the segments', () => {
    const client = ending();
    for (let mail = 0; mail < 5; mail += 1) {
      expect(client.mail(['carol@example.com'], { content: CONTENT, followed: true })).toEqual(ENVELOPE);
      for (const octet of '250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n') client.receive(octet);
      expect(client.takesNext).toBe(true);
    }
    expect(client.takeTold().filter((told) => told === 'done')).toHaveLength(5);
  });

  it('is asked for once, and is no matter where none is given', () => {
    const client = ending();
    client.takesNext = false;
    client.pump();
    expect(client.takesNext).toBe(false);
    client.reply('250 taken');
    expect(client.ready).toBe(true);
    expect(client.mail()).toEqual(['MAIL FROM:<alice@example.org>', `RCPT TO:${BOB}`, 'DATA']);
  });

  it.each([
    ['commands are not pipelined', ending([])],
    ['the mail before is not to be followed', ending(['PIPELINING'], {}, false)],
    ['there is CHUNKING, where a mail is one flight', ending(['PIPELINING', 'CHUNKING'])],
    ['a session takes so many mails (RFC 9422 §4.1)', ending(['PIPELINING', 'LIMITS MAILMAX=2'])],
    ['a session takes so many domains (RFC 9422 §4.3)', ending(['PIPELINING', 'LIMITS RCPTDOMAINMAX=2'])],
    ['LMTP has a reply for each recipient (RFC 2033 §4.2)', ending(['PIPELINING'], { lmtp: true })],
  ])('is not asked for where %s', (_, client) => {
    expect(client.takesNext).toBe(false);
    expect(() => client.mail()).toThrow(UsageError);
  });

  it('is not asked for behind the lone dot of a mail without recipients', () => {
    const client = clientIn('ready');
    client.mail(['bob@example.com'], { content: CONTENT, followed: true });
    expect(client.reply('250 ok', '550 no', '354 go')).toEqual(['.']);
    expect(client.takesNext).toBe(false);
  });

  it('goes on when the one before is refused', () => {
    const client = behind();
    client.reply('554 no');
    expect(client.takeTold()).toEqual([`${BOB} failed 554 in reply to end of mail data`, 'done']);
    after(client, '250 ok', '250 ok', '354 go').reply('250 taken');
    expect(client.told).toEqual([`${CAROL} delivered 250`, 'done']);
  });

  it('is deferred where the server has not forgotten one that it refused, and RSET comes before the next', () => {
    const client = behind();
    client.reply('554 no', '503 nested MAIL', '503 no', '503 no');
    expect(client.takeTold()).toEqual([`${BOB} failed 554 in reply to end of mail data`, 'done', `${CAROL} deferred 503 in reply to MAIL`, 'done']);
    expect(client.mail()[0]).toBe('RSET');
  });

  it('fails by a 503 where the one before was taken', () => {
    const client = behind();
    client.reply('250 taken', '503 no', '503 no', '503 no');
    expect(client.takeTold()).toEqual([`${BOB} delivered 250`, 'done', `${CAROL} failed 503 in reply to MAIL`, 'done']);
  });

  it('that cannot be sent leaves no trace, and its outcome waits for its turn', () => {
    const client = ending(['PIPELINING', 'SIZE 10']);
    expect(client.mail(['carol@example.com'], { size: 11 })).toEqual([]);
    expect(client.told).toEqual([]);
    client.reply('250 taken');
    expect(client.told).toEqual([`${BOB} delivered 250`, 'done', `${CAROL} failed 552 in reply to EHLO: size-not-accepted`, 'done']);
    expect(client.ready).toBe(true);
  });

  it('with more recipients than may be unanswered has the others sent when it is its turn', () => {
    const client = ending();
    const many = Array.from({ length: 300 }, (_, at) => `r${at}@example.com`);
    expect(client.mail(many, { content: CONTENT })).toHaveLength(200);
    client.reply('250 taken');
    const rest = client.reply(...Array.from({ length: 200 }, () => '250 ok'));
    expect([rest.length, rest.at(-1)]).toEqual([102, 'DATA']);
  });

  it.each([
    ['the connection is lost', (client: ClientDialogue) => client.lost(), 'unknown 451 in reply to end of mail data: connection-lost', 'deferred 451 in reply to nothing: connection-lost'],
    ['the server closes', (client: ClientDialogue) => client.reply('421 closing'), 'deferred 421 in reply to end of mail data', 'deferred 421 in reply to nothing'],
    ['no reply comes', (client: ClientDialogue) => client.wait(minutes(10)), 'unknown 451 in reply to end of mail data: timeout', 'deferred 451 in reply to nothing: connection-lost'],
    ['what comes is no reply', (client: ClientDialogue) => client.reply('hello'), 'unknown 451 in reply to end of mail data: bad-reply', 'deferred 451 in reply to nothing: connection-lost'],
    ['we give up', (client: ClientDialogue) => client.abort(), 'unknown 451 in reply to end of mail data: aborted', 'deferred 451 in reply to nothing: aborted'],
  ])('was not tried where %s before its turn', (_, happens, first, second) => {
    const client = behind();
    expect(happens(client)).toEqual([]); // no QUIT: DATA is out, behind which it would be content
    expect(client.told).toEqual([`${BOB} ${first}`, 'done', `${CAROL} ${second}`, 'done']);
    expect(client.closes).toBe(1);
  });

  it('gives the reply to the end of the one before no more time', () => {
    const client = ending();
    const { deadline } = client.session;
    client.now += minutes(9);
    client.mail(['carol@example.com'], { content: CONTENT });
    expect(client.session.deadline).toBe(deadline);
    client.reply('250 taken');
    expect(client.session.deadline).toBe(client.now + minutes(5)); // MAIL's own
  });
});

describe('content at hand', () => {
  it('that must not be sent is found before anything of it is out, and the session goes on', () => {
    const client = clientIn('ready');
    expect(client.mail(['bob@example.com'], { content: octetsOf('bare\nLF\r\n') })).toEqual([]);
    expect(client.told).toEqual([`${BOB} failed 554 in reply to EHLO: bad-content`, 'done']);
    expect(client.ready).toBe(true);
    client.mail(['bob@example.com'], { content: CONTENT });
    expect(client.reply('250 ok', '250 ok', '354 go')).toEqual(['hello', '.']);
  });

  it.each([['250 taken', 'bad-reply'], ['421 closing', undefined]])('is not sent to who answers it before it has come: 354 and %s', (early, reason) => {
    const client = clientIn('ready');
    client.mail(['bob@example.com'], { content: CONTENT });
    client.reply('250 ok', '250 ok');
    expect(client.reply('354 go', early)).toEqual([]);
    expect(client.told[0]).toMatch(reason === undefined ? /deferred 421/ : /deferred 451 .*bad-reply/);
    expect(client.closes).toBe(1);
  });
});
