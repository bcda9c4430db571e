// The README tells the truth: its diagrams are those of the tables, its examples run, its files exist.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { draw } from '../src/cli/draw.ts';
import { serve } from '../src/cli/serve.ts';
import { accept } from '../src/protocol/server/verdict.ts';
import { collect } from '../src/node/collect.ts';
import { EXIT } from '../src/node/exit-status.ts';
import { listen } from '../src/node/listen.ts';
import { relay } from '../src/node/relay.ts';
import { DataDecoder } from '../src/wire/data-decoder.ts';
import { DataEncoder } from '../src/wire/data-encoder.ts';
import { formatApi, publicNames, unnamedTypes } from './support/api.mjs';
import { formatChoices, formatDepartures } from './support/choices.mjs';
import { Program } from './support/program.ts';
import { latin1, RawPeer } from './support/raw-peer.ts';
import { unusedPort } from './support/scripted-server.ts';
import { until } from './support/turn.ts';
import { MISTAKES } from './sabotage-table.mjs';

const ROOT = join(import.meta.dirname, '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const EXAMPLES = [...README.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
const CONTENT = new Uint8Array([...'Subject: x\r\n\r\nx\r\n'].map((character) => character.charCodeAt(0)));
const SCRATCH = join(ROOT, 'dist', 'readme'); // below the package, so that 'ehlo' is the package itself

interface Started {
  readonly output: () => string;
  readonly stop: () => Promise<void>;
  readonly ended: Promise<number | null>;
}

/** Writes an example of the README as a module, on a port of its own; returns its name. */
function moduleOf(name: string, code: string, port = 0): string {
  writeFileSync(join(SCRATCH, `${name}.mjs`), code.replaceAll('2525', String(port)));
  return `./${name}.mjs`;
}

/** Runs a program. */
function run(name: string, code: string): Started {
  const child = spawn('node', [moduleOf(name, code)], { cwd: SCRATCH });
  child.stdin.end();
  let output = '';
  child.stdout.on('data', (octets) => (output += String.fromCharCode(...octets)));
  child.stderr.on('data', (octets) => (output += String.fromCharCode(...octets)));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { output: () => output, ended, stop: async () => void (child.kill('SIGTERM'), await ended) };
}

/** Sends a mail to a server that may not be up yet. */
async function sendTo(port: number, to: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const [result] = await relay('<a@example.org>', [to], CONTENT, { routing: { smarthost: { host: '127.0.0.1', port } }, hostname: 'client.example' });
    const outcome = result?.outcome;
    if (outcome === undefined || attempt > 100 || !('reason' in outcome) || outcome.reason !== 'no-connection') return `${outcome?.state} ${outcome?.reply.code} ${outcome?.reply.enhanced}`;
    await new Promise<void>((resolve) => void setTimeout(resolve, 50));
  }
}

beforeAll(() => mkdirSync(SCRATCH, { recursive: true }));
afterAll(() => rmSync(SCRATCH, { recursive: true }));

describe('the diagrams', () => {
  test.each(['server', 'client', 'data'])('%s is drawn from its table', async (name) => {
    let drawn = '';
    await draw([name], { out: (text) => (drawn += text), err: () => undefined });
    expect(new RegExp(`<!-- draw ${name} -->\n\`\`\`mermaid\n([\\s\\S]*?)\`\`\``).exec(README)?.[1]).toBe(drawn);
  });
});

