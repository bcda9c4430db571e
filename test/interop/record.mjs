// Records sessions of real programs anew: node test/interop/record.mjs [FILTER [FOLDER]]
//
// FILTER: a piece of the names of the recordings to make; FOLDER: where they go (default: fixtures/transcripts/recorded). The
// program must be built (npm run build). The programs to record are brought by `provision.sh FOLDER record`, unless
// EHLO_INTEROP_PEERS names the folder that has them. It needs root, as Postfix, Exim and OpenSMTPD do.
//
// Rule 1: what is kept is what `ehlo serve --trace` or `ehlo send --trace` wrote, octet for octet, but for the header and remarks.
// Rule 2: a recording that cannot be replayed, that no longer shows what its title says, or in which a name of this machine
//         stands, is not kept.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
process.env.EHLO_INTEROP_PEERS ||= execFileSync('bash', [join(HERE, 'provision.sh'), '', 'record'], { encoding: 'utf8' }).trim();
const { EHLO, Failure, ROOT, Stage, expect, expectEqual } = await import('./harness.mjs');
export const RECORDINGS = [...(await import('./record-clients.mjs')).CLIENTS, ...(await import('./record-servers.mjs')).SERVERS];

const FOLDER = join(ROOT, 'fixtures/transcripts/recorded');

/**
 * Makes one recording, and writes it into the folder when it is good.
 * @param {{ name: string, title: string, verifies: string, shows: RegExp[], remarks?: [RegExp, string][], struck?: string,
 *   version: (stage: Stage) => Promise<string>, play: (stage: Stage) => Promise<string> }} recording `play` returns the
 *   transcript as it was traced, `version` the program and its version; `shows`: what must stand in it for the title to be
 *   true; a remark goes above the first line that is like its pattern
 */
export async function record(stage, { name, title, verifies, shows, remarks = [], struck = 'nothing struck out', version, play }, folder) {
  const traced = await play(stage);
  const [, fields, body] = /^([^]*?)\n\n([^]*)$/.exec(traced) ?? ['', '', ''];
  const options = /^Options: .*$/m.exec(fields)?.[0] ?? '';
  const subject = /^Subject: .*$/m.exec(fields)?.[0] ?? '';
  for (const pattern of shows) expect(pattern.test(body), `it does not show ${pattern}:\n${body}`);
  const lines = body.split('\n');
  for (const [pattern, text] of remarks) {
    const at = lines.findIndex((line) => pattern.test(line));
    expect(at >= 0, `no line for a remark is like ${pattern}:\n${body}`);
    lines.splice(at, 0, ...text.split('\n').map((line) => `# ${line}`));
  }
  const source = `${await version(stage)}, ${new Date().toISOString().slice(0, 10)}, ${struck}`;
  const text = `${[`Title: ${title}`, `Source: ${source}`, subject, `Verifies: ${verifies}`, options].filter((line) => line !== '').join('\n')}\n\n${lines.join('\n')}`;
  for (const word of PRIVATE) expect(!word.test(text), `${word} stands in it:\n${text}`);
  const draft = join(stage.folder('draft'), `${name}.smtp`);
  writeFileSync(draft, text);
  const { status, out } = await stage.run(process.execPath, [EHLO, 'replay', draft]);
  expectEqual(status, 0, `exit status of ehlo replay, which said ${out}of\n${text}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.smtp`), text);
}

/** What must not stand in a recording: names of this machine, and domains that are not those of RFC 2606 §3. */
const OWN_NAMES = [hostname(), ...readFileSync('/etc/hosts', 'utf8').split('\n').filter((line) => /^127\./.test(line)).flatMap((line) => line.split(/\s+/).slice(1))].filter((name) => !/^(?:localhost)?$/.test(name));
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const PRIVATE = [
  ...OWN_NAMES.map((name) => new RegExp(`(?<![\\w.-])${escaped(name)}(?![\\w-])`)), ...[homedir()].filter((path) => path.length > 1).map((path) => new RegExp(`${escaped(path)}(?=[/\\s])`)), /\/tmp\//, /\broot@/, /localdomain/, /\w\.(?:test|local|lan|internal|invalid)\b/,
  /@(?!\[)(?!(?:[\w-]+\.)*example\.(?:com|org|net)\b)[\w-]+\.[a-z]{2,}/,
];

/** Makes the recordings whose names hold the filter; returns how many were made and how many were not. */
async function recordAll(filter, folder = FOLDER) {
  const count = { made: 0, failed: 0 };
  for (const recording of RECORDINGS.filter(({ name }) => name.includes(filter))) {
    const stage = new Stage();
    const faults = [];
    await record(stage, recording, folder).catch((error) => faults.push(error));
    await stage.end().catch((error) => faults.push(error));
    count[faults.length === 0 ? 'made' : 'failed'] += 1;
    console.log(`${faults.length === 0 ? 'ok   ' : 'FAIL '} ${recording.name}`);
    for (const fault of faults) console.log(fault instanceof Failure ? fault.message : fault.stack, `\n${stage.report()}`);
  }
  return count;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (!existsSync(EHLO)) {
    console.error('record: the program is not built: run `npm run build` first');
    process.exit(1);
  }
  const { made, failed } = await recordAll(process.argv[2] ?? '', process.argv[3]);
  console.log(`${made} made, ${failed} failed`);
  process.exit(failed === 0 && made > 0 ? 0 : 1);
}
