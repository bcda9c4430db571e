// A soak of `ehlo serve --workers`: a steady load for as long as you like, with workers killed at random, a DNS that fails now and
// then, and next hops that are slow, busy, or gone in the middle of a mail. What was acknowledged is counted against what arrived.
//
//   node test/bench/soak.mjs [--seconds 120] [--rate 50] [--workers 3] [--kill-every 20]
//
// A line each ten seconds: time, acknowledged, arrived, in the queue, kills, memory of the primary and of each worker in MiB. In the
// end a summary, and status 1 where a mail is missing, one was sent twice for no reason, or memory has grown.
//
// Rule 1: lost is what was acknowledged with 250 and never came to the next hop, ten minutes of draining included at most.
// Rule 2: sent twice for a reason is what was under way when a worker was killed, or what the next hop took without saying so.
// Rule 3: the first worker is never killed, so that its memory can be watched; the others are.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startDnsServer } from '../support/dns-server.mjs';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '120' }, rate: { type: 'string', default: '50' }, workers: { type: 'string', default: '3' }, 'kill-every': { type: 'string', default: '20' } } });
const SECONDS = Number(values.seconds);
const RATE = Number(values.rate);
const WORKERS = Number(values.workers);
const KILL_EVERY = Number(values['kill-every']) * 1000;
const EHLO = fileURLToPath(new URL('../../dist/cli/ehlo.js', import.meta.url));
const MOST = Math.ceil(SECONDS * RATE * 1.5) + 1000; // mails
const CLIENTS = 8;
const LARGE = 300_000; // octets: more than travels in the journal

const now = () => performance.now();
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const say = (text) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

/** The next hops, an address each. */
const HOPS = [
  { domain: 'fast.test',  host: '127.0.0.21', share: 0.55, delay: () => 0,                        fault: () => undefined },
  { domain: 'slow.test',  host: '127.0.0.22', share: 0.15, delay: () => 100 + 400 * Math.random(), fault: () => undefined },
  { domain: 'flaky.test', host: '127.0.0.23', share: 0.15, delay: () => 0, fault: () => (Math.random() < 0.1 ? ['450', 'drop', 'silent'][Math.floor(3 * Math.random())] : undefined) },
  { domain: 'flap.test',  host: '127.0.0.24', share: 0.15, delay: () => 0,                        fault: () => undefined },
];

/** By hop and mail: how often it came, when its first coming began and was over, whether the hop said so. */
const arrivals = HOPS.map(() => ({ count: new Uint8Array(MOST), begun: new Float64Array(MOST), done: new Float64Array(MOST), unsaid: new Uint8Array(MOST) }));
const wanted = new Uint8Array(MOST); //       bits: for which hops the mail is
const acknowledged = new Float64Array(MOST); // when; 0: never
const kills = [];
const twice = { killed: 0, unsaid: 0, unexplained: [] };
const delays = []; // milliseconds from the 250 to the next hop, a sample of them
const sum = { sent: 0, acknowledged: 0, arrived: 0, refused: 0, broken: 0, truncated: 0 };
let ending = false;

/** A next hop: no SMTP of ours, so that it is a witness. */
function startHop({ host, delay, fault }, port, index) {
  const server = createServer({ noDelay: true }, (socket) => {
    let text = '';
    let wake = () => {};
    let over = false;
    socket.setEncoding('latin1');
    socket.on('data', (piece) => {
      text += piece;
      wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      over = true;
      wake();
    });
    const until = async (end) => {
      for (;;) {
        const at = text.indexOf(end);
        if (at >= 0) {
          const found = text.slice(0, at);
          text = text.slice(at + end.length);
          return found;
        }
        if (over) return undefined;
        await new Promise((resolve) => (wake = resolve));
      }
    };
    const reply = async (line) => {
      const wait = delay();
      if (wait > 0) await sleep(wait);
      if (!over) socket.write(`${line}\r\n`, 'latin1');
    };
    (async () => {
      await reply('220 hop.test ESMTP');
      let begun = 0;
      for (let line; (line = await until('\r\n')) !== undefined; ) {
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'MAIL') begun = now();
        if (verb === 'EHLO') await reply('250-hop.test\r\n250 PIPELINING');
        else if (verb === 'QUIT') {
          await reply('221 bye');
          return socket.end();
        } else if (verb === 'DATA') {
          const trouble = ending ? undefined : fault();
          if (trouble === '450') {
            await reply('450 4.2.0 not now');
            continue;
          }
          await reply('354 go on');
          const content = await until('\r\n.\r\n');
          if (content === undefined) break;
          arrive(index, content, begun, trouble !== undefined);
          if (trouble === 'drop') return socket.destroy();
          if (trouble === 'silent') {
            await sleep(3000);
            return socket.destroy();
          }
          await reply('250 2.0.0 taken');
        } else await reply('250 2.0.0 ok');
      }
      socket.destroy();
    })();
  });
  return new Promise((resolve) => server.listen({ host, port }, () => resolve(server)));
}