test('the start prints what it says', async () => {
  const [, start = ''] = /^## Start\n([\s\S]*?)^## /m.exec(README) ?? [];
  const [printed, logged] = [...start.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, language]) => language === '').map(([, , text]) => text);
  const [, served = ''] = /^npm start -- (.*)$/m.exec(start) ?? [];
  const [, content = '', sent = ''] = /^printf '(.*)' \| node dist\/cli\/ehlo\.js (.*)$/m.exec(start) ?? [];
  const port = String(await unusedPort());
  const args = (line: string): string[] => [...line.replace('2525', port).replaceAll("'", '').split(' '), '--hostname', 'host.example.net'];
  const folder = join(SCRATCH, 'start');
  mkdirSync(folder);
  await using server = new Program(args(`serve --listen smtp://127.0.0.1:2525 ${served}`), folder);
  await server.listening();
  const { out } = await new Program(args(sent), folder, content.replaceAll('\\n', '\n')).ended;
  const [mail = ''] = readdirSync(join(folder, 'Maildir/new'));
  const kept = readFileSync(join(folder, 'Maildir/new', mail), 'utf8').replaceAll('\r', '');
  await server.logged('accepted');
  const alike = (text = ''): string => text.replaceAll(port, '2525').replace(/\b[a-z][0-9a-z]{14}\b/g, 'ID').replace(/[A-Z][a-z]{2}, \d.* \+0000/g, 'DATE').replace(/^\d{4}-\S+Z/gm, 'TIME');
  expect(alike(out + kept)).toBe(alike(printed));
  const shorter = /; \w{3}, \d \w{3} /.test(kept) ? 1 : 0; // on the first nine days of a month, whose dates have a digit less
  expect(alike(server.err + server.out).replace(/ size=(\d+)/, (_, size: string) => ` size=${Number(size) + shorter}`)).toBe(alike(logged));
});

describe('the examples', () => {
  test('are nine programs', () => expect(EXAMPLES).toHaveLength(9));
});

describe('the examples that serve', () => {
  let ports: [number, number, number];
  let program: Started;
  beforeAll(async () => {
    ports = [await unusedPort(), await unusedPort(), await unusedPort()];
    const modules = ports.map((port, index) => moduleOf(`server-${index}`, EXAMPLES[[0, 1, 7][index] ?? 0] ?? '', port));
    program = run('servers', modules.map((each) => `import '${each}';\n`).join('')); // at the same time: the first one does not come to an end
  });
  afterAll(() => program.stop());

  test('the accept loop relays while the client waits, and says so when it cannot', async () => {
    expect(await sendTo(ports[0], '<bob@[127.0.0.1]>')).toBe('deferred 451 4.4.0'); // loopback is no target of the relay
    expect(program.output()).toBe('');
  });

  // found by breaking off: the first client that did so ended the program
  test('the accept loop outlives clients that break off, or break a rule, in the midst of a mail', async () => {
    const begun = async (): Promise<RawPeer> => {
      const peer = await RawPeer.connect(ports[0]);
      await peer.reply();
      for (const line of ['EHLO client.test', 'MAIL FROM:<a@example.org>', 'RCPT TO:<bob@[127.0.0.1]>', 'DATA']) await peer.command(line);
      return peer;
    };
    await sendTo(ports[0], '<bob@[127.0.0.1]>'); // until it is up
    (await begun()).reset();
    const peer = await begun();
    expect(await peer.command('bare\nlf\r\n.')).toMatch(/^554 5\.6\.0 /);
    for (const line of ['MAIL FROM:<a@example.org>', 'RCPT TO:<bob@[127.0.0.1]>', 'DATA']) await peer.command(line);
    expect(await peer.command('.')).toMatch(/^451 4\.4\.0 /); // on the same connection
    peer.reset();
    expect(program.output()).toBe('');
  });

  // found in review: the client was told 451, and its mail was delivered all the same, and again when it came again
  test('the accept loop does not go on with a mail whose client was told to send it again', async () => {
    const sink = collect({ at: 'client', delay: 1_500 });
    await using next = await listen({ host: '127.0.0.1', port: 0 }, sink);
    const port = await unusedPort();
    const impatient = (EXAMPLES[0] ?? '').replace('port: 2525', 'port: 2525, hookTimeout: 200').replace('{ signal }', `{ signal, routing: { smarthost: { host: '127.0.0.1', port: ${next.port} } } }`);
    const slow = run('slow', `import '${moduleOf('server-slow', impatient, port)}';\n`);
    try {
      expect(await sendTo(port, '<bob@example.com>')).toBe('deferred 451 4.3.0');
      await until(() => next.sessions === 0);
      expect(sink.mails).toEqual([]);
    } finally {
      await slow.stop();
    }
  });

  test('the hooks refuse an unknown user and take a known one', async () => {
    expect(await sendTo(ports[1], '<mallory@example.org>')).toBe('failed 550 5.1.1');
    expect(await sendTo(ports[1], '<Alice@example.org>')).toBe('delivered 250 2.0.0');
  });

  test('the transfer agent keeps mail for its domain, and relays for nobody', async () => {
    expect(await sendTo(ports[2], '<mallory@example.net>')).toBe('failed 550 5.7.1');
    expect(await sendTo(ports[2], '<alice@example.org>')).toBe('delivered 250 2.0.0');
    expect(readdirSync(join(SCRATCH, 'Maildir/new'))).toHaveLength(1);
  });

  test('and print what they are to print, and nothing else', async () => {
    await program.stop();
    expect(program.output()).toMatch(new RegExp(`^<a@example\\.org> sent ${CONTENT.length} octets\nrefused \\{[^}]*\\}\naccepted \\{[^}]*\\}\n$`));
  });
});

