// The matrix of programs: each in each way that it has, into `ehlo serve` and from `ehlo send`, with a mail that is hard to carry
// and arrives octet for octet. README carries the table, made of what a run did; the last check compares them.
//
// A server stands for all cells of its column, and takes them side by side; each mail is known by its recipient.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, checkLast, expect, expectEqual, expectMatch, Failure, ROOT, shared, until } from './harness.mjs';
import { maildirMails } from './mail.mjs';
import { CERT, CLIENTS, FROM, KEY, PASSWORD, USER } from './matrix-clients.mjs';
import { RELAYS } from './matrix-relays.mjs';
import { SERVERS } from './matrix-servers.mjs';

const LINES = ['.', '..', '...', '.text', '..text', '', 'From here', 'QUIT', 'white space ', ' .', '', 'Grüße, Αἰσχύλος', 'x'.repeat(900), '.', '', 'end'];
/** What those are given that make the header themselves: they encode what is not plain text. */
const PLAIN = ['.', '..', '...', '.text', '', 'QUIT', ' .', '', 'y'.repeat(60), '.', '', 'end'];

const text = (lines) => Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'utf8');
const mailOf = (to, lines = LINES) => Buffer.concat([text([`From: ${FROM}`, `To: ${to}`, 'Subject: content', 'Date: Mon, 23 Nov 2026 12:00:00 +0000', `Message-ID: <${to}>`, 'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit', '']), text(lines)]);

