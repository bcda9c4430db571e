// Odd and hostile servers, each a script, against `ehlo send`: the line that it prints, its exit status, and where its mail went.
//
// A script is a list of lines for one connection:
//   S: text     says a line             S= "…"     says exactly these octets (JSON)
//   C: TEXT     waits for a line that begins so
//   data        reads mail data up to their end        bdat   reads one BDAT and its chunk; returns at LAST or not
//   tls NAME    shakes hands with that certificate     wait   says nothing and reads on until the client goes
//   handshake   waits for the client to begin one
//   slow "…"    says exactly these octets, one by one, some milliseconds apart
//   raw "…"     puts these octets on the wire beneath TLS
//   drop        closes the connection at once (RST)    end    closes our side
// Behind its last line the server reads on until the client goes.
//
// Rule 1: the content has a mark in each of its lines; it is never found among what was read as commands.
// Rule 2: `ehlo send` prints nothing on standard error, one line for each recipient, and ends within its timeouts.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';
import { check, expect, expectEqual, expectMatch, Failure, sleep } from './harness.mjs';

export const MARK = 'THIS-IS-CONTENT';
export const CONTENT = `Subject: ${MARK}\r\n\r\nMAIL FROM:<${MARK}@evil.test>\r\n.${MARK}\r\n.\r\nQUIT ${MARK}\r\n`;

export const EHLO = (...keywords) => ['C: EHLO client.test', ...['mx.test', ...keywords].map((text, at) => `S: 250${at === keywords.length ? ' ' : '-'}${text}`)];
export const HI = ['S: 220 mx.test ESMTP', ...EHLO()];
export const MAIL = [...HI, 'C: MAIL FROM:<alice@a.test>', 'S: 250 ok'];
export const RCPT = [...MAIL, 'C: RCPT TO:<bob@b.test>', 'S: 250 ok'];
export const DATA = [...RCPT, 'C: DATA', 'S: 354 go', 'data'];
export const BYE = ['C: QUIT', 'S: 221 bye', 'end'];
export const TAKEN = [...DATA, 'S: 250 2.0.0 taken', ...BYE];
export const PIPELINED = ['S: 220 mx.test ESMTP', ...EHLO('PIPELINING'), 'C: MAIL', 'C: RCPT', 'C: DATA'];
export const CHUNKED = ['S: 220 mx.test ESMTP', ...EHLO('PIPELINING', 'CHUNKING')];
export const STARTTLS = ['S: 220 mx.test ESMTP', ...EHLO('STARTTLS'), 'C: STARTTLS', 'S: 220 go ahead'];

export const exact = (text) => `S= ${JSON.stringify(text)}`;
export const delivered = ['delivered 250', 0];
export const lost = ['deferred 451 4.4.2 connection lost', 75];
export const late = ['deferred 451 4.4.2 timed out', 75];
export const bad = ['deferred 451 4.5.0', 75];
export const unknown = ['unknown 451 4.4.2', 75];