describe('the examples that come to an end', () => {
  const faults = [...README.matchAll(/^\| [^|]+ \| `(\{ at: [^`]+\})` \|$/gm)].map(([, fault = '']) => fault);
  let said: readonly string[];
  beforeAll(async () => {
    await using server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.example' }, { message: () => accept() });
    const modules = [
      moduleOf('sink', EXAMPLES[2] ?? ''),
      moduleOf('faults', `
        import { collect, listen, refuse, relay } from 'ehlo';
        for (const fault of [${faults.join(', ')}]) {
          const server = await listen({ port: 0 }, collect(fault));
          const start = performance.now();
          const [{ outcome }] = await relay('<alice@example.org>', ['<bob@example.com>'], new Uint8Array(), { routing: { smarthost: { host: '127.0.0.1', port: server.port } } });
          console.log(outcome.state, outcome.reply.code, outcome.reason ?? '', fault.delay > performance.now() - start ? 'at once' : '');
          await server.close();
        }`),
      moduleOf('client-for-many', EXAMPLES[4] ?? '', server.port),
      moduleOf('client', EXAMPLES[3] ?? '', server.port),
      moduleOf('core', EXAMPLES[5] ?? ''),
      moduleOf('queue', (EXAMPLES[6] ?? '').replace('/tmp/queue-', join(SCRATCH, 'queue-'))),
      moduleOf('decoder', EXAMPLES[8] ?? ''),
    ];
    const program = run('ending', modules.map((each) => `await import('${each}');\nprocess.stdout.write('\\f');\n`).join('')); // one behind the other
    expect(await program.ended, program.output()).toBe(0); // none leaves anything that would keep it
    said = program.output().split('\f');
  });

  test('the mail sink refuses once, and keeps what it took', () => {
    expect(said[0]).toBe("alice@example.org [ 'carol@example.com' ] Subject: hello\r\n\n");
  });

  test('each fault of the mail sink does what the table says', () => {
    expect(said[1]?.split('\n').map((line) => line.trim())).toEqual(['deferred 450', 'failed 554', 'unknown 451 connection-lost', 'delivered 250', 'deferred 451 connection-lost', '']);
  });

  test('the client for many mails delivers them all', () => {
    expect(said[2]).toBe('20 of 20 delivered\n');
  });

  test('the client prints an outcome', () => {
    expect(said[3]).toBe('<bob@example.com> delivered 250 2.0.0 mail accepted\n');
  });

  test('the core alone greets, and answers', () => {
    expect(said[4]).toBe('220 mx.example.org ESMTP ehlo\r\n\n250 2.0.0 ok\r\n\n');
  });

  test('the queue with a file a mail passes its checks', () => {
    expect(said[5]).toMatch(/^(?:ok {3}.*\n){13}$/);
  });

  test('the decoder alone finds the end of mail data in one of four texts', () => {
    expect(said[6]?.split('\n').map((line) => line.replace(/^".*" /, ''))).toEqual(['ended without fault', 'goes on bare-lf', 'goes on bare-cr', 'goes on without fault', '']);
  });

  test('print nothing else', () => expect(said.slice(7)).toEqual(['']));
});

// found by running: the transfer agent ended with an error about the format, where `npm start` had made its queue before
test('no example opens the queue of `npm start` as another store', () => {
  expect(EXAMPLES.filter((code) => code.includes("'./queue'"))).toEqual([]);
});

test('systemd starts the relay again where its disk was full or has failed, and does not give up over it', () => {
  const [, final = ''] = /^RestartPreventExitStatus=(.*)$/m.exec(README) ?? [];
  expect(final.split(' ').map(Number).filter((status) => status === EXIT.temporary || status === EXIT.ioFailed)).toEqual([]);
  expect(Number(/^RestartSec=(\d+)$/m.exec(README)?.[1])).toBeGreaterThan(2); // five starts in ten seconds are too many for it
});

test('the mistakes made on purpose are as many as it says, and each can be made', () => {
  expect(/makes (\d+) single mistakes/.exec(README)?.[1]).toBe(String(MISTAKES.length));
  const outdated = MISTAKES.filter(([, file, text]) => readFileSync(join(ROOT, 'src', file), 'utf8').split(text).length !== 2).map(([mistake]) => mistake);
  expect(outdated).toEqual([]);
});

describe('the octets that could end mail data', () => {
  const [, section = ''] = /^## Smuggling, step by step\n([\s\S]*?)^## /m.exec(README) ?? [];
  const rows = [...section.matchAll(/^\| `([^`]+)` \| (.*?) \| (.*?) \| (.*) \|$/gm)].map(([, octets = '', received = '', sent = '', shown = '']) => ({ octets, received, sent, shown }));
  const NAMES: Readonly<Record<string, string>> = { CR: '\r', LF: '\n', NUL: '\0', SP: ' ', VT: '\v', FF: '\f', NEL: '\x85' };
  const spelled = (names: string): string => names.split(' ').map((name) => name.match(/CR|LF|NUL|SP|VT|FF|NEL|\./g)?.map((each) => NAMES[each] ?? each).join('') ?? '?').join('');

  test('are sixteen rows, each with its fixtures', () => {
    expect(rows).toHaveLength(16);
    const shown = rows.flatMap((row) => row.shown.match(/[\w-]+\/[\w-]+/g) ?? []);
    expect(shown.length).toBeGreaterThan(30);
    expect(shown.filter((name) => !existsSync(join(ROOT, `fixtures/transcripts/${name}.smtp`)))).toEqual([]);
  });

  test.each(rows)('$octets: what comes is $received', ({ octets, received }) => {
    const text = `hello${spelled(octets)}hello`;
    const data = latin1(`${text}\r\n.\r\n`);
    const decoder = new DataDecoder({ lineLimit: 1000 });
    let content = '';
    let at = 0;
    while (at < data.length && !decoder.ended) {
      at = decoder.read(data, at);
      content += String.fromCharCode(...decoder.content);
    }
    const isEnd = received === 'the end';
    expect(content).toBe(isEnd ? 'hello\r\n' : `${text.replace('\r\n.', '\r\n')}\r\n`);
    expect(at === data.length).toBe(!isEnd);
    expect(decoder.fault).toBe(/([CL][RF]) alone: 554/.exec(received)?.[1]?.replace(/^/, 'bare-').toLowerCase());
  });

  test.each(rows)('$octets: what is to be sent $sent', ({ octets, sent }) => {
    const encoder = new DataEncoder();
    const out = encoder.write(latin1(`hello${spelled(octets)}hello\r\n`)).map((view) => String.fromCharCode(...view)).join('');
    const [, other] = /goes as `([^`]+)`/.exec(sent) ?? [];
    if (sent === 'is not sent') expect(encoder.fault).toMatch(/^bare-/);
    else expect([out, encoder.fault]).toEqual([`hello${spelled(other ?? octets)}hello\r\n`, undefined]);
  });
});

test('each option of the JSON file is one of ehlo serve', async () => {
  const [, json = '{}'] = /^```json\n([\s\S]*?)^```$/m.exec(README) ?? [];
  let help = '';
  await serve(['--help'], { out: (text) => (help += text), err: () => undefined });
  const names = Object.keys(JSON.parse(json) as object);
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !help.includes(`\n  --${name} `))).toEqual([]);
});

describe('the public names', () => {
  test('have a sentence each', () => {
    expect(publicNames().filter(({ kind, sentence }) => kind === 'unknown' || sentence === '').map(({ name }) => name)).toEqual([]);
  });

  // found by an embedder, whose editor shows docstrings alone: what the reasons of an outcome mean stood behind each, and not in the package
  test('are told of where declarations keep it', () => {
    expect(publicNames().filter(({ lost }) => lost.length > 0).map(({ name, lost }) => ({ name, lost }))).toEqual([]);
  });

  // found by an embedder: who wrote a hook, or a function around one, could not say of what type its argument is
  test('are declared by types that have public names too', () => expect(unnamedTypes()).toEqual([]));

  test('stand in the README as they are', () => {
    expect(README).toContain(formatApi(publicNames()));
  });
});

test('the choices and departures are those of the sources and of the ledger', () => {
  const choices = formatChoices();
  expect(choices.split('\n').length).toBeGreaterThan(30);
  expect(README).toContain(`Where the RFC leaves it open:\n\n${choices}\nWhere it is not followed:\n\n${formatDepartures()}`);
});

describe('the reading tour', () => {
  const [, tour = ''] = /^## A reading tour\n([\s\S]*?)^## /m.exec(README) ?? [];
  const stops = [...tour.matchAll(/^\| \d+ \| \[[^\]]+\]\(([\w./-]+)\) \| (\d+) \|/gm)].map(([, file = '', lines]) => ({ file, lines: Number(lines) }));
  const total = stops.reduce((sum, { lines }) => sum + lines, 0);

  test('tells how long each file is, to ten lines', () => {
    const counted = stops.map(({ file }) => readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1);
    expect(stops.filter(({ lines }, at) => Math.abs(lines - (counted[at] ?? 0)) > 10).map(({ file }) => `${file}: ${counted[stops.findIndex((stop) => stop.file === file)]} lines`)).toEqual([]);
  });

  test('takes less than two hours', () => {
    expect(stops.length).toBe(14);
    expect(tour).toMatch(new RegExp(`${total.toLocaleString('en')} lines; at thirty lines\\s+a minute that is ${Math.round(total / 30)} minutes`));
    expect(total / 30).toBeLessThan(120);
  });

  test('names the place of a rule, and what stands there says so', () => {
    const rules = [...tour.matchAll(/(§[\d.]+\d) is\s+`(\w+)` in\s+\[([\w./-]+)\]\(([\w./-]+)\)/g)];
    expect(rules.map(([, section]) => section)).toEqual(['§4.5.2', '§4.1.4', '§5.1']);
    for (const [, section = '', name = '', text = '', file = ''] of rules) {
      const source = readFileSync(join(ROOT, file), 'utf8');
      expect(text).toBe(file);
      expect(source).toMatch(new RegExp(`^export (?:const|function) ${name}\\b`, 'm'));
      expect(source).toContain(section);
    }
  });
});

test('each attack has its fixtures and tests, which run', () => {
  const [, attacks = ''] = /^## Attacks, and what stops them\n([\s\S]*?)^## /m.exec(README) ?? [];
  const rows = [...attacks.matchAll(/^\| (.*?) \| (.*) \| ([^|]*) \|$/gm)].slice(1).map(([, attack = '', , shown = '']) => ({ attack, shown: [...shown.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name) }));
  expect(rows.length).toBeGreaterThan(25);
  expect(rows.filter(({ shown }) => shown.length === 0).map(({ attack }) => attack)).toEqual([]);
  const fileOf = (name: string): string => (name.startsWith('test/') ? name : name.startsWith('routes/') ? `fixtures/${name}.txt` : `fixtures/transcripts/${name}.smtp`);
  expect(rows.flatMap(({ shown }) => shown.map(fileOf)).filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  expect(rows.flatMap(({ shown }) => shown).filter((name) => name.startsWith('test/') && !/\.test\.ts$|^test\/bench\/wire\.mjs$/.test(name))).toEqual([]); // those that `npm test` runs, and one of `npm run bench`
});

test('every file that the README names exists', () => {
  const named = [...README.matchAll(/`((?:src|test|fixtures|wire|syntax|protocol|relay|transcript|node|cli)\/[\w./-]*)`|\]\(([\w./-]+)\)/g)].map(([, quoted, linked]) => quoted ?? linked ?? '');
  expect(named.length).toBeGreaterThan(15);
  const exists = (path: string): boolean => existsSync(join(ROOT, path)) || existsSync(join(ROOT, 'src', path));
  expect(named.filter((path) => !exists(path))).toEqual([]);
});
