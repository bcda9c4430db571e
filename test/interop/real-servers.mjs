// `ehlo` as a client of real servers: Postfix, Exim, aiosmtpd and npm's smtp-server, with TLS, AUTH, CHUNKING, SMTPUTF8 and LMTP
// where they have it. What arrives is what was sent, octet for octet.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectTo, delivered } from '../../dist/index.js';
import { check, expect, expectEqual, expectMatch, freePort, PEERS, ROOT, until } from './harness.mjs';
import { CONTENTS, tenMegabytes } from './mail.mjs';
import { startExim } from './exim.mjs';
import { startPostfix } from './postfix.mjs';

const USER = 'tim';
const PASSWORD = 'tanstaaf tanstaaf';
const CERT = join(ROOT, 'fixtures/tls/mx.pem'); // for mx.test, localhost and 127.0.0.1
const KEY = join(ROOT, 'fixtures/tls/mx-key.pem');
const VERIFIED = ['--tls', 'verify', '--tls-ca', CERT];

/** Starts aiosmtpd or smtp-server, which keep their mails in files. */
async function startKeeper(stage, name, kind = 'smtp') {
  const [folder, port] = [stage.folder(name), await freePort()];
  const rest = [kind, String(port), folder, CERT, KEY, USER, PASSWORD];
  const program = name === 'aiosmtpd'
    ? stage.start(join(PEERS, 'aiosmtpd'), [join(ROOT, 'test/interop/aiosmtpd_server.py'), ...rest])
    : stage.start(process.execPath, [join(ROOT, 'test/interop/smtp-server.cjs'), join(PEERS, 'smtp-server/node_modules'), ...rest]);
  await program.find(/^ready$/m, 30);
  const facts = () => readdirSync(folder).filter((file) => file.endsWith('.json')).map((file) => ({ ...JSON.parse(readFileSync(join(folder, file), 'utf8')), octets: readFileSync(join(folder, file.replace('.json', '.eml'))) }));
  return { port, facts, mails: () => facts().map(({ octets }) => octets) };
}

const postfix = async (stage) => {
  const port = await freePort();
  return { port, ...(await startPostfix(stage, { port, cert: CERT, key: KEY })) };
};

const exim = async (stage) => {
  const port = await freePort();
  return { port, ...(await startExim(stage, { port, cert: CERT, key: KEY, user: USER, password: PASSWORD })) };
};

/** What each takes without changing it: Postfix and smtp-server are strict about NUL, and end a header where they think it ends. */
const SERVERS = {
  'aiosmtpd': (stage) => startKeeper(stage, 'aiosmtpd'),
  'smtp-server': (stage) => startKeeper(stage, 'smtp-server'),
  'Postfix': postfix,
  'Exim': exim,
};

/** Under TLS: what is cut and joined there. What the content is made into has been seen in clear. */
const HARD_UNDER_TLS = ['lines of one, two and three dots', 'every octet but NUL, CR and LF', 'lines of 998 octets'];

const HARD = ['one line of text', 'lines of one, two and three dots', 'a last line of one dot', 'every octet but NUL, CR and LF', 'UTF-8 in header and body', 'an empty body', 'empty lines at the end', 'lines of 998 octets', 'white space at line ends', 'what looks like commands'];

/** A file with the content. */
function file(stage, content) {
  const path = join(stage.folder('content'), 'content');
  writeFileSync(path, content);
  return path;
}

async function send(stage, { port }, content, args, to = 'bob@example.test') {
  const { status, out, err } = await stage.ehlo(['send', '--hostname', 'client.test', '--server', `127.0.0.1:${port}`, '--from', 'alice@sender.test', '--to', to, '--trace', ...args, file(stage, content)]);
  expectEqual(status, 0, `exit status (${out}${err.slice(-600)})`);
  return err;
}

/** Waits until as many mails have arrived as were sent, and each of them is one that arrived. */
async function expectAll(server, contents) {
  await until('all mails arrive', () => server.mails().length >= contents.length, 30);
  const arrived = server.mails();
  expectEqual(arrived.length, contents.length, 'mails that arrived');
  for (const content of contents) {
    const found = arrived.findIndex((octets) => octets.equals(content));
    expect(found >= 0, `a mail did not arrive as it was sent: ${JSON.stringify(content.toString('latin1').slice(0, 200))}; arrived: ${JSON.stringify(arrived.map((octets) => octets.toString('latin1').slice(0, 300)))}`);
    arrived.splice(found, 1);
  }
}

