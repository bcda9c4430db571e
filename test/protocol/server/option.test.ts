import { describe, expect, it } from 'vitest';
import { EXTENSIONS } from '../../../src/protocol/extension.ts';
import { CAPS, DATA_RATE, LIMITS, MOST_AUTH_FAILURES, SERVER_TIMEOUT, SESSION_TIMEOUT } from '../../../src/protocol/limit.ts';
import { NOT_BY_DEFAULT, settingsOf } from '../../../src/protocol/server/option.ts';
import { OwnReplies } from '../../../src/protocol/server/own-replies.ts';
import { encodeAscii } from '../../../src/wire/ascii.ts';
import { UsageError } from '../../../src/wire/usage.ts';
import { ANY_AUTH, HOST, ServerDialogue } from '../../support/server-dialogue.ts';

describe('the options of a server session', () => {
  // shows RFC3207:4-4
  it('are safe where nothing is set: no TLS, no AUTH, no LMTP, none of the extensions that bind whoever relays the mail', () => {
    expect(settingsOf({ hostname: HOST })).toEqual({
      hostname: HOST, maxSize: LIMITS.mailData, maxDrain: 8 * LIMITS.mailData, maxRecipients: LIMITS.recipients, maxTextLine: LIMITS.textLine, timeout: SERVER_TIMEOUT,
      sessionTimeout: SESSION_TIMEOUT, minDataRate: DATA_RATE.octetsPerSecond, dataRateWindow: DATA_RATE.window,
      maxCommands: CAPS.commands, maxErrors: CAPS.errors, maxRefusedRecipients: CAPS.refusedRecipients, maxAuthFailures: MOST_AUTH_FAILURES,
      maxMails: Infinity, maxRecipientDomains: Infinity, leniencies: [], earlyTalk: 'take',
      lmtp: false, without: NOT_BY_DEFAULT, startTls: false, secured: false, requireTls: false, auth: undefined,
      lacking: new Set([...NOT_BY_DEFAULT, 'AUTH']), lenient: new Set(), caps: CAPS, counts: undefined, encode: encodeAscii, crowded: expect.any(Function), own: expect.any(OwnReplies),
    });
    expect(NOT_BY_DEFAULT.filter((keyword) => !(keyword in EXTENSIONS))).toEqual([]);
  });

  const LATER = {
    sessionTimeout: 2, minDataRate: 3, dataRateWindow: 4, maxCommands: 5, maxErrors: 6, maxRefusedRecipients: 7, maxAuthFailures: 8, maxMails: 9, maxRecipientDomains: 10,
    leniencies: ['longTextLines'], earlyTalk: 'refuse',
  } as const;

  it('are what is set, and the default where undefined is', () => {
    const set = { hostname: HOST, maxSize: 0, maxDrain: 1, maxRecipients: 100, maxTextLine: 500, timeout: 1, ...LATER, lmtp: true, without: [], startTls: true, secured: true, requireTls: true, auth: ANY_AUTH };
    expect(settingsOf(set)).toEqual({ ...set, lacking: new Set(), lenient: new Set(['longTextLines']), caps: { commands: 5, errors: 6, refusedRecipients: 7, mails: 9 }, counts: undefined, encode: encodeAscii, crowded: expect.any(Function), own: expect.any(OwnReplies) });
    // @ts-expect-error an option that is absent is left out
    expect(settingsOf({ hostname: HOST, maxSize: undefined, without: undefined })).toEqual(settingsOf({ hostname: HOST }));
  });

  it('have leniencies that there are', () => {
    // @ts-expect-error no such leniency
    expect(() => settingsOf({ hostname: HOST, leniencies: ['everything'] })).toThrow(UsageError);
  });

  it('are numbers that make sense', () => {
    for (const wrong of [{ maxRecipients: 0 }, { maxTextLine: 1 }, { timeout: -1 }, { minDataRate: NaN }, { maxMails: 0 }, { maxRecipientDomains: 0 }]) expect(() => settingsOf({ hostname: HOST, ...wrong })).toThrow(UsageError);
    expect(() => settingsOf({ hostname: HOST, maxSize: 0, timeout: Infinity, maxTextLine: Infinity, minDataRate: 0 })).not.toThrow();
  });

  // found by reading: SIZE Infinity and MAILMAX=1.5 are no ehlo-line that a client can read
  it('are digits where they are announced (RFC 1870 §4, RFC 9422 §4)', () => {
    for (const name of ['maxSize', 'maxRecipients', 'maxMails', 'maxRecipientDomains']) {
      expect(() => settingsOf({ hostname: HOST, [name]: 1.5 })).toThrow(`${name} is announced in digits`);
      expect(() => settingsOf({ hostname: HOST, [name]: 1e21 })).toThrow(UsageError);
      expect(new ServerDialogue({ [name]: Infinity }).say('EHLO client.example.org').join(' ')).not.toMatch(/Infinity|NaN/);
    }
    expect(new ServerDialogue({ maxSize: Infinity }).say('EHLO client.example.org')).toContain('250-SIZE 0');
    expect(settingsOf({ hostname: HOST, maxSize: Infinity })).toEqual(settingsOf({ hostname: HOST, maxSize: 0 }));
  });

  it('are read once for all sessions of a server', () => {
    const options = { hostname: HOST };
    expect(settingsOf(options)).toBe(settingsOf(options));
    expect(settingsOf({ ...options })).not.toBe(settingsOf(options));
  });

  it.each(['', ' ', 'a b', 'a..b', '[192.0.2.1', 'a\r\nb', '-'])('have a name that can stand in a reply, and not %j', (hostname) => {
    expect(() => settingsOf({ hostname })).toThrow(UsageError);
  });
});
