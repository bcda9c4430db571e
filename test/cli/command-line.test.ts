import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseCommandLine, runCommand, type Usage } from '../../src/cli/command-line.ts';
import { misuse } from '../../src/cli/misuse.ts';
import { choice, DNS_SERVER, DURATION, FILE, flag, HOST_PORT, HOSTNAME, integer, INTERVALS, type Kind, many, NEXT_HOP, one, PORT, ROUTE, text } from '../../src/cli/option.ts';
import { EXIT } from '../../src/node/exit-status.ts';
import { cpuTime } from '../support/cpu-time.ts';

const OPTIONS = {
  config: one(FILE, 'a JSON file'),
  hostname: one(text('NAME', 'a name'), 'what it calls itself'),
  mxPort: one(PORT, 'the port', '25'),
  resolver: many(DNS_SERVER, 'a DNS server', ['127.0.0.1']),
  route: many(ROUTE, 'a next hop', [], ({ domain }) => domain),
  log: one(choice('text', 'json'), 'how to log', 'text'),
  verbose: flag('say more'),
};
const USAGE: Usage<typeof OPTIONS> = { name: 'ehlo test', operands: 'ADDRESS', operandCount: { least: 1, most: 1 }, about: 'Tests.', examples: ['ehlo test a', 'ehlo test --verbose a'], options: OPTIONS };