for (const [name, start] of Object.entries(SERVERS)) {
  for (const [way, args, transcript, hard] of [['in clear', ['--tls', 'off'], /^(?!.*STARTTLS$)/m, HARD], ['under TLS with its certificate verified', VERIFIED, /^C: STARTTLS$/m, HARD_UNDER_TLS]])
    check(`ehlo send to ${name} ${way}: what is hard to carry arrives octet for octet`, async (stage) => {
      const server = await start(stage);
      for (const content of hard) expectMatch(await send(stage, server, CONTENTS[content], args), transcript, 'the dialogue');
      await expectAll(server, hard.map((content) => CONTENTS[content]));
    }, { seconds: 120 });

  check(`ehlo serve relays to ${name} under TLS, many mails over few connections, each octet for octet`, async (stage) => {
    const server = await start(stage);
    const relay = await stage.serve(['--smarthost', `127.0.0.1:${server.port}`]);
    const contents = [...Array.from({ length: 60 }, (_, at) => Buffer.from(`Subject: ${at}\r\n\r\n.${'dots and text '.repeat(at)}\r\n.\r\n`)), tenMegabytes()];
    const client = connectTo(`smtp://127.0.0.1:${relay.port}`, { hostname: 'client.test', connections: 10 });
    const outcomes = [];
    for await (const each of client.sendAll(contents.map((content) => ({ from: 'alice@sender.test', to: 'bob@example.test', content })))) outcomes.push(...each);
    await client.close();
    expect(outcomes.every(delivered), `what became of the mails: ${outcomes.map(({ outcome }) => outcome.state)}`);
    await until('all mails are relayed', () => (relay.out.match(/ done /g) ?? []).length === contents.length, 60);
    await until('all mails arrive', () => server.mails().length >= contents.length, 60);
    const arrived = server.mails().map((octets) => octets.toString('latin1').replace(/^Received: from client\.test [^]*?\r\n(?![ \t])/, ''));
    for (const content of contents) expect(arrived.includes(content.toString('latin1')), `a mail did not arrive as it was sent: ${content.toString('latin1').slice(0, 60)}`);
  }, { seconds: 180 });
}

for (const name of ['Postfix', 'Exim'])
  check(`ehlo send to ${name} uses CHUNKING: the mail goes in one flight, and NUL arrives`, async (stage) => {
    const server = await SERVERS[name](stage);
    const dialogue = await send(stage, server, CONTENTS['lines of one, two and three dots'], ['--tls', 'off']);
    expectMatch(dialogue, /^C: BDAT \d+ LAST$/m, 'the dialogue');
    expect(!/^C: DATA$/m.test(dialogue), 'DATA was used');
    await expectAll(server, [CONTENTS['lines of one, two and three dots']]);
  });

for (const name of ['aiosmtpd', 'smtp-server', 'Postfix', 'Exim'])
  check(`ehlo send to ${name} with an address that is not ASCII uses SMTPUTF8`, async (stage) => {
    const server = await SERVERS[name](stage);
    const content = CONTENTS['UTF-8 in header and body'];
    expectMatch(await send(stage, server, content, ['--tls', 'off'], 'grüße@example.test'), /^C: MAIL .*SMTPUTF8/m, 'the dialogue');
    await expectAll(server, [content]);
  });

for (const name of ['aiosmtpd', 'smtp-server', 'Exim'])
  check(`ehlo send to ${name} authenticates under TLS, and says what went wrong where the password is wrong`, async (stage) => {
    const server = await SERVERS[name](stage);
    const content = CONTENTS['one line of text'];
    const password = join(stage.folder('password'), 'password');
    writeFileSync(password, `${PASSWORD}\n`);
    const dialogue = await send(stage, server, content, [...VERIFIED, '--user', USER, '--password-file', password]);
    expectMatch(dialogue, /^S: 235 /m, 'the dialogue');
    for (const secret of [PASSWORD, Buffer.from(PASSWORD).toString('base64'), Buffer.from(`\0${USER}\0${PASSWORD}`).toString('base64')]) expect(!dialogue.includes(secret), 'a password stands in the dialogue');
    await expectAll(server, [content]);
    if (server.facts !== undefined) expectEqual(server.facts()[0].user, USER, 'who sent it');
    writeFileSync(password, 'wrong\n');
    const { status, out } = await stage.ehlo(['send', '--server', `127.0.0.1:${server.port}`, '--to', 'bob@example.test', ...VERIFIED, '--user', USER, '--password-file', password, file(stage, content)]);
    expectEqual(status, 75, `exit status (${out})`);
    expectMatch(out, /535/, 'standard output');
  });

