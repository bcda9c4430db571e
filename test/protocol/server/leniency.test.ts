// Leniencies in a session: off by default, each told of with its rule, and none of them moves the end of mail data.

import { describe, expect, it } from 'vitest';
import { LENIENCIES } from '../../../src/protocol/leniency.ts';
import type { LeniencyName } from '../../../src/protocol/leniency.ts';
import type { Envelope } from '../../../src/protocol/mail.ts';
import { MailData, type MailDataLimits } from '../../../src/protocol/server/mail-data.ts';
import { Output } from '../../../src/protocol/server/output.ts';
import { settingsOf } from '../../../src/protocol/server/option.ts';
import { DataDecoder } from '../../../src/wire/data-decoder.ts';
import { ServerDialogue, codesOf, dialogueIn } from '../../support/server-dialogue.ts';
import { type Cuts, cut, everyCut, everyString, octetsOf, someCuts, textOf } from '../../wire/every.ts';

const NAMES = Object.keys(LENIENCIES) as LeniencyName[]; // the table's own
const ENVELOPE: Envelope = { reversePath: { type: 'null', text: '<>', key: '' }, forwardPaths: [], parameters: {}, recipientParameters: [] };

const LONG = 'x'.repeat(999);

/** What uses each leniency, and what comes of it with and without. */
const USES: Readonly<Record<LeniencyName, { readonly said: string; readonly without: readonly number[]; readonly with: readonly number[] }>> = {
  bareLfInCommand:      { said: 'NOOP\n', without: [], with: [250] },
  spaceAroundColon:     { said: 'MAIL FROM: <alice@example.org>\r\n', without: [501], with: [250] },
  missingAngleBrackets: { said: 'MAIL FROM:alice@example.org\r\n', without: [501], with: [250] },
  oddDotsInLocalPart:   { said: 'MAIL FROM:<alice.@example.org>\r\n', without: [501], with: [250] },
  unknownParameters:    { said: 'MAIL FROM:<alice@example.org> X-NEW=1 SIZE=10 SOLICIT\r\n', without: [555], with: [250] },
  longTextLines:        { said: `MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n${LONG}\r\n.\r\n`, without: [250, 250, 354, 554], with: [250, 250, 354, 250] },
  repairLineEnds:       { said: 'MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\na\nb\rc\r\n.\r\n', without: [250, 250, 354, 554], with: [250, 250, 354, 250] },
};

describe('a leniency', () => {
  it.each(NAMES)('%s is off by default, and is told of with its rule where it is used', (name) => {
    const { said, without, with: taken } = USES[name];
    const strict = dialogueIn('ready');
    expect(codesOf(strict.receive(said))).toEqual(without);
    expect(strict.leniencies).toEqual([]);
    const others = dialogueIn('ready', { leniencies: NAMES.filter((one) => one !== name) });
    expect(codesOf(others.receive(said))).toEqual(without);
    const lenient = dialogueIn('ready', { leniencies: [name] });
    expect(codesOf(lenient.receive(said))).toEqual(taken);
    expect(lenient.leniencies).toEqual([name]);
    expect(LENIENCIES[name].source).toMatch(/^RFC \d+ §/);
  });

  it('is not told of where nothing needs it', () => {
    const server = new ServerDialogue({ leniencies: NAMES });
    server.say('EHLO a.example', 'MAIL FROM:<alice@example.org> SIZE=10', 'RCPT TO:<bob@example.com>', 'DATA', 'hello', '.', 'QUIT');
    expect(server.mails.length).toBe(1);
    expect(server.leniencies).toEqual([]);
  });

  it('is not told of where the command is refused all the same', () => {
    const server = dialogueIn('mail', { leniencies: NAMES });
    expect(codesOf(server.say('MAIL FROM: <a@b>', 'RCPT TO: <a@@b>'))).toEqual([503, 501]);
    expect(server.leniencies).toEqual([]);
  });

  it('leaves as the fault of a line what it does not put right', () => {
    const server = dialogueIn('mail', { leniencies: NAMES });
    expect(server.say('RCPT TO: <a@@b>')).toEqual(['501 5.1.3 expected Let-dig at character 11, found "@b>" (RFC 5321 section 4.1.2 sub-domain)']); // not the space
    expect(server.say('RCPT TO:bob  NOTIFY=NEVER')).toEqual(['501 5.1.3 expected "@" at character 12, found ">  NOTIFY=NEVER" (RFC 5321 section 4.1.2 Mailbox)']); // nor the brackets
  });

  it('gives the application an address that the grammar knows', () => {
    const server = dialogueIn('mail', { leniencies: NAMES });
    server.say('RCPT TO: first..last.@example.com', 'DATA', '.');
    const [path] = server.mails[0]?.envelope.forwardPaths ?? [];
    expect(path).toMatchObject({ text: '<"first..last."@example.com>', mailbox: { unquoted: 'first..last.' } });
    expect(server.leniencies).toEqual(['spaceAroundColon', 'missingAngleBrackets', 'oddDotsInLocalPart']);
  });

  it('ignores parameters that nobody knows, and none that is known and not offered', () => {
    const server = dialogueIn('ready', { leniencies: ['unknownParameters'] });
    expect(codesOf(server.say('MAIL FROM:<> REQUIRETLS', 'MAIL FROM:<> SMTPUTF8', 'MAIL FROM:<> X=1 RET=FULL', 'MAIL FROM:<> X=1 SIZE=a', 'MAIL FROM:<> X=1'))).toEqual([555, 555, 555, 501, 250]);
    expect(codesOf(server.say('RCPT TO:<a@b> Y NOTIFY=NEVER', 'RCPT TO:<a@b> Y'))).toEqual([555, 250]);
  });

  it('takes a bare LF for the end of a response of SASL too, and never for one in mail data', () => {
    const server = new ServerDialogue({ leniencies: ['bareLfInCommand'] });
    expect(codesOf(server.receive('EHLO a.example\nMAIL FROM:<>\nRCPT TO:<a@b>\nDATA\nhello\n.\nQUIT\n'))).toEqual([250, 250, 250, 354]);
    expect(codesOf(server.receive('\r\n.\r\nNOOP\n'))).toEqual([554, 250]);
  });
});