/** Name, script (or scripts, one for each connection), the beginning of the line without its path, exit status, further arguments. */
const CASES = [
  // The greeting
  ['greets and takes the mail', TAKEN, ...delivered],
  ['greets in several lines', ['S: 220-mx.test', 'S: 220-no spam', 'S: 220 ESMTP', ...TAKEN.slice(1)], ...delivered],
  ['greets without text', ['S: 220', ...TAKEN.slice(1)], ...delivered],
  ['greets with 250', ['S: 250 mx.test', ...TAKEN.slice(1)], ...delivered],
  ['greets octet by octet', [...'220 mx.test\r\n'].map(exact).concat(TAKEN.slice(1)), ...delivered],
  ['greets with 554', ['S: 554 5.7.1 not you', ...BYE], 'deferred 554 5.7.1 not you', 75],
  ['greets with 521', ['S: 521 no mail here', ...BYE], 'deferred 521 5.0.0 no mail here', 75],
  ['greets with 421 and closes', ['S: 421 4.3.2 busy', 'end'], 'deferred 421 4.3.2 busy', 75],
  ['greets with 421 and drops', ['S: 421 busy', 'drop'], 'deferred 4', 75],
  ['greets with 450', ['S: 450 later', ...BYE], 'deferred 450 4.0.0 later', 75],
  ['greets with 354', ['S: 354 go on'], ...bad],
  ['greets with 120', ['S: 120 in a minute'], ...bad],
  ['greets with HTTP', ['S: HTTP/1.1 400 Bad Request', 'end'], ...bad],
  ['greets with SSH', ['S: SSH-2.0-OpenSSH_9.6'], ...bad],
  ['greets with octets of TLS', [exact('\x15\x03\x01\0\x02\x02\x28')], 'deferred 451', 75],
  ['greets with an empty line', ['S: '], ...bad],
  ['never greets', ['wait'], ...late],
  ['closes at once', ['end'], ...lost],
  ['drops at once', ['drop'], 'deferred 451 4.4.[12] .*connection', 75], // which may be while it connects
  ['never ends its greeting', [exact('220-mx.test\r\n'), 'wait'], ...late],
  ['greets with a line without end', [exact(`220 ${'x'.repeat(20_000)}`), 'wait'], ...bad],
  ['greets with bare LF', [exact('220 mx.test\n'), 'wait'], ...bad],
  ['greets with LF, then CRLF', [exact('220 mx.test\n220 x\r\n')], ...bad],
  ['greets with NUL', [exact('220 mx\0.test\r\n')], ...bad],
  ['answers before it was asked', [exact('220 mx.test\r\n250 mx.test\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n')], ...bad],
  // EHLO
  ['knows no EHLO', ['S: 220 mx.test', 'C: EHLO', 'S: 500 what?', 'C: HELO client.test', 'S: 250 mx.test', ...TAKEN.slice(HI.length)], ...delivered],
  ['knows no EHLO and drops', ['S: 220 mx.test', 'C: EHLO', 'S: 502 what?', 'drop'], ...lost],
  ['refuses EHLO and HELO', ['S: 220 mx.test', 'C: EHLO', 'S: 550 5.7.1 no', 'C: HELO', 'S: 550 5.7.1 not you either', ...BYE], 'deferred 550 5.7.1 not you either', 75],
  ['answers EHLO with 421', ['S: 220 mx.test', 'C: EHLO', 'S: 421 closing', 'end'], 'deferred 421', 75],
  ['answers EHLO with 451', ['S: 220 mx.test', 'C: EHLO', 'S: 451 4.3.0 not now', ...BYE], 'deferred 451 4.3.0 not now', 75],
  ['hangs after EHLO', ['S: 220 mx.test', 'C: EHLO', 'wait'], ...late],
  ['drops after EHLO', ['S: 220 mx.test', 'C: EHLO', 'drop'], ...lost],
  ['answers EHLO with two codes', ['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 550 no'], ...bad],
  ['answers EHLO without end', ['S: 220 mx.test', 'C: EHLO', exact('250-X\r\n'.repeat(2000)), 'wait'], ...bad],
  ['has junk for keywords', ['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test PIPELINING', 'S: 250-', 'S: 250- CHUNKING', 'S: 250-=?', 'S: 250-AUTH=LOGIN', exact('250-\xff\xfe\r\n'), 'S: 250-XPIPELINING PIPELINING', 'S: 250-PIPELININGS', 'S: 250 SIZE-1', ...TAKEN.slice(HI.length)], ...delivered],
  ['says SIZE without a number', ['S: 220 mx.test', ...EHLO('SIZE'), ...TAKEN.slice(HI.length)], ...delivered],
  ['says SIZE 0', ['S: 220 mx.test', ...EHLO('SIZE 0'), ...TAKEN.slice(HI.length)], ...delivered],
  ['says SIZE garbage', ['S: 220 mx.test', ...EHLO('SIZE lots'), ...TAKEN.slice(HI.length)], ...delivered],
  ['says SIZE of forty digits', ['S: 220 mx.test', ...EHLO(`SIZE ${'9'.repeat(40)}`), ...TAKEN.slice(HI.length)], ...delivered],
  ['says SIZE 10', ['S: 220 mx.test', ...EHLO('SIZE 10'), ...BYE], 'failed 552 5.3.4', 69],
  ['names itself as the client does', ['S: 220 client.test', 'C: EHLO', 'S: 250 client.test', ...TAKEN.slice(HI.length)], ...delivered], // the operator has sent us there
  ['greets once more in reply to EHLO', ['S: 220 mx.test', 'C: EHLO', 'S: 220 mx.test'], ...bad],
  // MAIL
  ['refuses the sender', [...HI, 'C: MAIL', 'S: 550 5.7.1 no', ...BYE], 'failed 550 5.7.1 no', 69],
  ['refuses the sender for now', [...HI, 'C: MAIL', 'S: 451 4.7.1 greylisted', ...BYE], 'deferred 451 4.7.1 greylisted', 75],
  ['answers MAIL with 354', [...HI, 'C: MAIL', 'S: 354 go on'], ...bad],
  ['answers MAIL with 421', [...HI, 'C: MAIL', 'S: 421 4.3.2 closing', 'end'], 'deferred 421 4.3.2 closing', 75],
  ['answers MAIL with 999', [...HI, 'C: MAIL', 'S: 999 what'], ...bad],
  ['answers MAIL twice', [...HI, 'C: MAIL', exact('250 ok\r\n250 ok\r\n')], ...bad],
  ['hangs after MAIL', [...HI, 'C: MAIL', 'wait'], ...late],
  ['drops after MAIL', [...HI, 'C: MAIL', 'drop'], ...lost],
  ['answers MAIL in parts and drops', [...HI, 'C: MAIL', exact('250-o'), 'drop'], ...lost],
  // RCPT
  ['refuses the recipient', [...MAIL, 'C: RCPT', 'S: 550 5.1.1 no such user', ...BYE], 'failed 550 5.1.1 no such user', 69],
  ['refuses the recipient with a code of another class', [...MAIL, 'C: RCPT', 'S: 550 2.1.1 no such user', ...BYE], 'failed 550 5.1.1 no such user', 69],
  ['refuses the recipient in several lines', [...MAIL, 'C: RCPT', 'S: 550-5.1.1 no', 'S: 550 5.1.1 such user', ...BYE], 'failed 550 5.1.1 no such user', 69],
  ['has no room for the only recipient', [...MAIL, 'C: RCPT', 'S: 452 4.5.3 too many', ...BYE], 'deferred 452 4.5.3 too many', 75],
  ['hangs after RCPT', [...MAIL, 'C: RCPT', 'wait'], ...late],
  ['drops after RCPT', [...MAIL, 'C: RCPT', 'drop'], ...lost],
  ['answers RCPT with 251', [...MAIL, 'C: RCPT', 'S: 251 will forward', ...TAKEN.slice(RCPT.length)], ...delivered],
  // DATA
  ['answers DATA with 250', [...RCPT, 'C: DATA', 'S: 250 ok'], ...bad],
  ['answers DATA with 334', [...RCPT, 'C: DATA', 'S: 334 go on'], ...bad],
  ['refuses DATA', [...RCPT, 'C: DATA', 'S: 554 5.7.1 no', ...BYE], 'failed 554 5.7.1 no', 69],
  ['answers DATA with 421', [...RCPT, 'C: DATA', 'S: 421 closing', 'end'], 'deferred 421', 75],
  ['hangs after DATA', [...RCPT, 'C: DATA', 'wait'], ...late],
  ['drops after DATA', [...RCPT, 'C: DATA', 'drop'], ...lost],
  ['drops behind its 354', [...RCPT, 'C: DATA', exact('354 go\r\n'), 'drop'], '(unknown|deferred) 451 4.4.2', 75],
  ['answers the mail before it has come', [...RCPT, 'C: DATA', exact('354 go\r\n250 taken\r\n'), 'wait content'], ...bad],
  // The end of mail data
  ['drops after the final dot', [...DATA, 'drop'], ...unknown],
  ['closes after the final dot', [...DATA, 'end'], ...unknown],
  ['hangs after the final dot', [...DATA, 'wait'], ...unknown],
  ['talks rubbish after the final dot', [...DATA, 'S: thank you'], 'unknown 451 4.5.0', 75],
  ['answers the final dot with 354', [...DATA, 'S: 354 more'], 'unknown 451 4.5.0', 75],
  ['answers the final dot with 221', [...DATA, 'S: 221 bye'], 'unknown 451 4.5.0', 75],
  ['refuses the mail', [...DATA, 'S: 554 5.6.0 spam', ...BYE], 'failed 554 5.6.0 spam', 69],
  ['refuses the mail for now', [...DATA, 'S: 451 4.3.0 later', ...BYE], 'deferred 451 4.3.0 later', 75],
  ['answers the final dot with 421', [...DATA, 'S: 421 4.3.2 closing', 'end'], 'deferred 421 4.3.2 closing', 75],
  ['takes the mail and drops', [...DATA, 'S: 250 taken', 'drop'], ...delivered],
  ['takes the mail and hangs', [...DATA, 'S: 250 taken', 'wait'], ...delivered],
  ['answers QUIT with rubbish', [...DATA, 'S: 250 taken', 'C: QUIT', 'S: 500 what?'], ...delivered],
  ['takes the mail with a code that nobody knows', [...DATA, 'S: 299 whatever', ...BYE], 'delivered 299 2.0.0 whatever', 0],
  // Pipelining
  ['pipelines and refuses all', [...PIPELINED, exact('250 ok\r\n550 5.1.1 no\r\n554 5.5.1 no valid recipients\r\n'), ...BYE], 'failed 550 5.1.1 no', 69],
  ['pipelines, refuses all and says 354', [...PIPELINED, exact('250 ok\r\n550 5.1.1 no\r\n354 go\r\n'), 'C: .', 'S: 250 ok', ...BYE], 'failed 550 5.1.1 no', 69],
  ['pipelines and refuses the sender', [...PIPELINED, exact('550 5.7.1 not you\r\n503 no\r\n503 no\r\n'), ...BYE], 'failed 550 5.7.1 not you', 69],
  ['pipelines and answers one time too many', [...PIPELINED, exact('250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n'), 'wait content'], ...bad],
  ['pipelines and drops in the middle of its replies', [...PIPELINED, exact('250 ok\r\n25'), 'drop'], ...lost],
  // Chunks
  ['takes chunks in one flight', [...CHUNKED, 'C: MAIL', 'C: RCPT', 'bdat', exact('250 ok\r\n250 ok\r\n250 taken\r\n'), ...BYE], ...delivered],
  ['refuses all with the mail in flight', [...CHUNKED, 'C: MAIL', 'C: RCPT', 'bdat', exact('250 ok\r\n550 5.1.1 no\r\n554 5.5.1 no valid recipients\r\n'), ...BYE], 'failed 550 5.1.1 no', 69],
  ['drops with the mail in flight', [...CHUNKED, 'C: MAIL', 'C: RCPT', 'bdat', exact('250 ok\r\n'), 'drop'], ...unknown],
  ['closes with 421 with the mail in flight', [...CHUNKED, 'C: MAIL', 'C: RCPT', 'bdat', exact('421 4.3.2 closing\r\n'), 'end'], 'deferred 421 4.3.2 closing', 75],
  // TLS
  ['has a certificate of its own, which is taken', [...STARTTLS, 'tls self', ...EHLO(), ...TAKEN.slice(HI.length)], ...delivered],
  ['has a certificate of its own, which is asked for', [...STARTTLS, 'tls self', ...BYE], 'deferred 451 4.7.5 .*self-signed', 75, ['--tls', 'verify']],
  ['has a certificate that is trusted', [...STARTTLS, 'tls self', ...EHLO(), ...TAKEN.slice(HI.length)], ...delivered, ['--tls', 'verify', '--tls-ca', 'self']],
  ['has a certificate for another host', [...STARTTLS, 'tls other', ...BYE], 'deferred 451 4.7.5 .*not for this host', 75, ['--tls', 'verify', '--tls-ca', 'other']],
  ['has a certificate that has expired', [...STARTTLS, 'tls expired', ...BYE], 'deferred 451 4.7.5 .*expired', 75, ['--tls', 'verify', '--tls-ca', 'expired']],
  ['injects a reply behind that to STARTTLS', [...STARTTLS.slice(0, -1), exact('220 go ahead\r\n250 injected\r\n')], ...bad],
  ['offers no STARTTLS where it is required', [...HI, ...BYE], 'deferred 451 4.7.4', 75, ['--tls', 'require']],
  ['refuses STARTTLS where it is required', [...STARTTLS.slice(0, -1), 'S: 454 4.7.0 not now', ...BYE], 'deferred 454 4.7.0 not now', 75, ['--tls', 'require']],
  ['refuses STARTTLS where it is not', [...STARTTLS.slice(0, -1), 'S: 454 4.7.0 not now', ...TAKEN.slice(HI.length)], ...delivered],
  ['talks rubbish instead of TLS, and is asked again in clear', [[...STARTTLS, 'handshake', exact('250 this is no TLS\r\n'), 'end'], TAKEN], ...delivered],
  ['talks rubbish instead of TLS where it is required', [...STARTTLS, 'handshake', exact('250 this is no TLS\r\n'), 'end'], 'deferred 451 4.7.5', 75, ['--tls', 'require']],
  ['drops in the handshake where it is required', [...STARTTLS, 'drop'], 'deferred 451 4.7.5', 75, ['--tls', 'require']],
  ['hangs in the handshake where it is required', [...STARTTLS, 'wait'], 'deferred 451 4.4.2 timed out', 75, ['--tls', 'require']],
  ['offers STARTTLS where it is not wanted', [...STARTTLS.slice(0, 4), ...TAKEN.slice(HI.length)], ...delivered, ['--tls', 'off']],
  // AUTH
  ['offers PLAIN in clear', ['S: 220 mx.test', ...EHLO('AUTH PLAIN LOGIN'), ...BYE], 'deferred 454 4.7.0', 75, ['--user', 'alice', '--password-file', 'password']],
  ['takes no password', ['S: 220 mx.test', ...EHLO('AUTH PLAIN'), 'C: AUTH PLAIN', 'S: 535 5.7.8 wrong', ...BYE], 'deferred 535 5.7.8 wrong', 75, ['--tls', 'off', '--user', 'alice', '--password-file', 'password']],
  ['takes the password', ['S: 220 mx.test', ...EHLO('AUTH PLAIN'), 'C: AUTH PLAIN AGFsaWNlAHNlc2FtZQ==', 'S: 235 welcome', ...TAKEN.slice(HI.length)], ...delivered, ['--tls', 'off', '--user', 'alice', '--password-file', 'password']],
  ['drops in AUTH', ['S: 220 mx.test', ...EHLO('AUTH PLAIN'), 'C: AUTH PLAIN', 'drop'], ...lost, ['--tls', 'off', '--user', 'alice', '--password-file', 'password']],
  ['challenges for ever', ['S: 220 mx.test', ...EHLO('AUTH CRAM-MD5'), 'C: AUTH CRAM-MD5', 'S: 334 PDE+', 'C: ', 'S: 334 PDE+', 'C: *', 'S: 334 PDE+'], ...bad, ['--user', 'alice', '--password-file', 'password']],
  ['takes the password under TLS that was asked for', [...STARTTLS, 'tls self', ...EHLO('AUTH PLAIN'), 'C: AUTH PLAIN AGFsaWNlAHNlc2FtZQ==', 'S: 235 welcome', ...TAKEN.slice(HI.length)], ...delivered, ['--tls', 'require', '--user', 'alice', '--password-file', 'password']],
  ['wants the password under TLS that proves nothing', [...STARTTLS, 'tls self', ...EHLO('AUTH PLAIN LOGIN'), ...BYE], 'deferred 454 4.7.0 .*PLAIN, LOGIN only under TLS with a verified certificate', 75, ['--user', 'alice', '--password-file', 'password']],
  // 8 bits
  ['has no 8BITMIME', [...HI, ...BYE], 'failed 554 5.6.3', 69, [], `${MARK} \xc3\xa9\r\n`],
  ['has no SMTPUTF8', [...HI, ...BYE], 'failed 553 5.6.7', 69, ['--to', 'jürgen@b.test']],
  ['has no SMTPUTF8 and needs none for a domain', [...HI, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<bob@xn--mnchen-3ya.test>', 'S: 250 ok', ...TAKEN.slice(RCPT.length)], ...delivered, ['--to', 'bob@münchen.test']],
];

let certificates;

/** Certificates for this machine: one that is good by itself, one that has expired, one for another host. */
function certificatesOf(stage) {
  if (certificates !== undefined) return certificates;
  const folder = stage.folder('tls');
  const make = (name, host, days) => {
    const [key, request, cert, names] = ['key', 'csr', 'pem', 'names'].map((ending) => join(folder, `${name}.${ending}`));
    writeFileSync(names, `subjectAltName=DNS:${host}${host === 'localhost' ? ',IP:127.0.0.1' : ''}\n`);
    execFileSync('openssl', ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', request, '-subj', `/CN=${host}`], { stdio: 'ignore' });
    execFileSync('openssl', ['x509', '-req', '-in', request, '-signkey', key, '-days', days, '-extfile', names, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  };
  certificates = { self: make('self', 'localhost', '30'), expired: make('expired', 'localhost', '-1'), other: make('other', 'other.test', '30') };
  return certificates;
}

/** One connection that plays its script. What was read as commands, and as content, is kept. */
class Play {
  commands = '';
  content = '';
  fault = '';
  #socket;
  #held = '';
  #wake = () => {};
  #gone = false;
  #beneath; // the connection, whatever is at work above it

  constructor(socket, script, certificate) {
    this.#beneath = socket;
    this.#attend(socket);
    this.done = this.#play(script, certificate).catch((error) => (this.fault ||= error.message)).finally(() => this.#socket.destroy());
  }

  #attend(socket) {
    this.#socket = socket;
    const gone = () => {
      if (socket !== this.#socket) return;
      this.#gone = true;
      this.#wake();
    };
    socket.on('data', (octets) => {
      this.#held += octets.toString('latin1');
      this.#wake();
    });
    for (const event of ['end', 'close', 'error']) socket.on(event, gone);
  }

  async #read(pattern) {
    for (;;) {
      const found = pattern.exec(this.#held);
      if (found !== null) {
        this.#held = this.#held.slice(found[0].length);
        return found[0];
      }
      if (this.#gone) return undefined;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  async #play(script, certificate) {
    for (const step of script) {
      const word = step.slice(0, 2);
      if (word === 'S:') this.#socket.write(`${step.slice(3)}\r\n`, 'latin1');
      else if (word === 'S=') this.#socket.write(JSON.parse(step.slice(3)), 'latin1');
      else if (word === 'C:') await this.#hear(step.slice(3));
      else if (step === 'data') this.content += (await this.#read(/^(?:[^]*?\r\n)?\.\r\n/)) ?? '';
      else if (step === 'bdat') await this.#readChunk();
      else if (step === 'drop') return void this.#beneath.resetAndDestroy();
      else if (step === 'end') this.#socket.end();
      else if (step.startsWith('tls ')) this.#attend(new TLSSocket(this.#socket, { isServer: true, secureContext: createSecureContext(certificate(step.slice(4))) }));
      else if (step === 'handshake') await this.#read(/^[^]+/);
      else if (step.startsWith('slow ')) await this.#drip(Buffer.from(JSON.parse(step.slice(5)), 'latin1'));
      else if (step.startsWith('raw ')) this.#beneath.write(JSON.parse(step.slice(4)), 'latin1');
      else if (step === 'wait content') return void (this.content += (await this.#rest()));
      else if (step !== 'wait') throw new Error(`no step: ${step}`);
    }
    this.commands += await this.#rest();
  }

  async #drip(octets) {
    for (const octet of octets) {
      if (this.#gone) return;
      this.#socket.write(Buffer.of(octet));
      await sleep(15);
    }
  }

  async #hear(text) {
    const line = await this.#read(/^.*\r\n/);
    if (line === undefined) throw new Error(`expected ${text}, and the client has gone`);
    this.commands += line;
    if (!line.startsWith(text)) throw new Error(`expected ${text}, heard ${JSON.stringify(line)}`);
  }

  async #readChunk() {
    const line = (await this.#read(/^BDAT \d+(?: LAST)?\r\n/)) ?? '';
    this.commands += line;
    const size = Number(/\d+/.exec(line)?.[0] ?? 0);
    this.content += (await this.#read(new RegExp(`^[^]{${size}}`))) ?? '';
  }

  async #rest() {
    while (!this.#gone) await new Promise((resolve) => (this.#wake = resolve));
    return this.#held;
  }
}

/**
 * Adds a check for each: name, script (or scripts, one for each connection), the beginning of each line without its path, exit
 * status, further arguments, content.
 */
export function checkServers(cases, { scheme = '' } = {}) {
  for (const [name, scripts, line, status, args = [], content = CONTENT] of cases)
    check(`a server that ${name}`, async (stage) => {
      const plays = [];
      const made = certificatesOf(stage); // before there is a client that waits for one second
      const certificate = (file) => made[file];
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        const script = Array.isArray(scripts[0]) ? (scripts[plays.length] ?? scripts.at(-1)) : scripts;
        plays.push(new Play(socket, script, certificate));
      });
      await new Promise((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
      stage.onEnd(() => new Promise((resolve) => server.close(resolve)));
      const folder = stage.folder();
      const written = (file, octets) => {
        writeFileSync(join(folder, file), octets);
        return join(folder, file);
      };
      const words = args.map((word, at) => {
        if (args[at - 1] === '--tls-ca') return written('ca.pem', certificate(word).cert);
        return args[at - 1] === '--password-file' ? written('password', 'sesame\n') : word;
      });
      const to = args.includes('--to') ? [] : ['--to', 'bob@b.test'];
      const ended = await stage.ehlo(['send', '--hostname', 'client.test', '--server', `${scheme}127.0.0.1:${server.address().port}`, '--timeout', '1', '--from', 'alice@a.test', ...to, ...words, written('mail', Buffer.from(content, 'latin1'))], { seconds: 20 });
      const faults = plays.map(({ fault }) => fault).filter((fault) => fault !== '');
      const lines = [line].flat().map((each) => each.replace(/ /, ' <\\S+> '));
      expectMatch(ended.out, new RegExp(`^${lines.map((each) => `${each}.*\\n`).join('')}$`, 'u'), 'standard output');
      expectEqual(ended.err, '', 'standard error');
      expectEqual(ended.status, status, 'exit status');
      await Promise.all(plays.map(({ done }) => done));
      for (const { commands } of plays) if (commands.includes(MARK)) throw new Failure(`content was sent as commands: ${JSON.stringify(commands)}`);
      expectEqual(faults.join('; '), '', 'what the script missed');
      expect(plays.length > 0, 'nobody connected');
    });
}

checkServers(CASES);
