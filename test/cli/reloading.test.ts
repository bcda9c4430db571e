import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Hangup, ReloadedFiles } from '../../src/cli/reloading.ts';
import { formatUser } from '../../src/protocol/sasl/credential.ts';
import { cheapCredential } from '../support/cheap-credential.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { deferred, turns } from '../support/turn.ts';

const pem = (name: string): string => readFileSync(join(import.meta.dirname, '../../fixtures/tls', `${name}.pem`), 'utf8');

const lines = { tim: '', tom: '' };
beforeAll(async () => {
  for (const [name, scheme] of [['tim', 'scram-sha-256'], ['tom', 'scrypt']] as const) {
    lines[name] = `${formatUser({ name, credential: await cheapCredential(scheme, 'tanstaaf') })}\n`;
  }
});

describe('the files that are read again', () => {
  it('are taken as they are then', async () => {
    using folder = temporaryDirectory();
    const users = join(folder.path, 'users');
    writeFileSync(users, lines.tim + lines.tom);
    const files = await ReloadedFiles.read({ tlsCert: undefined, tlsKey: undefined, users, smarthostPasswordFile: undefined });
    expect(files.users?.mechanisms).toEqual(['SCRAM-SHA-256', 'PLAIN', 'LOGIN']);
    writeFileSync(users, lines.tom);
    await files.reload();
    expect(files.users?.mechanisms).toEqual(['PLAIN', 'LOGIN']);
  });

  it('have the password for the smarthost on their first line', async () => {
    using folder = temporaryDirectory();
    const smarthostPasswordFile = join(folder.path, 'password');
    const paths = { tlsCert: undefined, tlsKey: undefined, users: undefined, smarthostPasswordFile };
    await expect(ReloadedFiles.read(paths)).rejects.toThrow(`--smarthost-password-file "${smarthostPasswordFile}": expected a file with a password (no such file or directory`);
    writeFileSync(smarthostPasswordFile, 'tanstaaf\r\nnot this\n');
    const files = await ReloadedFiles.read(paths);
    expect(files.contents.smarthostPassword).toBe('tanstaaf');
    writeFileSync(smarthostPasswordFile, '\n');
    await expect(files.reload()).rejects.toThrow('expected a password in UTF-8 on its first line');
    expect(files.contents.smarthostPassword).toBe('tanstaaf');
    writeFileSync(smarthostPasswordFile, 'b\u00fccher');
    await files.reload();
    expect(files.contents.smarthostPassword).toBe('b\u00fccher');
  });

  it('are no pipes: what can be read once is not waited for', async () => {
    using folder = temporaryDirectory();
    const users = join(folder.path, 'users');
    writeFileSync(users, lines.tim);
    const files = await ReloadedFiles.read({ tlsCert: undefined, tlsKey: undefined, users, smarthostPasswordFile: undefined });
    const before = files.users;
    rmSync(users, { recursive: true });
    execFileSync('mkfifo', [users], { encoding: 'utf8' });
    await expect(files.reload()).rejects.toThrow(`${users} is a pipe, expected a file that can be read again`);
    expect(files.users).toBe(before);
  });

  it('are taken all or not at all: beside a bad key the users stay as well, and the error is one line', async () => {
    using folder = temporaryDirectory();
    const [tlsCert, tlsKey, users] = ['cert', 'key', 'users'].map((name) => join(folder.path, name)) as [string, string, string];
    writeFileSync(tlsCert, pem('mx'));
    writeFileSync(tlsKey, pem('mx-key'));
    writeFileSync(users, lines.tim);
    const files = await ReloadedFiles.read({ tlsCert, tlsKey, users, smarthostPasswordFile: undefined });
    const before = files.users;
    writeFileSync(users, lines.tom);
    writeFileSync(tlsKey, pem('other-key'));
    await expect(files.reload()).rejects.toThrow(/^the TLS certificate and key cannot be used: .*$/);
    expect(files.users).toBe(before);
    writeFileSync(tlsKey, pem('mx-key'));
    writeFileSync(users, 'no user\n');
    await expect(files.reload()).rejects.toThrow(`${users}:1: expected NAME:CREDENTIAL`);
    expect(files.users).toBe(before);
  });
});

describe('SIGHUP', () => {
  it('that comes before there is anything to be read again is heeded when there is; and one after the other', async () => {
    let hear: () => void = () => undefined;
    const on = vi.spyOn(process as unknown as { on(event: string, listener: () => void): void }, 'on').mockImplementation((_, listener) => void (hear = listener));
    const hangup = new Hangup();
    on.mockRestore();
    hear();
    const gate = deferred();
    let begun = 0;
    hangup.onEach(() => {
      begun++;
      return gate.promise;
    });
    hear();
    await turns(5);
    expect(begun).toBe(1);
    gate.resolve();
    await turns(5);
    expect(begun).toBe(2);
  });
});