describe('mail data with leniencies', () => {
  const OUTPUT = new Output(settingsOf({ hostname: 'mx.example.com' }));
  const LENIENT: MailDataLimits = { maxSize: 0, maxTextLine: 2, leniencies: ['repairLineEnds', 'longTextLines'] };

  interface Read {
    readonly content: string;
    readonly consumed: number;
    readonly ended: boolean;
  }

  /** What the strict decoder makes of it, which knows of no leniency. */
  function strictly(text: string): Read {
    const decoder = new DataDecoder({ lineLimit: Infinity });
    const octets = octetsOf(text);
    let content = '';
    let at = 0;
    while (at < octets.length && !decoder.ended) {
      at = decoder.read(octets, at);
      content += textOf(decoder.content);
    }
    return { content, consumed: at, ended: decoder.ended };
  }

  function leniently(text: string, cuts: Cuts): Read & { readonly fault: string | undefined } {
    const data = new MailData(LENIENT);
    data.begin(ENVELOPE, OUTPUT);
    let content = '';
    let consumed = 0;
    for (const segment of cut(text, cuts)) {
      for (let at = 0; at < segment.length && !data.ended; ) {
        const end = data.read(segment, at);
        consumed += end - at;
        content += textOf(data.content);
        at = end;
      }
    }
    return { content, consumed, ended: data.ended, fault: data.fault };
  }

  it('end where they end without them, for every string up to 5 under every segmentation and of 6 under every single cut, and hold the same with CRLF for each bare CR and LF', () => {
    for (let length = 0; length <= 6; length++) {
      const ways = length < 6 ? everyCut(length) : someCuts(length);
      for (const text of everyString('\r\n.a', length, length)) {
        const strict = strictly(text);
        // A CR at the end of what came may be half of a CRLF: where more is to come it waits.
        const content = strict.content.replace(/\r\n|\r(?!$)|\n/g, '\r\n');
        for (const cuts of ways) {
          const found = leniently(text, cuts);
          if (found.consumed !== strict.consumed || found.ended !== strict.ended || found.content !== content || found.fault !== undefined) expect({ text, cuts, ...found }).toEqual({ text, cuts, ...strict, content, fault: undefined });
        }
      }
    }
  });

  it('leave the same commands behind them as without: nothing in what was repaired is run', () => {
    const options = { leniencies: NAMES };
    const smuggled = ['\n.\r\n', '\r.\r\n', '\n.\n', '\r\n.\n', '\r\n.\r', '\r.\r', '\n.\r', '\r\r\n.\r\r\n'];
    for (const end of smuggled) {
      const text = `hello${end}MAIL FROM:<evil@x>\r\nRCPT TO:<c@d>\r\nDATA\r\nevil\r\n.\r\nNOOP\r\n`;
      for (const cuts of someCuts(text.length)) {
        const server = dialogueIn('data', options);
        server.feed([0, ...cuts].map((from, at) => text.slice(from, cuts[at] ?? text.length)));
        const codes = codesOf(server.sent.split('\r\n').slice(0, -1)).slice(-3).join(' ');
        const [mail, another] = server.mails;
        if (codes !== '354 250 250' || another !== undefined || mail?.content.includes('MAIL FROM:<evil@x>\r\n') !== true) expect({ text, cuts, codes, mails: server.mails }).toBe('354 250 250, and one mail with the commands in it');
      }
    }
  });

  it('count what the application gets: a LF that becomes two octets is two', () => {
    const server = dialogueIn('data', { leniencies: ['repairLineEnds'], maxSize: 6 });
    expect(codesOf(server.receive('a\nb\r\n.\r\n'))).toEqual([250]);
    expect(server.mails[0]).toMatchObject({ content: 'a\r\nb\r\n', size: 6 });
    const more = dialogueIn('data', { leniencies: ['repairLineEnds'], maxSize: 5 });
    expect(codesOf(more.receive('a\nb\r\n.\r\n'))).toEqual([552]);
  });

  it('are measured as they come out: a long text that bare LF parts is made of short lines', () => {
    const server = dialogueIn('data', { leniencies: ['repairLineEnds'] });
    expect(codesOf(server.receive(`${`${'x'.repeat(900)}\n`.repeat(3)}\r\n.\r\n`))).toEqual([250]);
    const long = dialogueIn('data', { leniencies: ['repairLineEnds'] });
    expect(codesOf(long.receive(`a\n${LONG}\r\n.\r\n`))).toEqual([554]);
    const both = dialogueIn('data', { leniencies: ['repairLineEnds', 'longTextLines'] });
    expect(codesOf(both.receive(`a\n${LONG}\r\n.\r\n`))).toEqual([250]);
    expect(both.leniencies).toEqual(['repairLineEnds', 'longTextLines']);
  });

  it('in chunks are put right over their borders, and not where they are binary', () => {
    const server = dialogueIn('rcpt', { leniencies: NAMES });
    expect(codesOf(server.receive('BDAT 2\r\na\rBDAT 1\r\n\nBDAT 2\r\nb\nBDAT 2 LAST\r\nc\r'))).toEqual([250, 250, 250, 250]);
    expect(server.mails[0]?.content).toBe('a\r\nb\r\nc\r\n');
    expect(server.mails[0]?.size).toBe(9);
    const binary = dialogueIn('ready', { leniencies: NAMES, without: [] });
    binary.receive('MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<a@b>\r\nBDAT 3 LAST\r\n\n\r\n');
    expect(binary.mails[0]?.content).toBe('\n\r\n');
    expect([server.leniencies, binary.leniencies]).toEqual([['repairLineEnds'], []]);
  });

  it('are told of at their end, and not at all where they come to nothing', () => {
    const server = dialogueIn('data', { leniencies: ['repairLineEnds'], maxSize: 10 });
    expect(codesOf(server.receive('a\nb\r\n0123456789\r\n.\r\n'))).toEqual([552]);
    expect(server.leniencies).toEqual([]);
  });
});

