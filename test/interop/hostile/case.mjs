// The words in which the tables of cases are written, and the player of a case.
//
// A case is a name, the steps of a conversation, and what has reached the Maildir when it is over. Steps:
//
//   'NOOP'            a command line, CRLF is put behind it
//   ['NOOP', 'NOOP']  command lines in one segment
//   250, /^250 .../   the next reply, by its code or by its text
//   octets('a\r\n')   exactly these octets in one segment, written as latin1
//   segments(a, b)    each of them in a segment of its own; slowly(a): each octet
//   TLS               the handshake
//   FIN, RST          our side is closed, the connection is broken off
//   CALM              NOOP and QUIT are answered, or the server closes the connection, with or without 421
//   CLOSED            the server closes the connection, without another word
//   OVER              nothing, where the step before was the end
//   async (c) => …    whatever else, see conversation.mjs
//
// Without being said, a case begins with banner and EHLO, and ends with QUIT, 221 and the end, so that a reply too many is
// always seen.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectEqual, expectMatch, sleep } from '../harness.mjs';
import { expectInFront } from '../mail.mjs';
import { Conversation } from './conversation.mjs';

export const octets = (text) => ({ pieces: [text] });
export const segments = (...pieces) => ({ pieces });
export const slowly = (text) => ({ pieces: [...text] });
export const lines = (...all) => all.map((line) => `${line}\r\n`).join('');
export const times = (count, step) => Array.from({ length: count }, () => step);
/** Text as the octets of its UTF-8, written as latin1. */
export const utf8 = (text) => Buffer.from(text, 'utf8').toString('latin1');
export const base64 = (text) => Buffer.from(text, 'latin1').toString('base64');
export const TLS = { end: 'tls' };
export const FIN = { end: 'fin' };
export const RST = { end: 'rst' };
/** The conversation was over with the step before. */
export const OVER = { end: 'over' };
/** The server goes on to answer commands, or closes the connection with or without 421. */
export const CALM = { end: 'calm' };
export const CLOSED = { end: 'closed' };

export const MAIL = 'MAIL FROM:<alice@sender.test>';
export const RCPT = 'RCPT TO:<bob@local.test>';
/** A transaction up to the 354. */
export const TO_DATA = [MAIL, 250, RCPT, 250, 'DATA', 354];
/** A transaction up to RCPT. */
export const TO_RCPT = [MAIL, 250, RCPT, 250];

/** How a case begins, by name. */
export const OPENINGS = {
  greeted: [220, 'EHLO client.test', 250],
  lmtp: [220, 'LHLO client.test', 250],
  connected: [220],
  nothing: [],
  tls: [220, 'EHLO client.test', 250, 'STARTTLS', 220, TLS, 'EHLO client.test', 250],
  smtps: [TLS, 220, 'EHLO client.test', 250],
};
const CLOSING = ['QUIT', 221, CLOSED];
const FIELDS = ['Return-Path', 'Received'];

/**
 * Plays a case against a server, and looks at what arrived.
 * @param {{ name: string, steps: unknown[], open?: keyof OPENINGS, mails?: string[] | number, fields?: string[], front?: RegExp }} it
 *   `mails`: the contents that arrive, as latin1, in any order; or how many. `front`: what stands in front of each
 * @param {{ port: number, maildir: string, tls: object }} server
 */
export async function play({ steps, open = 'greeted', ...arrives }, server) {
  const before = new Set(mailsIn(server.maildir));
  const over = [CALM, CLOSED, OVER, RST].includes(steps.at(-1));
  const conversation = await converse([...OPENINGS[open], ...steps, ...(over ? [] : CLOSING)], server);
  conversation.destroy();
  expectArrived(mailsIn(server.maildir).filter((name) => !before.has(name)), arrives, server);
}

/** Begins a conversation and takes the steps; returns it as it is then. */
export async function converse(steps, server) {
  const conversation = await Conversation.open({ host: '127.0.0.1', port: server.port });
  try {
    for (const step of steps) await take(step, conversation, server);
  } catch (fault) {
    conversation.destroy();
    throw fault;
  }
  return conversation;
}

const mailsIn = (maildir) => readdirSync(join(maildir, 'new'));

/** Fails unless the files of those names are the mails of a case. */
export function expectArrived(names, { mails = [], fields = FIELDS, front = /^/ }, { maildir }) {
  expectEqual(names.length, typeof mails === 'number' ? mails : mails.length, 'mails in the Maildir');
  if (typeof mails === 'number') return;
  const arrived = names.map((name) => readFileSync(join(maildir, 'new', name)));
  for (const content of mails) {
    const found = arrived.findIndex((mail) => mail.toString('latin1').endsWith(content));
    const [mail] = arrived.splice(Math.max(found, 0), 1);
    expectInFront(mail, Buffer.from(content, 'latin1'), fields);
    expectMatch(mail.toString('latin1', 0, mail.length - content.length), front, 'what stands in front');
  }
}

/** Takes one step of a conversation. */
export async function take(step, conversation, server) {
  if (typeof step === 'number' || step instanceof RegExp) return conversation.hear(step);
  if (typeof step === 'string') return conversation.say(lines(step));
  if (Array.isArray(step)) return conversation.say(lines(...step));
  if (typeof step === 'function') return step(conversation, server);
  if (step.pieces !== undefined) return step.pieces.length === 1 ? conversation.say(step.pieces[0]) : conversation.saySegments(step.pieces);
  switch (step.end) {
    case 'tls': return conversation.secure(server.tls);
    case 'fin': return conversation.end();
    case 'calm': return expectMatch(await conversation.rest(lines('NOOP', 'QUIT')), /^(?:250 2[^\n]*\n221 2[^\n]*\n|(?:421 [^\n]*\n)?)$/, 'replies to NOOP and QUIT');
    case 'closed': return conversation.ended();
    case 'over': return undefined;
    case 'rst':
      conversation.reset();
      return sleep(150); // nothing tells when it has got there
  }
}

/** Rows of a table, [name, steps, options?], as cases with these options in common. */
export const cases = (common, rows) => rows.map(([name, steps, own]) => ({ ...common, ...own, name, steps }));