/** In which form a program wants its mail. */
const LINE_ENDS = {
  'crlf': (content) => content,
  'lf': (content) => Buffer.from(content.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
  'lf, the last one open': (content) => LINE_ENDS.lf(content).subarray(0, -1),
};

/** The columns of mail that comes in: how it comes, to which listener, and what Received says of it: no S behind HELO (RFC 3848). */
const INTO = {
  clear: { title: 'in clear', listener: 'smtp', protocol: /^E?SMTP$/ },
  starttls: { title: 'STARTTLS', listener: 'smtp', tls: 'starttls', protocol: /^(?:ESMTPS|SMTP)$/ },
  tls: { title: 'TLS at once', listener: 'smtps', tls: 'tls', protocol: /^(?:ESMTPS|SMTP)$/ },
  starttlsAuth: { title: 'AUTH, STARTTLS', listener: 'submission', tls: 'starttls', protocol: /^ESMTPSA$/ },
  tlsAuth: { title: 'AUTH, TLS at once', listener: 'submissions', tls: 'tls', protocol: /^ESMTPSA$/ },
  lmtp: { title: 'LMTP', listener: 'lmtp', lmtp: true, protocol: /^LMTP$/ },
};

const VERIFIED = ['--tls', 'verify', '--tls-ca', CERT];

/** The columns of mail that goes out: where to, with which options of `ehlo send`, and what its dialogue shows. */
const FROM_EHLO = {
  clear: { title: 'in clear', server: ({ port }) => `127.0.0.1:${port}`, args: ['--tls', 'off'], shows: /^C: (?:EHLO|HELO) [^]*^C: MAIL /m },
  starttls: { title: 'STARTTLS', server: ({ port }) => `127.0.0.1:${port}`, args: VERIFIED, shows: /^C: STARTTLS$/m },
  tls: { title: 'TLS at once', server: ({ tlsPort }) => `smtps://127.0.0.1:${tlsPort}`, args: VERIFIED, shows: /^(?![^]*^C: STARTTLS$)/m },
  auth: { title: 'AUTH', server: ({ tlsPort, port }) => (tlsPort === undefined ? `127.0.0.1:${port}` : `smtps://127.0.0.1:${tlsPort}`), args: VERIFIED, shows: /^S: 235 /m },
  lmtp: { title: 'LMTP', server: ({ lmtpPort }) => `lmtp://127.0.0.1:${lmtpPort}`, args: ['--tls', 'off'], shows: /^C: LHLO /m },
  relayed: { title: 'relayed', next: ({ port }) => `127.0.0.1:${port}` },
  relayedByLmtp: { title: 'relayed, LMTP', next: ({ lmtpPort }) => `lmtp://127.0.0.1:${lmtpPort}` },
};

/** What the cells that ran found, by table, row and column: true, or the mechanism of AUTH. */
const FOUND = { into: {}, from: {} };
let [cells, played] = [0, 0];

function found(table, row, column, what) {
  (FOUND[table][row] ??= {})[column] = what;
}

const ehloServe = shared(async (stage) => {
  const [folder, traces] = [stage.folder('serve'), stage.folder('traces')];
  const maildir = join(folder, 'Maildir');
  const { out, status, err } = await stage.ehlo(['passwd', USER], { input: `${PASSWORD}\n` });
  expectEqual(status, 0, `exit status of ehlo passwd (${err})`);
  writeFileSync(join(folder, 'users'), out);
  const socket = join(folder, 'lmtp.sock');
  const listeners = ['smtp', 'smtps', 'submission', 'submissions', 'lmtp'].flatMap((scheme) => ['--listen', `${scheme}://127.0.0.1:0`]);
  const server = await stage.serve([...listeners, '--listen', `lmtp:${socket}`, '--tls-cert', CERT, '--tls-key', KEY, '--users', join(folder, 'users'), '--maildir', maildir, '--accept', '*', '--max-connections-per-client', '200', '--trace', traces]);
  await server.find(/listening on lmtp:\/[^/]/); // the last one
  const ports = Object.fromEntries([...server.err.matchAll(/listening on (\w+):\/\/127\.0\.0\.1:(\d+)$/gm)].map(([, scheme, port]) => [scheme, Number(port)]));
  return { maildir, traces, socket, ports };
});

/** Waits for the mail to that recipient, and for the transcript of the session in which it came. */
async function arrived({ maildir, traces }, to) {
  const mail = await until(`the mail to ${to} arrives`, () => maildirMails(maildir).map((octets) => octets.toString('latin1')).find((octets) => octets.includes(`for <${to}>`)));
  const dialogue = await until('its transcript', () => readdirSync(traces).map((name) => readFileSync(join(traces, name), 'latin1')).find((trace) => trace.includes(to)));
  return { mail, dialogue };
}

/** Fails unless the mail is the content behind whole fields, and came that way. */
function expectWay({ mail, dialogue }, content, { tls, protocol }, mechanism, composes) {
  const octets = content.toString('latin1');
  if (!mail.endsWith(octets)) throw new Failure(`sent ${JSON.stringify(octets)}, arrived ${JSON.stringify(mail)}`);
  const front = mail.slice(0, mail.length - octets.length);
  expectMatch(front, composes ? /^(?:[!-9;-~]+:.*\r\n(?:[ \t].*\r\n)*)+\r\n$/ : /^(?:[!-9;-~]+:.*\r\n(?:[ \t].*\r\n)*)+$/, 'what stands in front');
  expectMatch(/\swith (\S+)\s/.exec(mail)?.[1] ?? '', protocol, 'how Received says that it came');
  expectEqual(/^\* tls/m.test(dialogue) || /^Options: .*tls=implicit/m.test(dialogue), tls !== undefined, 'TLS was used');
  expectEqual(/^C: STARTTLS$/im.test(dialogue), tls === 'starttls', 'STARTTLS was said');
  expectEqual(/^C: AUTH (\S+)/im.exec(dialogue)?.[1].toUpperCase(), mechanism, 'the mechanism of AUTH');
}

for (const [name, { ways, run, lines = 'crlf', composes = false, behind = '' }] of Object.entries(CLIENTS))
  for (const [column, way] of Object.entries(ways)) {
    cells += 1;
    check(`${name} into ehlo serve, ${INTO[column].title}${way === true ? '' : ` (${way})`}: the mail arrives octet for octet`, async (stage) => {
      played += 1;
      const server = await ehloServe();
      const to = `${name.replace(/[^a-z]+/gi, '-')}.${column}@local.test`.toLowerCase();
      const content = composes === false ? mailOf(to) : text(composes === true ? PLAIN : PLAIN.filter((line) => !line.startsWith('.')));
      const given = LINE_ENDS[lines](content);
      const file = join(stage.folder('content'), 'content');
      writeFileSync(file, given);
      const { listener, tls, lmtp } = INTO[column];
      const { status, out, err } = await run(stage, { tls, lmtp, auth: way === true ? undefined : way, port: server.ports[listener], lmtpPort: server.ports.lmtp, socket: server.socket, to, file, octets: given });
      expectEqual(status, 0, `exit status, with ${(out + err).slice(-500)}`);
      expectWay(await arrived(server, to), Buffer.concat([content, Buffer.from(behind)]), INTO[column], way === true ? undefined : way, composes !== false);
      found('into', name, column, way);
    });
  }

/** Gives a mail to a program that listens there. */
async function give(stage, server, to, content, args = ['--tls', 'off']) {
  const file = join(stage.folder('content'), 'content');
  writeFileSync(file, content);
  const { status, out, err } = await stage.ehlo(['send', '--server', server, '--hostname', 'client.test', '--from', FROM, '--to', to, '--trace', ...args, file]);
  expectEqual(status, 0, `exit status of ehlo send (${out}${err.slice(-800)})`);
  return err;
}

for (const [name, { ways, start }] of Object.entries(RELAYS)) {
  const relay = shared(async (stage) => start(stage, (await ehloServe()).ports));
  for (const [column, way] of Object.entries(ways)) {
    cells += 1;
    check(`${name} relays into ehlo serve, ${INTO[column].title}${way === true ? '' : ` (${way})`}: the mail arrives octet for octet`, async (stage) => {
      played += 1;
      const server = await ehloServe();
      const to = `${name}@${column}.test`.toLowerCase();
      const content = mailOf(to);
      await give(stage, `127.0.0.1:${await relay()}`, to, content);
      expectWay(await arrived(server, to), content, INTO[column], way === true ? undefined : way, false);
      found('into', name, column, way);
    });
  }
}

for (const [name, { ways, start, eightBit = true }] of Object.entries(SERVERS)) {
  const running = shared(start);
  for (const [column, way] of Object.entries(ways)) {
    cells += 1;
    const { title, server, next, args, shows } = FROM_EHLO[column];
    check(next !== undefined ? `ehlo serve relays to ${name}${column === 'relayed' ? '' : ' by LMTP'}: the mail arrives octet for octet` : `ehlo send to ${name}, ${title}${way === true ? '' : ` (${way})`}: the mail arrives octet for octet`, async (stage) => {
      played += 1;
      const place = await running();
      const to = `${name}.${column}@local.test`.toLowerCase();
      const content = mailOf(to, eightBit ? LINES : PLAIN);
      if (next !== undefined) await give(stage, `127.0.0.1:${(await stage.serve(['--smarthost', next(place)])).port}`, to, content);
      else {
        const password = join(stage.folder('password'), 'password');
        writeFileSync(password, `${PASSWORD}\n`);
        const dialogue = await give(stage, server(place), to, content, [...args, ...(way === true ? [] : ['--user', USER, '--password-file', password])]);
        expectMatch(dialogue, shows, 'the dialogue');
        expectEqual(/^C: AUTH (\S+)/m.exec(dialogue)?.[1], way === true ? undefined : way, 'the mechanism of AUTH');
      }
      const mail = await until(`the mail to ${to} arrives`, () => place.mails().map((octets) => octets.toString('latin1')).find((octets) => octets.includes(`Message-ID: <${to}>`)), 30);
      const octets = content.toString('latin1');
      if (!mail.endsWith(octets)) throw new Failure(`sent ${JSON.stringify(octets)}, arrived ${JSON.stringify(mail)}`);
      expectMatch(mail.slice(0, mail.length - octets.length), next !== undefined ? /^(?:Received: from client\.test .*\r\n(?:[ \t].*\r\n)*)?$/ : /^$/, 'what stands in front');
      found('from', name, column, way);
    });
  }
}

/** One table of README: what was found, a row for each program. */
function tableOf(caption, columns, rows, names) {
  const line = (cells_) => `| ${cells_.join(' | ')} |`;
  const cell = (what) => (what === undefined ? '' : what === true ? '✓' : what);
  return [
    line([caption, ...Object.values(columns).map(({ title }) => title)]), line(['---', ...Object.keys(columns).map(() => '---')]),
    ...names.map((name) => line([name, ...Object.keys(columns).map((column) => cell(rows[name]?.[column]))])),
  ].join('\n');
}

checkLast('README carries the matrix as this run found it', async () => {
  if (played < cells) return; // a filter left some out
  const made = [tableOf('into `ehlo serve`', INTO, FOUND.into, [...Object.keys(CLIENTS), ...Object.keys(RELAYS)]), tableOf('from `ehlo send`', FROM_EHLO, FOUND.from, Object.keys(SERVERS))].join('\n\n');
  const [, carried] = /<!-- matrix -->\n([^]*?)\n<!-- end of matrix -->/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
  expect(carried === made, `expected between <!-- matrix --> and <!-- end of matrix -->:\n${made}`);
});