function arrive(hop, content, begun, unsaid) {
  const [, digits, length] = /^Subject: soak (\d+) (\d+)\r$/m.exec(content.slice(0, 4000)) ?? [];
  const mail = Number(digits);
  if (!content.endsWith(`x\r\nend ${digits}`) || content.length - content.indexOf('Subject: soak') !== Number(length)) sum.truncated += 1;
  const { count, begun: firstBegun, done, unsaid: wasUnsaid } = arrivals[hop];
  if (count[mail] > 0) {
    if (wasUnsaid[mail] === 1) twice.unsaid += 1;
    else if (kills.some((kill) => kill >= firstBegun[mail] && kill <= done[mail] + 1500)) twice.killed += 1;
    else twice.unexplained.push(mail);
  } else {
    sum.arrived += 1;
    if (mail % 16 === 0) delays.push([mail, hop, now()]);
  }
  count[mail] += 1;
  firstBegun[mail] = begun;
  done[mail] = now();
  wasUnsaid[mail] = unsaid ? 1 : 0;
}

/** Sends mail over one connection after the other, as fast as `turn` lets it. */
async function client(port, turn) {
  while (!ending) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let text = '';
    let wake = () => {};
    let over = false;
    socket.setEncoding('latin1');
    socket.on('data', (piece) => {
      text += piece;
      wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      over = true;
      wake();
    });
    const reply = async () => {
      for (;;) {
        const found = /^(?:\d{3}-.*\r\n)*(\d{3}) .*\r\n/.exec(text);
        if (found !== null) {
          text = text.slice(found[0].length);
          return found[1];
        }
        if (over) return '';
        await new Promise((resolve) => (wake = resolve));
      }
    };
    const command = async (line) => {
      socket.write(`${line}\r\n`, 'latin1');
      return reply();
    };
    if ((await reply()) !== '220') {
      socket.destroy();
      await sleep(100);
      continue;
    }
    await command('EHLO soak.test');
    for (let mails = 0; mails < 200 && !over && !ending; mails += 1) {
      const mail = await turn();
      if (mail === undefined) break;
      const hops = hopsOf(mail);
      const to = hops.map((hop) => `RCPT TO:<bob@${HOPS[hop].domain}>\r\n`).join('');
      socket.write(`MAIL FROM:<alice@sender.test>\r\n${to}DATA\r\n`, 'latin1');
      const codes = [];
      for (let expected = hops.length + 2; expected > 0; expected -= 1) codes.push(await reply());
      if (codes.at(-1) !== '354') {
        sum[over ? 'broken' : 'refused'] += 1;
        break;
      }
      const said = await command(`${contentOf(mail)}\r\n.`);
      if (said === '250') {
        acknowledged[mail] = now();
        sum.acknowledged += 1;
      } else if (over) sum.broken += 1;
      else sum.refused += 1;
    }
    if (!over) socket.write('QUIT\r\n');
    socket.end();
  }
}

function hopsOf(mail) {
  let dice = Math.random();
  const hops = mail % 20 === 0 ? [0, 1] : [HOPS.findIndex(({ share }) => (dice -= share) < 0)];
  if (hops[0] < 0) hops[0] = 0;
  for (const hop of hops) wanted[mail] |= 1 << hop;
  return hops;
}

function contentOf(mail) {
  const size = mail % 200 === 0 ? LARGE : 200 + (mail * 7919) % 4000;
  const padding = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(size / 72));
  const rest = `\r\n\r\n${padding}end ${mail}`;
  const head = `Subject: soak ${mail} `;
  for (let digits = 3; ; digits += 1) {
    const length = head.length + digits + rest.length;
    if (String(length).length === digits) return `${head}${length}${rest}`;
  }
}

function memoryOf(pid) {
  try {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it has just gone
  }
}

