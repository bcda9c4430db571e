// Real servers that take some and refuse some: who and what each of them refuses, and when, is what `ehlo` says became of it, and
// what arrives is what it says has been delivered, each once.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectTo, accept, listen, refuse } from '../../dist/index.js';
import { check, expect, expectEqual, expectMatch, freePort, ROOT, until } from './harness.mjs';
import { startDovecot } from './dovecot.mjs';
import { startExim } from './exim.mjs';
import { CONTENTS, maildirMails } from './mail.mjs';
import { Client, startPeer } from './peer.mjs';
import { startPostfix } from './postfix.mjs';
import { UNPACKED } from './record-stage.mjs';
import { startSendmail } from './sendmail.mjs';

const CERT = join(ROOT, 'fixtures/tls/mx.pem'); // for mx.test, localhost and 127.0.0.1
const KEY = join(ROOT, 'fixtures/tls/mx-key.pem');

const access = (map) => `smtpd_recipient_restrictions = check_recipient_access inline:{ ${Object.entries(map).map(([who, what]) => `{${who}@example.test = ${what}}`).join(', ')} }, permit`;
const PEOPLE = access({ no: 'REJECT no such user', later: 'DEFER not now', drop: '421 4.3.2 go away' });
/** That of the mails that are too large is not said beforehand. */
const POSTFIX = ['message_size_limit = 100000', 'smtpd_error_sleep_time = 0', 'smtpd_hard_error_limit = 1000', PEOPLE];

/** Each takes mail for "ok", refuses "no" for good and "later" for now, breaks off at "drop", and takes no mail of a megabyte. */
const SERVERS = {
  'Postfix, by BDAT': (stage, port) => startPostfix(stage, { port, cert: CERT, key: KEY, lines: [...POSTFIX, 'smtpd_discard_ehlo_keywords = size'] }),
  'Postfix, by DATA': (stage, port) => startPostfix(stage, { port, cert: CERT, key: KEY, lines: [...POSTFIX, 'smtpd_discard_ehlo_keywords = size, chunking'] }),
  'Exim': (stage, port) => startExim(stage, {
    port, cert: CERT, key: KEY, user: 'tim', password: 'tanstaaf',
    rcpt: ['deny local_parts = no', 'defer local_parts = later', 'drop local_parts = drop', 'accept'], data: ['deny condition = ${if >{$message_size}{100000}}', 'accept'],
  }),
};

const LARGE = 'x'.repeat(98).concat('\r\n').repeat(10_000);
const RECIPIENTS = [['ok'], ['no'], ['no', 'ok'], ['later'], ['ok', 'drop'], ['later', 'ok', 'no'], ['ok']];

for (const [name, start] of Object.entries(SERVERS))
  check(`mails of every fate follow each other over one connection to ${name}: what is said of each is what became of it`, async (stage) => {
    const port = await freePort();
    const server = await start(stage, port);
    const mails = Array.from({ length: 56 }, (_, at) => ({ large: at % 8 === 6, who: RECIPIENTS[at % 7], content: Buffer.concat([Buffer.from(`Subject: ${at}\r\n`), CONTENTS['lines of one, two and three dots'], Buffer.from(at % 8 === 6 ? LARGE : '')]) }));
    const client = connectTo(`smtp://127.0.0.1:${port}`, { hostname: 'client.test', connections: 1 });
    const found = [];
    for await (const outcomes of client.sendAll(mails.map(({ who, content }) => ({ from: 'alice@sender.test', to: who.map((each) => `${each}@example.test`), content })))) found.push(outcomes.map(({ outcome }) => outcome.state));
    await client.close();
    for (const [at, { large, who }] of mails.entries()) {
      for (const [index, each] of who.entries()) {
        const state = found[at][index];
        if (who.includes('drop')) expect(state !== 'delivered', `mail ${at} was broken off, and has been delivered`);
        else expectEqual(state, each === 'no' || (each === 'ok' && large) ? 'failed' : each === 'later' ? 'deferred' : 'delivered', `what became of mail ${at} for ${each}`);
      }
    }
    const wanted = mails.filter((_, at) => found[at].includes('delivered')).map(({ content }) => content.toString('latin1'));
    await until('what was delivered arrives', () => server.mails().length >= wanted.length, 30);
    expectEqual(JSON.stringify(server.mails().map((mail) => mail.toString('latin1')).sort()), JSON.stringify(wanted.sort()), 'mails that arrived');
  });