/** The same that speak TLS at once, and where. */
const AT_ONCE = {
  'aiosmtpd': (stage) => startKeeper(stage, 'aiosmtpd', 'smtps'),
  'smtp-server': (stage) => startKeeper(stage, 'smtp-server', 'smtps'),
  'Exim': async (stage) => {
    const [port, tlsPort] = [await freePort(), await freePort()];
    return { ...(await startExim(stage, { port, tlsPort, cert: CERT, key: KEY, user: USER, password: PASSWORD })), port: tlsPort };
  },
};

for (const [way, scheme, servers] of [['by STARTTLS', '', SERVERS], ['by TLS at once', 'smtps://', AT_ONCE]])
  for (const name of Object.keys(AT_ONCE))
    check(`ehlo serve authenticates to ${name} as its smarthost ${way}, and has mail wait where the password is wrong`, async (stage) => {
      const server = await servers[name](stage);
      const password = join(stage.folder('password'), 'password');
      writeFileSync(password, 'wrong\n');
      const relay = await stage.serve(['--smarthost', `${scheme}127.0.0.1:${server.port}`, '--smarthost-user', USER, '--smarthost-password-file', password], { env: { NODE_EXTRA_CA_CERTS: CERT } });
      const content = CONTENTS['one line of text'];
      await send(stage, relay, content, ['--tls', 'off']);
      expectMatch((await relay.find(/ deferred .*$/m, 15))[0], /535.* inReplyTo=AUTH/, 'the log');
      writeFileSync(password, `${PASSWORD}\n`);
      relay.signal('SIGHUP');
      await relay.find(/ reloaded/, 15);
      await send(stage, relay, content, ['--tls', 'off'], 'carol@example.test');
      const [, tls] = await relay.find(/ delivered .* tls=(\S+)/, 15);
      expectMatch(tls, /^TLSv1/, 'TLS in the log');
      await until('the mail arrives', () => server.mails().length > 0);
      if (server.facts !== undefined) expectEqual(server.facts()[0].user, USER, 'who sent it');
      expect(!(relay.out + relay.err).includes(PASSWORD), 'the password stands in the log');
    });

// aiosmtpd gives one reply for all recipients, which is not LMTP (RFC 2033 §4.2): it gets one.
for (const [name, recipients] of [['aiosmtpd', ['bob@example.test']], ['smtp-server', ['bob@example.test', 'carol@example.test']]])
  check(`ehlo send speaks LMTP with ${name}`, async (stage) => {
    const server = await startKeeper(stage, name, 'lmtp');
    const content = CONTENTS['lines of one, two and three dots'];
    const { status, out, err } = await stage.ehlo(['send', '--server', `lmtp://127.0.0.1:${server.port}`, '--from', 'alice@sender.test', ...recipients.flatMap((to) => ['--to', to]), '--trace', '--tls', 'off', file(stage, content)]);
    expectEqual(status, 0, `exit status (${out}${err})`);
    expectMatch(err, /^C: LHLO /m, 'the dialogue');
    expectEqual(out.match(/^delivered /gm)?.length, recipients.length, `recipients delivered (${out})`);
    await until('the mail arrives', () => server.facts().length > 0);
    expectEqual(JSON.stringify(server.facts()[0].to), JSON.stringify(recipients), 'recipients');
    await expectAll(server, [content]);
  });

check('the programs for the checks of real servers are there', async () => {
  for (const path of ['aiosmtpd', 'smtp-server/node_modules/smtp-server', 'usr/lib/postfix/sbin/master', 'usr/sbin/exim4']) expect(existsSync(join(PEERS, path)), `${path} is missing: run provision.sh`);
});
