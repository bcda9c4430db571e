// Postfix and Exim relay into `ehlo serve`, under TLS: what they were given arrives octet for octet behind their fields and ours,
// by CHUNKING where they speak it, and with SMTPUTF8 where the address asks for it.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, expect, expectEqual, expectMatch, freePort, ROOT, until } from './harness.mjs';
import { startExim } from './exim.mjs';
import { CONTENTS, maildirMails, tenMegabytes } from './mail.mjs';
import { startPostfix } from './postfix.mjs';

const CERT = join(ROOT, 'fixtures/tls/mx.pem'); // for mx.test, localhost and 127.0.0.1
const KEY = join(ROOT, 'fixtures/tls/mx-key.pem');

/** Starts `ehlo serve` with STARTTLS, a Maildir that takes all mail, and transcripts of its sessions. */
async function serve(stage) {
  const maildir = join(stage.folder('maildir'), 'Maildir');
  const traces = stage.folder('traces');
  const server = await stage.serve(['--maildir', maildir, '--accept', '*', '--tls-cert', CERT, '--tls-key', KEY, '--trace', traces]);
  const dialogues = () => readdirSync(traces, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'latin1')).join('\n');
  return { server, maildir, dialogues };
}

const RELAYS = {
  async Postfix(stage, to) {
    const port = await freePort();
    const lines = [`relayhost = [127.0.0.1]:${to}`, 'virtual_mailbox_domains =', 'smtpd_relay_restrictions = permit_mynetworks, reject', 'smtp_tls_security_level = secure', `smtp_tls_CAfile = ${CERT}`, 'smtp_tls_secure_cert_match = mx.test'];
    await startPostfix(stage, { port, cert: CERT, key: KEY, lines });
    return port;
  },
  async Exim(stage, to) {
    const port = await freePort();
    await startExim(stage, { port, cert: CERT, key: KEY, user: 'tim', password: 'tanstaaf', relayTo: to });
    return port;
  },
};

const HARD = ['one line of text', 'lines of one, two and three dots', 'a last line of one dot', 'every octet but NUL, CR and LF', 'UTF-8 in header and body', 'empty lines at the end', 'lines of 998 octets', 'white space at line ends', 'what looks like commands'];

async function give(stage, port, content, to = 'bob@example.test') {
  const path = join(stage.folder('content'), 'content');
  writeFileSync(path, content);
  const { status, out } = await stage.ehlo(['send', '--server', `127.0.0.1:${port}`, '--hostname', 'client.test', '--tls', 'off', '--from', 'alice@sender.test', '--to', to, path]);
  expectEqual(status, 0, `exit status of ehlo send (${out})`);
}

/** Waits for as many mails, and finds each content as one of them, behind fields of trace and those that an MTA may add. */
async function expectAll(maildir, contents) {
  await until('all mails arrive', () => maildirMails(maildir).length >= contents.length, 40);
  const arrived = maildirMails(maildir).map((octets) => octets.toString('latin1'));
  expectEqual(arrived.length, contents.length, 'mails');
  for (const content of contents) {
    const at = arrived.findIndex((mail) => mail.endsWith(content.toString('latin1')));
    expect(at >= 0, `a mail did not arrive as it was sent: ${JSON.stringify(content.toString('latin1').slice(0, 200))}`);
    const [mail] = arrived.splice(at, 1);
    const front = mail.slice(0, mail.length - content.length);
    expectMatch(front, /^Return-Path: <alice@sender\.test>\r\nReceived: from (?:postfix|exim)\.test [^]*?\swith (?:UTF8SMTPS|ESMTPS)\s/, 'what stands in front');
    expectMatch(front, /^(?:[!-9;-~]+:.*\r\n(?:[ \t].*\r\n)*)*$/, 'what stands in front');
  }
}

for (const [name, start] of Object.entries(RELAYS)) {
  check(`${name} relays into ehlo serve under TLS: what is hard to carry arrives octet for octet`, async (stage) => {
    const { server, maildir, dialogues } = await serve(stage);
    const port = await start(stage, server.port);
    const contents = [...HARD.map((content) => CONTENTS[content]), tenMegabytes()];
    for (const content of contents) await give(stage, port, content);
    await expectAll(maildir, contents);
    await until('the transcripts are whole', () => (dialogues().match(/^C: QUIT$/gm) ?? []).length > 0);
    if (name === 'Exim') expectEqual((dialogues().match(/^C: BDAT \d+ LAST$/gm) ?? []).length, contents.length, 'chunks that were the last ones');
  }, { seconds: 180 });

  check(`${name} relays mail with an address that is not ASCII into ehlo serve with SMTPUTF8`, async (stage) => {
    const { server, maildir, dialogues } = await serve(stage);
    const port = await start(stage, server.port);
    const content = CONTENTS['UTF-8 in header and body'];
    await give(stage, port, content, 'grüße@example.test');
    await expectAll(maildir, [content]);
    await until('the transcripts are whole', () => (dialogues().match(/^C: QUIT$/gm) ?? []).length > 0);
    expectMatch(dialogues(), /^C: MAIL FROM:<alice@sender\.test>.* SMTPUTF8/m, 'the dialogues');
    expectMatch(maildirMails(maildir)[0].toString('latin1'), /\swith UTF8SMTPS\s/, 'how it came');
  }, { seconds: 120 });
}
