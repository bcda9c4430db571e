// A DNS server on loopback for tests: UDP and, on the same port, TCP for answers that were truncated (RFC 1035 §4.2).
//
//   await using dns = await startDnsServer({
//     'example.test':     { MX: [[10, 'mx1.example.test'], [20, 'mx2.example.test']] },
//     'mx1.example.test': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] },
//     'null.test':        { MX: [[0, '.']] },
//     'alias.test':       { CNAME: 'example.test' },
//     'broken.test':      'SERVFAIL',                                     // to any question
//     'half.test':        { A: ['192.0.2.2'], AAAA: 'timeout' },          // to one type of question
//     'large.test':       { MX: [[10, 'mx1.example.test']], truncated: true },
//   });
//   new Resolver().setServers([dns.address]);
//
// It answers as a recursive resolver does: aliases are followed as far as the zones go; a name that is not in them is
// NXDOMAIN, unless there are names below it; a name without records of the type is NODATA. It runs by itself as well:
//
//   node test/support/dns-server.mjs PORT ZONES.json
//
// Left out: authority sections, compression, classes other than IN.

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { pathToFileURL } from 'node:url';

const TYPES = { A: 1, CNAME: 5, MX: 15, AAAA: 28 };
const RCODES = { NODATA: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };
const OPT = 41;

/** @type {import('./dns-server.d.mts').startDnsServer} */
export async function startDnsServer(zones, { host = '127.0.0.1', port = 0 } = {}) {
  const queries = [];
  const sockets = new Set();

  /** Returns the octets of the answer; undefined for no answer at all. */
  const answer = (message, transport) => {
    const question = readQuestion(message);
    queries.push({ name: question.name, type: question.type, transport });
    const found = lookUp(zones, question.name, question.type);
    if (found.rcode === undefined) return undefined;
    const most = transport === 'tcp' ? 65_535 : question.udpSize;
    const whole = formatAnswer(question, found, false);
    const truncated = transport === 'udp' && (found.truncated || whole.length > most);
    return truncated ? formatAnswer(question, { ...found, records: [] }, true) : whole;
  };

  const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  udp.on('message', (message, peer) => {
    const reply = answer(message, 'udp');
    if (reply !== undefined) udp.send(reply, peer.port, peer.address);
  });
  const tcp = createServer((socket) => {
    sockets.add(socket);
    let held = Buffer.alloc(0);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // the client may leave as it likes
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        const reply = answer(held.subarray(2, end), 'tcp');
        if (reply !== undefined) socket.write(Buffer.concat([uint16(reply.length), reply]));
        held = held.subarray(end);
      }
    });
  });

  // TCP chooses the port: of those that are free for it, nearly all are free for UDP too, but not the other way round.
  await new Promise((resolve, reject) => tcp.once('error', reject).listen(port, host, resolve));
  const bound = tcp.address().port;
  await new Promise((resolve, reject) => udp.once('error', reject).bind(bound, host, resolve));

  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all([new Promise((resolve) => udp.close(resolve)), new Promise((resolve) => tcp.close(resolve))]);
  };
  const address = host.includes(':') ? `[${host}]:${bound}` : `${host}:${bound}`;
  return { address, port: bound, queries, close, [Symbol.asyncDispose]: close };
}

/** What the zones say: records to answer with, and the code of the last name that was looked at. No code: no answer. */
function lookUp(zones, asked, type) {
  const records = [];
  let name = asked;
  let truncated = false;
  for (let aliases = 0; aliases < 8; aliases += 1) {
    const zone = zones[name];
    if (zone === undefined) {
      const inside = Object.keys(zones).some((other) => other.endsWith(`.${name}`));
      return { rcode: inside ? RCODES.NODATA : RCODES.NXDOMAIN, records, truncated };
    }
    const data = typeof zone === 'string' ? zone : zone[type];
    if (data === 'timeout') return { rcode: undefined, records, truncated };
    if (typeof data === 'string' && data in RCODES) return { rcode: RCODES[data], records, truncated };
    truncated ||= zone.truncated === true;
    if (zone.CNAME === undefined) {
      for (const each of data ?? []) records.push({ name, type, data: each });
      return { rcode: RCODES.NODATA, records, truncated };
    }
    records.push({ name, type: 'CNAME', data: zone.CNAME });
    name = zone.CNAME.toLowerCase();
  }
  return { rcode: RCODES.SERVFAIL, records: [], truncated }; // aliases in a circle
}

function readQuestion(message) {
  const labels = [];
  let at = 12;
  for (let length; (length = message[at]) > 0; at += 1 + length) labels.push(message.toString('latin1', at + 1, at + 1 + length));
  const type = message.readUInt16BE(at + 1);
  const end = at + 5;
  // The only additional record of a question is OPT: the empty name, its type, the size of UDP that is taken (RFC 6891 §6.1.2).
  const extended = message.readUInt16BE(10) > 0 && message[end] === 0 && message.readUInt16BE(end + 1) === OPT;
  const name = labels.join('.').toLowerCase();
  const typeName = Object.keys(TYPES).find((each) => TYPES[each] === type) ?? `TYPE${type}`;
  return { id: message.readUInt16BE(0), raw: message.subarray(12, end), name, type: typeName, udpSize: extended ? message.readUInt16BE(end + 3) : 512 };
}

function formatAnswer({ id, raw }, { rcode, records }, truncated) {
  const flags = 0x8180 | (truncated ? 0x0200 : 0) | rcode; // a response; recursion was desired and is available
  const header = [uint16(id), uint16(flags), uint16(1), uint16(records.length), uint16(0), uint16(0)];
  const answers = records.flatMap(({ name, type, data }) => {
    const octets = formatData(type, data);
    return [formatName(name), uint16(TYPES[type]), uint16(1), uint16(0), uint16(60), uint16(octets.length), octets];
  });
  return Buffer.concat([...header, raw, ...answers]);
}

function formatData(type, data) {
  if (type === 'A') return Buffer.from(data.split('.').map(Number));
  if (type === 'AAAA') return formatIpv6(data);
  if (type === 'MX') return Buffer.concat([uint16(data[0]), formatName(data[1])]);
  return formatName(data);
}

function formatName(name) {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])), Buffer.of(0)]);
}

function formatIpv6(text) {
  const dotted = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  const [left = [], right = []] = dotted.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const groups = [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.concat(groups.map((group) => uint16(parseInt(group, 16))));
}

function uint16(value) {
  return Buffer.of(value >> 8, value & 0xff);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [port, file] = process.argv.slice(2);
  if (port === undefined || file === undefined) {
    process.stderr.write('usage: node dns-server.mjs PORT ZONES.json\n');
    process.exit(64);
  }
  const { address } = await startDnsServer(JSON.parse(readFileSync(file, 'utf8')), { port: Number(port) });
  process.stdout.write(`dns-server: listening on ${address}\n`);
}