async function metricsOf(port) {
  const text = await fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text(), () => '');
  return new Map(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

const folder = mkdtempSync(join(tmpdir(), 'ehlo-soak-'));
const zones = {};
for (const { domain, host } of HOPS) {
  zones[domain] = { MX: [[10, `mx.${domain}`]] };
  zones[`mx.${domain}`] = { A: [host] };
}
const dns = await startDnsServer(zones);
const mxPort = 20_000 + Math.floor(Math.random() * 10_000);
const hops = await Promise.all(HOPS.map((hop, index) => startHop(hop, mxPort, index)));
const relay = spawn(process.execPath, [EHLO, 'serve', '--hostname', 'soak.test', '--listen', 'smtp://127.0.0.1:0', '--queue', join(folder, 'queue'), '--workers', String(WORKERS), '--metrics', '127.0.0.1:0', '--resolver', dns.address, '--mx-port', String(mxPort), '--allow-private-targets', '--retry', '3s,5s,10s,20s'], { stdio: ['ignore', 'pipe', 'pipe'] });

const workers = new Map(); // by number: the process
const trouble = []; // lines of the log that are none of an ordinary day
let printed = '';
let rest = '';
relay.stderr.setEncoding('utf8').on('data', (text) => (printed += text));
relay.stdout.setEncoding('utf8').on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const [, worker, pid] = /^\S+ ready worker=(\d+) pid=(\d+)$/.exec(line) ?? [];
    if (worker !== undefined) workers.set(Number(worker), Number(pid));
    else if (/^\S+ (?:error|lost|refused) /.test(line) && trouble.length < 50) trouble.push(line);
    else if (!/^\S+ (?:accepted|delivered|deferred|unknown|done|died|failed|reported) /.test(line) && trouble.length < 50) trouble.push(`odd: ${line}`);
  }
});
let ended;
relay.on('exit', (status, signal) => (ended = signal ?? status));
while (!/metrics on/.test(printed)) {
  if (ended !== undefined) throw new Error(`ehlo serve ended: ${printed}`);
  await sleep(50);
}
const port = Number(/listening on smtp:\/\/127\.0\.0\.1:(\d+)/.exec(printed)[1]);
const metricsPort = Number(/metrics on http:\/\/127\.0\.0\.1:(\d+)/.exec(printed)[1]);
say(`ehlo serve, primary ${relay.pid}, ${WORKERS} workers; ${RATE} mails a second for ${SECONDS} s; a worker is killed every ${KILL_EVERY / 1000} s on average`);

const start = now();
let given = 0;
const turn = async () => {
  const mail = given++;
  if (mail >= MOST) return undefined;
  const due = start + (mail / RATE) * 1000;
  if (due > now()) await sleep(due - now());
  if (ending) return undefined;
  sum.sent += 1;
  return mail;
};
const clients = Array.from({ length: CLIENTS }, () => client(port, turn));

const timers = [];
const killSoon = () => timers.push(setTimeout(() => {
  const candidates = [...workers].filter(([worker]) => worker !== 1);
  const [worker, pid] = candidates[Math.floor(Math.random() * candidates.length)] ?? [];
  if (pid > 1) {
    kills.push(now());
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      kills.pop(); // it is being replaced
    }
    workers.delete(worker);
  }
  killSoon();
}, KILL_EVERY * (0.3 + 1.4 * Math.random())));
if (WORKERS > 1) killSoon();
let down = false;
timers.push(setInterval(() => {
  down = !down;
  const how = ['SERVFAIL', 'timeout', 'REFUSED'][Math.floor(3 * Math.random())];
  zones['flap.test'] = down ? how : { MX: [[10, 'mx.flap.test']] };
  dns.queries.length = 0;
}, 15_000));

const samples = [];
let unknown = 0;
const look = async () => {
  const metrics = await metricsOf(metricsPort);
  unknown = metrics.get('ehlo_outcomes_total{destination="mx",outcome="unknown"}') ?? unknown;
  const memory = [memoryOf(relay.pid), ...Array.from({ length: WORKERS }, (_, index) => memoryOf(workers.get(index + 1) ?? 0))];
  const queue = metrics.get('ehlo_queue_mails{state="waiting"}') ?? -1;
  samples.push({ time: (now() - start) / 1000, memory, queue });
  const lag = (metrics.get('ehlo_event_loop_lag_seconds{of="max"}') ?? 0) * 1000;
  say(`${Math.round((now() - start) / 1000)} s  acknowledged ${sum.acknowledged}  arrived ${sum.arrived}  queue ${queue}  kills ${kills.length}  twice ${twice.killed}+${twice.unsaid}+${twice.unexplained.length}  MiB ${memory.map((each) => each.toFixed(0)).join(' ')}  lag ${lag.toFixed(0)} ms  own ${(process.memoryUsage().rss / 1048576).toFixed(0)} MiB`);
};
timers.push(setInterval(() => void look(), 10_000));