/** What Postfix is told, how many recipients there are, how many of them it refuses, and what the log says of some on the way. */
const POLICIES = [
  ['takes three recipients at a time', { lines: ['smtpd_recipient_limit = 3'], recipients: 10 }],
  ['breaks off at the third that it refuses', { lines: ['smtpd_hard_error_limit = 3', access({ u0: 'REJECT', u1: 'REJECT', u2: 'REJECT', u3: 'REJECT' })], recipients: 10, refused: 4, log: /deferred .*to=<u9@example\.test> .*reply="421 4\.7\.0 /m }],
  ['takes three recipients in two seconds', { lines: ['smtpd_client_recipient_rate_limit = 3', 'smtpd_client_event_limit_exceptions =', 'anvil_rate_time_unit = 2s'], recipients: 5, log: /deferred .*reply="450 4\.7\.1 /m }],
  ['looks at strangers for a while, and has them come again', {
    screened: true, recipients: 2, log: /deferred .*reply="450 4\.3\.2 /m,
    lines: ['postscreen_greet_wait = 2s', 'postscreen_greet_action = enforce', 'postscreen_pipelining_enable = yes', 'postscreen_pipelining_action = enforce', 'postscreen_non_smtp_command_enable = yes', 'postscreen_bare_newline_enable = yes', 'postscreen_access_list ='],
  }],
];

for (const [name, { lines, recipients, refused = 0, log = /./, screened = false }] of POLICIES)
  check(`ehlo serve relays to a Postfix that ${name}: each recipient gets the mail once`, async (stage) => {
    const [port, door] = [await freePort(), await freePort()];
    const services = screened ? [`127.0.0.1:${door} inet n - n - 1 postscreen`, 'smtpd pass - - n - - smtpd', 'dnsblog unix - - n - 0 dnsblog', 'tlsproxy unix - - n - 0 tlsproxy'] : [];
    const server = await startPostfix(stage, { port, cert: CERT, key: KEY, lines, services });
    const relay = await stage.serve(['--smarthost', `127.0.0.1:${screened ? door : port}`, '--retry', '1s']);
    const all = Array.from({ length: recipients }, (_, at) => `u${at}@example.test`);
    const client = await Client.greet(stage, relay.port);
    expectEqual((await client.mail('alice@sender.test', all, CONTENTS['one line of text'])).code, 250, 'reply to the end of mail data');
    await until('nothing waits any more', () => / done id=\w+$/m.test(relay.out), 40);
    const got = () => server.whole().map((mail) => /^Delivered-To: (.*)$/m.exec(mail)?.[1]).filter((to) => all.includes(to)).sort();
    await until('all that is relayed arrives', () => got().length >= recipients - refused, 20);
    expectEqual(got().join(), all.slice(refused).join(), 'recipients that got it');
    expectEqual(new Set(relay.out.match(/^\S+ failed id=\w+ to=<u\d/gm)).size, refused, 'recipients that failed');
    expectMatch(relay.out, log, 'the log');
  });

check('what Postfix says of a recipient in UTF-8 is printed as it said it', async (stage) => {
  const port = await freePort();
  await startPostfix(stage, { port, cert: CERT, key: KEY, lines: ['smtpd_recipient_restrictions = reject'] });
  const { out, status } = await stage.ehlo(['send', '--server', `127.0.0.1:${port}`, '--to', 'grüße@example.test'], { input: CONTENTS['one line of text'] });
  expectEqual(status, 69, `exit status (${out})`);
  expectMatch(out, /^failed <grüße@example\.test> 554 5\.7\.1 <grüße@example\.test>: /, 'standard output');
});

const NOTIFY = ['NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;Bob+2Bx@example.test', 'NOTIFY=NEVER'];

for (const [name, start] of Object.entries({
  'Postfix': (stage, port, to) => startPostfix(stage, { port, cert: CERT, key: KEY, lines: [`relayhost = [127.0.0.1]:${to}`, 'virtual_mailbox_domains =', 'smtpd_relay_restrictions = permit_mynetworks, reject'] }),
  'Sendmail': (stage, port, to) => startSendmail(stage, { port, hostname: 'sendmail.test', relayTo: to, env: UNPACKED }),
}))
  check(`what a sender asks ${name} for about notifications goes on through ehlo serve as it was asked (RFC 3461 §5.2.1)`, async (stage) => {
    const port = await freePort();
    const peer = await startPeer(stage, { keywords: ['PIPELINING', '8BITMIME', 'SIZE', 'DSN'] });
    const relay = await stage.serve(['--smarthost', `127.0.0.1:${peer.port}`]);
    await start(stage, port, relay.port);
    const client = await Client.greet(stage, port);
    await client.expect(250, 'MAIL FROM:<alice@sender.test> RET=HDRS ENVID=a+2Bb+3Dc');
    for (const [at, asked] of NOTIFY.entries()) await client.expect(250, `RCPT TO:<u${at}@example.test> ${asked}`);
    await client.expect(354, 'DATA');
    await client.write(Buffer.concat([CONTENTS['one line of text'], Buffer.from('.\r\n')]));
    await client.expect(250);
    await until('the mail arrives', () => peer.mails.length > 0, 30);
    expectMatch(peer.commands.join('\n'), /^MAIL FROM:<alice@sender\.test> .*RET=HDRS ENVID=a\+2Bb\+3Dc$/m, 'the commands');
    for (const [at, asked] of NOTIFY.entries()) expect(peer.commands.some((command) => command.startsWith(`RCPT TO:<u${at}@example.test> ${asked}`)), `"${asked}" has not arrived: ${peer.commands.join(', ')}`);
  });

/** A server of LMTP that refuses some at RCPT and some behind the mail data, each for good and for now. */
async function startLmtp(stage) {
  const mails = [];
  const verdicts = { full: refuse(552, '5.2.2', 'mailbox full'), later: refuse(451, '4.2.1', 'not now') };
  const server = await listen({ host: '127.0.0.1', port: 0, hostname: 'lmtp.test', lmtp: true }, {
    rcpt: ({ mailbox }) => (mailbox.key.startsWith('no@') ? refuse(550, '5.1.1', 'no such user') : undefined),
    message(mail) {
      const people = mail.forwardPaths.map(({ text }) => text.replace(/^<|@.*/g, ''));
      mails.push(people.sort().join());
      return mail.forwardPaths.map(({ text }) => verdicts[text.replace(/^<|@.*/g, '')] ?? accept());
    },
  });
  stage.onEnd(() => server.close());
  return { port: server.port, mails };
}

const SOME = ['a', 'no', 'full', 'later', 'b'];

async function submit(stage, port) {
  const client = await Client.greet(stage, port);
  expectEqual((await client.mail('alice@sender.test', SOME.map((each) => `${each}@example.test`), CONTENTS['one line of text'])).code, 250, 'reply to the end of mail data');
}

check('Postfix speaks LMTP with a server of the library, and takes each verdict for whom it is about', async (stage) => {
  const [port, lmtp] = [await freePort(), await startLmtp(stage)];
  const postfix = await startPostfix(stage, { port, cert: CERT, key: KEY, services: ['lmtp unix - - n - - lmtp'], lines: ['virtual_mailbox_domains = sender.test', 'relay_domains = example.test', `relay_transport = lmtp:inet:127.0.0.1:${lmtp.port}`, 'minimal_backoff_time = 1s', 'queue_run_delay = 1s'] });
  await submit(stage, port);
  const report = await until('a report', () => postfix.whole()[0], 30);
  expectEqual((report.match(/^Final-Recipient: rfc822; .*$/gm) ?? []).sort().join(), 'Final-Recipient: rfc822; full@example.test,Final-Recipient: rfc822; no@example.test', 'who is reported');
  await until('the one that was deferred is tried again', () => lmtp.mails.length > 1, 30);
  expectEqual(lmtp.mails.slice(0, 2).join(' '), 'a,b,full,later later', 'recipients of each mail');
});

check('Exim speaks LMTP with a server of the library, and takes each verdict for whom it is about', async (stage) => {
  const [port, lmtp] = [await freePort(), await startLmtp(stage)];
  const { program } = await startExim(stage, { port, cert: CERT, key: KEY, user: 'tim', password: 'tanstaaf', relays: [{ domain: 'example.test', port: lmtp.port, lines: ['protocol = lmtp', 'hosts_avoid_tls = *'] }] });
  await submit(stage, port);
  for (const [mark, who] of [['=>', 'a'], ['**', 'no'], ['**', 'full'], ['==', 'later']]) await until(`Exim's log says "${mark} ${who}"`, () => `${program.out}${program.err}`.includes(` ${mark} ${who}@example.test`), 20);
  await until("Exim's log says that b has it too", () => /[=-]> b@example\.test/.test(`${program.out}${program.err}`), 20);
  expectEqual(lmtp.mails[0], 'a,b,full,later', 'recipients of the mail');
});

const dialogues = (traces) => readdirSync(traces).map((name) => readFileSync(join(traces, name), 'latin1'));

/** A file with the text. */
function file(stage, text) {
  const path = join(stage.folder('file'), 'file');
  writeFileSync(path, text);
  return path;
}

check('ehlo send hears from Dovecot, by LMTP, what becomes of each recipient', async (stage) => {
  const { lmtpPort, mailsOf } = await startDovecot(stage, { cert: CERT, key: KEY });
  const content = CONTENTS['lines of one, two and three dots'];
  const to = ['bob', 'nobody', 'full', 'carol'].flatMap((name) => ['--to', `${name}@example.test`]);
  const { out, status } = await stage.ehlo(['send', '--server', `lmtp://127.0.0.1:${lmtpPort}`, '--tls', 'verify', '--tls-ca', CERT, '--from', 'alice@sender.test', ...to, file(stage, content)]);
  expectEqual(status, 69, `exit status (${out})`);
  const said = out.match(/^\w+ <\w+@example\.test> \d+ \S+/gm) ?? [];
  expectEqual(said.join(), 'delivered <bob@example.test> 250 2.0.0,failed <nobody@example.test> 550 5.1.1,failed <full@example.test> 552 5.2.2,delivered <carol@example.test> 250 2.0.0', 'what is said of each');
  for (const name of ['bob', 'carol']) expectEqual(mailsOf(name).map((mail) => mail.toString('latin1')).join(), content.toString('latin1'), `mail of ${name}`);
  expectEqual(mailsOf('full').length, 0, 'mails of who has no room');
});

check('ehlo serve gives mail for a domain to Dovecot by LMTP, and the sender is told who does not get it', async (stage) => {
  const { lmtpPort, mailsOf } = await startDovecot(stage, { cert: CERT, key: KEY });
  const server = await stage.serve(['--accept', 'example.test', '--route', `example.test=lmtp://127.0.0.1:${lmtpPort}`]);
  const content = CONTENTS['lines of one, two and three dots'];
  const to = ['bob', 'nobody', 'full', 'carol'].flatMap((name) => ['--to', `${name}@example.test`]);
  expectEqual((await stage.ehlo(['send', '--server', `127.0.0.1:${server.port}`, '--from', 'carol@example.test', ...to, file(stage, content)])).status, 0, 'exit status');
  await until('bob and carol have the mail, and carol hears of the others', () => mailsOf('bob').length === 1 && mailsOf('carol').length === 2, 30);
  expectEqual(mailsOf('bob').map((mail) => mail.toString('latin1')).join(), content.toString('latin1'), 'mail of bob');
  const report = mailsOf('carol').map((mail) => mail.toString('latin1')).find((mail) => mail !== content.toString('latin1')) ?? '';
  expectEqual(report.match(/^(?:Final-Recipient|Status): .*$/gm)?.map((field) => field.trim()).join(), 'Final-Recipient: rfc822; nobody@example.test,Status: 5.1.1,Final-Recipient: rfc822; full@example.test,Status: 5.2.2', 'the report');
  expectEqual(mailsOf('full').length, 0, 'mails of who has no room');
});

check("ehlo serve takes what comes from Dovecot's submission service, which names its user in AUTH of MAIL (RFC 4954 §5)", async (stage) => {
  const [traces, maildir, password] = [stage.folder('traces'), join(stage.folder('maildir'), 'Maildir'), 'tanstaaf'];
  const { out: users } = await stage.ehlo(['passwd', 'tim'], { input: `${password}\n` });
  const server = await stage.serve(['--maildir', maildir, '--accept', '*', '--tls-cert', CERT, '--tls-key', KEY, '--users', file(stage, users), '--trace', traces]);
  const { port } = await startDovecot(stage, { cert: CERT, key: KEY, password, relayTo: server.port });
  const content = CONTENTS['lines of one, two and three dots'];
  const { out, status } = await stage.ehlo(['send', '--server', `127.0.0.1:${port}`, '--tls', 'verify', '--tls-ca', CERT, '--user', 'bob', '--password-file', file(stage, password), '--from', 'alice@sender.test', '--to', 'carol@example.test', '--trace', file(stage, content)]);
  expectEqual(status, 0, `exit status (${out})`);
  const [mail] = await until('the mail arrives', () => maildirMails(maildir).length > 0 && maildirMails(maildir));
  expect(mail.toString('latin1').endsWith(content.toString('latin1')), `arrived: ${mail.toString('latin1')}`);
  expectMatch(await until('a transcript', () => dialogues(traces).find((trace) => trace.includes('MAIL FROM'))), /^C: MAIL FROM:<alice@sender\.test> AUTH=bob /m, 'the dialogue');
});