const directory = mkdtempSync(join(tmpdir(), 'ehlo-option-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(content: string): string {
  const name = join(directory, 'ehlo.json');
  writeFileSync(name, content);
  return name;
}

function wrong(...args: string[]): string {
  const line = parseCommandLine(USAGE, args);
  return line.type === 'misuse' ? line.text : `not a misuse: ${line.type}`;
}

describe('a command line', () => {
  it('gives each option its value, its default or undefined', () => {
    const line = parseCommandLine(USAGE, ['--mx-port', '2526', 'a@b.example', '--verbose', '--resolver=127.0.0.1:5353', '--resolver', '::1']);
    expect(line).toEqual({
      type: 'run',
      operands: ['a@b.example'],
      options: { config: undefined, hostname: undefined, mxPort: 2526, resolver: ['127.0.0.1:5353', '[::1]:53'], route: [], log: 'text', verbose: true },
    });
  });

  it('takes the last value of an option that is not repeatable', () => {
    const line = parseCommandLine(USAGE, ['a', '--mx-port', '1', '--mx-port', '65535']);
    expect(line).toMatchObject({ options: { mxPort: 65_535 } });
  });

  it('has as many values of an option as there are in linear time', () => { // found by measuring: 20,000 took 5 s, 40,000 half a minute
    const routes = Array.from({ length: 20_000 }, (_, at) => `--route=d${at}.example=h.example:25`);
    expect(cpuTime(() => void expect(parseCommandLine(USAGE, ['a', ...routes])).toMatchObject({ type: 'run' }))).toBeLessThan(2_500);
  });

  it('takes words behind -- for operands', () => {
    expect(parseCommandLine(USAGE, ['--', '--verbose'])).toMatchObject({ operands: ['--verbose'], options: { verbose: false } });
  });

  it('takes a value that begins with a dash where = ties it to its option', () => {
    expect(parseCommandLine(USAGE, ['a', '--hostname=--x'])).toMatchObject({ options: { hostname: '--x' } });
  });

  it.each([
    [['a', '--mxport', '25'], 'unknown option --mxport: did you mean --mx-port?'],
    [['a', '--hog'], 'unknown option --hog: did you mean --log?'],
    [['a', '--port', '25'], 'unknown option --port: expected one of --config, --hostname, --mx-port, --resolver, --route, --log, --verbose, --help'],
    [['a', '-x'], 'unknown option -x: expected one of --config, --hostname, --mx-port, --resolver, --route, --log, --verbose, --help'],
    [['a', '-h'], 'unknown option -h: expected one of --hostname, --help'],
    [['a', '-l'], 'unknown option -l: did you mean --log?'],
    [['a', `--${'x'.repeat(100)}`], `unknown option --${'x'.repeat(78)}…: expected one of --config, --hostname, --mx-port, --resolver, --route, --log, --verbose, --help`],
    [['a', '--\x1b[31m'], 'unknown option --\\u001b[31m: expected one of --config, --hostname, --mx-port, --resolver, --route, --log, --verbose, --help'],
    [['a', '--mx-port', '1'.repeat(100)], `--mx-port "${'1'.repeat(80)}…": expected an integer from 1 to 65535`],
    [['a', 'b'.repeat(100)], `unexpected "${'b'.repeat(80)}…": expected ADDRESS`],
    [['a', '--mxPort', '25'], 'unknown option --mxPort: did you mean --mx-port?'],
    [['a', '--mx-port'], '--mx-port needs a value: expected an integer from 1 to 65535'],
    [['a', '--hostname', '--mx-port', '25'], '--hostname needs a value: expected a name'],
    [['a', '--hostname', ''], '--hostname "": expected a name'],
    [['a', '--mx-port', '65536'], '--mx-port "65536": expected an integer from 1 to 65535'],
    [['a', '--log', 'xml'], '--log "xml": expected one of text, json'],
    [['a', '--resolver', 'dns.example'], '--resolver "dns.example": expected the address of a DNS server, such as 192.0.2.1, 127.0.0.1:5353 or [2001:db8::1]:53'],
    [['a', '--verbose=yes'], '--verbose takes no value, found "yes"'],
    [['a', '--route', 'b.example=c:25', '--route', 'B.example=d'], '--route "B.example=d": expected nothing else for "b.example", found "b.example=c:25" too'],
    [['a', 'b'], 'unexpected "b": expected ADDRESS'],
    [[], 'expected ADDRESS, found nothing'],
  ])('%j is misuse, and the line says what would be right', (args, text) => {
    expect(wrong(...args)).toBe(text);
  });
});

describe('the file of --config', () => {
  it('gives options under their names without dashes, behind the command line', () => {
    const name = file('{"mx-port": 2526, "resolver": ["192.0.2.1", "192.0.2.2"], "verbose": true, "hostname": "file.example"}'.padEnd(1_000_000)); // it may be long
    const line = parseCommandLine(USAGE, ['a', '--config', 'another', '--config', name, '--hostname', 'line.example']);
    expect(line).toMatchObject({
      options: { mxPort: 2526, resolver: ['192.0.2.1:53', '192.0.2.2:53'], verbose: true, hostname: 'line.example', log: 'text' },
    });
  });

  it('leaves a flag off that is false', () => {
    expect(parseCommandLine(USAGE, ['a', '--config', file('{"verbose": false}')])).toMatchObject({ options: { verbose: false } });
  });

  it.each([
    ['[]', ': expected a JSON object'],
    ['{"mx-prt": 1}', ': "mx-prt" is unknown: did you mean mx-port?'],
    ['{"config": "other.json"}', ': "config" is unknown: expected one of hostname, mx-port, resolver, route, log, verbose'],
    ['{"verbose": "yes"}', ': "verbose": expected true or false'],
    ['{"hostname": {}}', ': "hostname": expected a string or a number'],
    ['{"hostname": []}', ': "hostname": expected a string or a number'],
    ['{"hostname": ["a.example", "b.example"]}', ': "hostname": expected a string or a number'],
    ['{"resolver": {}}', ': "resolver": expected a string, a number or a list of them'],
    ['{"resolver": [true]}', ': "resolver": expected a string, a number or a list of them'],
    ['{"route": ["b.example=c", "d.example=c", "b.example.=d"]}', ': "route" "b.example.=d": expected nothing else for "b.example", found "b.example=c" too'],
    ['{"mx-port": -1}', ': "mx-port" "-1": expected an integer from 1 to 65535'],
  ])('%s is misuse', (content, text) => {
    const name = file(content);
    expect(wrong('a', '--config', name)).toBe(`--config ${name}${text}`);
  });

  it('that is not JSON is misuse, and the line says where', () => {
    const name = file('{"mx-port": 25,\n  verbose: true}\n');
    expect(wrong('a', '--config', name)).toBe(`--config ${name}:2:3: expected a name in double quotes, found verbose: true}`);
  });

  it('that says something twice is misuse, since one of the two would be lost', () => {
    const name = file('{"resolver": "192.0.2.1", "hostname": "a.example",\n "resol\\u0076er": "192.0.2.2"}');
    expect(wrong('a', '--config', name)).toBe(`--config ${name}:2:2: expected each name once, found "resol\\\\u0076er": "19…`);
  });

  it('that is no UTF-8 is misuse', () => {
    const name = file('');
    writeFileSync(name, Uint8Array.of(0x22, 0xff, 0x22));
    expect(wrong('a', '--config', name)).toBe(`--config ${name}: expected UTF-8`);
  });

  it('that is not there, or no file, is misuse', () => {
    const name = join(directory, 'none.json');
    expect(wrong('a', '--config', name)).toBe(`--config ${name}: expected a file with a JSON object (no such file or directory)`);
    expect(wrong('a', '--config', directory)).toBe(`--config ${directory}: expected a file with a JSON object (illegal operation on a directory)`);
  });
});

describe('running a command', () => {
  const run = async (args: readonly string[], body: Parameters<typeof runCommand<typeof OPTIONS>>[3]) => {
    const written = { out: '', err: '' };
    const terminal = { out: (text: string) => void (written.out += text), err: (text: string) => void (written.err += text) };
    return { status: await runCommand(USAGE, args, terminal, body), ...written };
  };

  it('prints the table of options for --help', async () => {
    const { status, out } = await run(['--verbose', '--help'], () => Promise.reject(new Error('must not run')));
    expect(status).toBe(EXIT.ok);
    expect(out).toBe(
      [
        'usage: ehlo test [OPTION]… ADDRESS',
        '',
        'Tests.',
        '',
        '  --config FILE             a JSON file',
        '  --hostname NAME           what it calls itself',
        '  --mx-port PORT            the port (default 25)',
        '  --resolver IP[:PORT]      a DNS server (repeatable; default 127.0.0.1)',
        '  --route DOMAIN=HOST:PORT  a next hop (repeatable)',
        '  --log text|json           how to log (default text)',
        '  --verbose                 say more',
        '  --help                    print this',
        '',
        'examples:',
        '  ehlo test a',
        '  ehlo test --verbose a',
        '',
      ].join('\n'),
    );
  });

  it('answers misuse with one line and status 64', async () => {
    const result = await run(['--verbose=1', 'a'], () => Promise.resolve(0));
    expect(result).toEqual({ status: 64, out: '', err: 'ehlo test: --verbose takes no value, found "1"\n' });
  });

  it('answers misuse that the body finds likewise', async () => {
    const result = await run(['a'], () => Promise.resolve(misuse('--hostname is needed here')));
    expect(result).toEqual({ status: 64, out: '', err: 'ehlo test: --hostname is needed here\n' });
  });

  it('returns the status of the body', async () => {
    expect(await run(['a'], ({ operands }) => Promise.resolve(operands[0] === 'a' ? 75 : 1))).toMatchObject({ status: 75 });
  });
});

describe('a kind of value', () => {
  const ROWS: readonly (readonly [Kind<unknown>, string, unknown])[] = [
    [DURATION, '90s', 90_000],
    [DURATION, '90', undefined],
    [INTERVALS, '7m,1h', [420_000, 3_600_000]],
    [INTERVALS, '7m,,1h', undefined],
    [HOSTNAME, '[192.0.2.1]', '[192.0.2.1]'],
    [HOSTNAME, '192.0.2.1', undefined],
    [HOST_PORT, 'MX.example.org', { host: 'mx.example.org', port: 25 }],
    [HOST_PORT, 'mx.example.org:0', undefined],
    [HOST_PORT, 'smtps://mx.example.org', undefined],
    [NEXT_HOP, 'smtps://mx.example.org', { host: 'mx.example.org', port: 465, tlsAtOnce: true }],
    [NEXT_HOP, 'lmtp://mx.example.org', { host: 'mx.example.org', port: 24, lmtp: true }],
    [NEXT_HOP, 'lmtp://mx.example.org:25', undefined],
    [ROUTE, 'example.org=[2001:DB8::1]:2525', { domain: 'example.org', nextHop: { host: '2001:db8::1', port: 2525 } }],
    [ROUTE, 'example.org', undefined],
    [DNS_SERVER, '192.0.2.1', '192.0.2.1:53'],
    [DNS_SERVER, '2001:db8::1', '[2001:db8::1]:53'],
    [DNS_SERVER, '[2001:db8::1]:5353', '[2001:db8::1]:5353'],
    [DNS_SERVER, '192.0.2.256', undefined],
    [integer('N', 1), '1000', 1000],
    [integer('N', 1), '0', undefined],
    [integer('N', 1), '1e3', undefined],
    [integer('N', 0), '', undefined],
    [FILE, '', undefined],
  ];
  it.each(ROWS)('$placeholder reads %s', (kind, written, value) => {
    expect(kind.parse(written)).toEqual(value);
  });
});