while (now() - start < SECONDS * 1000 && ended === undefined) await sleep(200);
ending = true;
for (const timer of timers) clearTimeout(timer);
zones['flap.test'] = { MX: [[10, 'mx.flap.test']] };
await Promise.race([Promise.all(clients), sleep(30_000)]);

const missing = () => {
  const found = [];
  for (let mail = 0; mail < Math.min(given, MOST); mail += 1) {
    if (acknowledged[mail] === 0) continue;
    for (const hop of HOPS.keys()) if ((wanted[mail] & (1 << hop)) !== 0 && arrivals[hop].count[mail] === 0) found.push([mail, hop]);
  }
  return found;
};
const drain = now();
while (missing().length > 0 && now() - drain < 600_000 && ended === undefined) await sleep(500);
await sleep(2000); // what is sent a second time comes late
await look();

const lost = missing();
const atWork = ended;
relay.kill('SIGTERM');
while (ended === undefined) await sleep(50);
for (const hop of hops) hop.close();
await dns.close();

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const steady = samples.filter(({ time }) => time > Math.min(300, SECONDS / 4) && time < SECONDS);
const [early, late] = [steady.slice(0, Math.ceil(steady.length / 4)), steady.slice(-Math.ceil(steady.length / 4))];
const growth = ['primary', 'worker 1'].map((name, index) => ({ name, from: median(early.map(({ memory }) => memory[index])), to: median(late.map(({ memory }) => memory[index])) }));
const waits = delays.filter(([mail]) => acknowledged[mail] > 0).map(([mail, , at]) => at - acknowledged[mail]).sort((a, b) => a - b);
const grown = growth.filter(({ from, to }) => to > from * 1.15 + 8);
say('');
say(`soaked for ${Math.round((drain - start) / 1000)} s, drained in ${((now() - drain) / 1000).toFixed(1)} s`);
const unaccounted = sum.sent - sum.acknowledged - sum.broken - sum.refused;
say(`sent ${sum.sent}, acknowledged ${sum.acknowledged}, broken off by a kill before an answer ${sum.broken}, refused ${sum.refused}, unaccounted for ${unaccounted}`);
say(`arrived ${sum.arrived} (mails to two next hops count twice); lost ${lost.length}${lost.length > 0 ? `: ${lost.slice(0, 10).map(([mail, hop]) => `${mail} to ${HOPS[hop].domain}`).join(', ')}` : ''}; not whole ${sum.truncated}`);
say(`sent twice: ${twice.killed} under way when a worker was killed, ${twice.unsaid} that the next hop had taken without saying so, ${twice.unexplained.length} for no reason${twice.unexplained.length > 0 ? `: ${twice.unexplained.slice(0, 10)}` : ''}`);
say(`workers killed ${kills.length}; outcomes unknown ${unknown}; most in the queue ${Math.max(...samples.map(({ queue }) => queue))}`);
say(`from the 250 to the next hop: median ${median(waits).toFixed(1)} ms, 99 of 100 within ${(waits[Math.floor(waits.length * 0.99)] ?? 0).toFixed(0)} ms (failures of the DNS and of next hops included)`);
for (const { name, from, to } of growth) say(`memory of the ${name}: ${from.toFixed(1)} MiB in the first quarter, ${to.toFixed(1)} MiB in the last`);
say(`ehlo serve ended with ${atWork ?? ended}${atWork === undefined ? '' : ' before it was asked to'}; other lines of its log: ${trouble.length}${trouble.slice(0, 8).map((line) => `\n    ${line}`).join('')}`);
if (printed.split('\n').length > 3) say(`on standard error:\n${printed}`);
const good = lost.length === 0 && unaccounted === 0 && twice.unexplained.length === 0 && sum.truncated === 0 && grown.length === 0 && atWork === undefined && ended === 0;
say(good ? 'good' : 'NOT GOOD');
rmSync(folder, { recursive: true, force: true });
process.exit(good ? 0 : 1);