describe('text lines in chunks (RFC 5321 §4.5.3.1.6, RFC 3030 §3)', () => {
  it('have the limit that they have behind DATA, over the borders of chunks, and the session goes on behind the last octet', () => {
    for (const [length, codes] of [[998, [250, 250, 250]], [999, [250, 554, 250]]] as const) {
      const server = dialogueIn('rcpt');
      expect(codesOf(server.receive(`BDAT 500\r\n${'x'.repeat(500)}BDAT ${length - 500 + 2} LAST\r\n${'x'.repeat(length - 500)}\r\nNOOP\r\n`))).toEqual(codes);
      expect(server.aborts).toEqual(length === 998 ? [] : ['text-line-too-long']);
    }
  });

  it('have it too where the last one lacks its CRLF, which it gets on its way', () => {
    for (const [length, leniencies, codes, told] of [[998, [], [250], []], [999, [], [554], []], [998, ['longTextLines'], [250], []], [999, ['longTextLines'], [250], ['longTextLines']]] as const) {
      const server = dialogueIn('rcpt', { leniencies });
      expect(codesOf(server.receive(`BDAT ${length} LAST\r\n${'x'.repeat(length)}`))).toEqual(codes);
      expect(server.leniencies).toEqual(told);
    }
  });

  it('have none after BODY=BINARYMIME, and another where an option says so', () => {
    const body = `${'x'.repeat(5_000)}\n`;
    const binary = dialogueIn('ready', { without: [] });
    expect(codesOf(binary.receive(`MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<a@b>\r\nBDAT ${body.length} LAST\r\n${body}`))).toEqual([250, 250, 250]);
    const short = dialogueIn('rcpt', { maxTextLine: 10 });
    expect(short.receive('BDAT 11 LAST\r\n123456789\r\nNOOP\r\n')).toEqual(['554 5.6.0 mail data hold a line of more than 10 octets', '250 2.0.0 ok']);
  });
});
