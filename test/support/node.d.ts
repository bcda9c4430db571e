// What of Node only the tests use, as types; the rest is in test/node.d.ts.

declare module 'node:fs' {
  export function mkdtempSync(prefix: string): string;
  export function rmSync(path: string, options: { readonly recursive: true }): void;
  export function writeFileSync(path: string, content: string): void;
}

// and vitest.config.ts, with what it needs
declare module 'node:os' {
  export function availableParallelism(): number;
  export function tmpdir(): string;
}

declare module 'node:fs' {
  export function statfsSync(path: string): { readonly bavail: number; readonly bsize: number };
}

declare module 'node:path' {
  export function join(...parts: readonly string[]): string;
}

declare module 'node:fs' {
  export function readdirSync(path: string, options: { readonly recursive: true }): string[];
}

// test/architecture.test.ts, and whoever looks for files beside a test
interface ImportMeta {
  readonly dirname: string;
}

declare module 'node:fs' {
  export interface Dirent {
    readonly name: string;
    isDirectory(): boolean;
  }
  export function readdirSync(path: string): string[];
  export function readdirSync(path: string, options: { readonly withFileTypes: true }): Dirent[];
}

declare module 'node:path' {
  export function dirname(path: string): string;
  export function relative(from: string, to: string): string;
  export function resolve(path: string): string;
}

// test/readme.test.ts
declare module 'node:child_process' {
  export interface ChildProcess {
    readonly stdout: { on(event: 'data', listener: (octets: Uint8Array) => void): void };
    readonly stderr: { on(event: 'data', listener: (octets: Uint8Array) => void): void };
    on(event: 'exit', listener: (status: number | null) => void): void;
    kill(signal?: 'SIGTERM' | 'SIGKILL' | 'SIGINT'): boolean;
  }
  export function spawn(command: string, args: readonly string[], options: { readonly stdio: readonly ['ignore' | 'pipe', 'pipe', 'pipe'] }): ChildProcess;
}

declare module 'node:fs' {
  export function existsSync(path: string): boolean;
  export function truncateSync(path: string, length: number): void;
  export function readFileSync(path: string): Uint8Array;
  export function readFileSync(path: string, encoding: 'utf8'): string;
  export function mkdirSync(path: string, options: { readonly recursive: true }): void;
}

// test/node, test/cli: peers on raw sockets, files to damage, the built program as a child
declare module 'node:net' {
  export interface Socket {
    readonly bytesRead: number;
    readonly listenerCount: (event: string) => number;
    isPaused(): boolean;
    resetAndDestroy(): void;
    once(event: 'close' | 'connect' | 'drain' | 'end' | 'pause', listener: () => void): void;
  }
  export function connect(options: { readonly host: string; readonly port: number; readonly allowHalfOpen: boolean; readonly noDelay: boolean }): Socket;
}

declare module 'node:timers' {
  export function setImmediate(callback: () => void): void;
}

declare module 'node:fs' {
  export function mkdirSync(path: string): void;
  export function chmodSync(path: string, mode: number): void;
  export function renameSync(from: string, to: string): void;
  export function statSync(path: string): { readonly size: number; readonly mode: number };
  export function statSync(path: string, options: { readonly throwIfNoEntry: false }): { readonly mtimeMs: number } | undefined;
  export function symlinkSync(target: string, path: string): void;
  export function unlinkSync(path: string): void;
  export function writeFileSync(path: string, content: Uint8Array): void;
}

declare module 'node:child_process' {
  export interface PipedProcess {
    readonly stdin: { write(octets: Uint8Array | string): void; end(): void };
    readonly stdout: { on(event: 'data', listener: (octets: Uint8Array) => void): void; pause(): void; resume(): void; destroy(): void };
    readonly stderr: { on(event: 'data', listener: (octets: Uint8Array) => void): void };
    kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'SIGHUP' | 'SIGUSR1'): boolean;
    on(event: 'exit' | 'close', listener: (status: number | null, signal: string | null) => void): void;
  }
  export function spawn(command: string, args: readonly string[], options: { readonly cwd: string }): PipedProcess;
  export function execFileSync(command: string, args: readonly string[], options: { readonly encoding: 'utf8' }): string;
}

// test/support/raw-peer.ts, test/support/sim-disk.ts
declare module 'node:buffer' {
  export interface Buffer {
    toString(encoding: 'latin1'): string;
  }
  export namespace Buffer {
    function concat(pieces: readonly Uint8Array[]): Uint8Array;
    function compare(a: Uint8Array, b: Uint8Array): number;
  }
}

// test/support/crash-model.ts
declare module 'node:timers' {
  export function setImmediate(callback: (nothing: undefined) => void): unknown;
}

// test/support/tls-peer.ts: the client's side of TLS
declare module 'node:tls' {
  import type { Socket } from 'node:net';
  export interface TlsClientOptions {
    readonly servername?: string;
    readonly minVersion?: string;
    readonly maxVersion?: string;
    readonly ciphers?: string;
    readonly cert?: Uint8Array;
    readonly key?: Uint8Array;
    readonly ca?: Uint8Array;
    readonly session?: Uint8Array;
  }
  export interface TlsClient extends Socket {
    getPeerCertificate(): { readonly subject: { readonly CN: string } };
    getProtocol(): string;
    once(event: 'secureConnect' | 'close' | 'connect' | 'drain' | 'end' | 'pause', listener: () => void): void;
    once(event: 'session', listener: (session: Uint8Array) => void): void;
  }
  export function connect(options: TlsClientOptions & { readonly socket: unknown; readonly rejectUnauthorized: boolean }): TlsClient;
}

declare module 'node:stream' {
  /** What a test gives a stream of its own to do. */
  export const Duplex: new (options: {
    readonly allowHalfOpen: boolean;
    readonly read: () => void;
    readonly write: (octets: Uint8Array, encoding: string, done: (error?: Error) => void) => void;
    readonly final: (done: () => void) => void;
    readonly destroy: (error: Error | null, done: () => void) => void;
  }) => import('node:stream').Duplex & { push(octets: Uint8Array | null): void; emit(event: 'error', error: Error): boolean };
}

// test/fuzz: the fuzzer's worker, its coverage, what it keeps
declare module 'node:inspector' {
  export interface CoverageRange {
    readonly startOffset: number;
    readonly endOffset: number;
    readonly count: number;
  }
  export interface ScriptCoverage {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly CoverageRange[] }[];
  }
  /** What is posted to one's own thread is answered before `post` returns. */
  export class Session {
    connect(): void;
    post(method: 'Profiler.enable'): void;
    post(method: 'Profiler.startPreciseCoverage', options: { readonly callCount: boolean; readonly detailed: boolean }): void;
    post(method: 'Profiler.takePreciseCoverage', then: (error: Error | null, answer: { readonly result: readonly ScriptCoverage[] }) => void): void;
  }
}

declare module 'node:fs' {
  export function openSync(path: string, flags: 'w'): number;
  export function writeSync(descriptor: number, octets: Uint8Array, offset: number, length: number, position: number): number;
}

// test/pair.test.ts
declare module 'node:process' {
  export const env: Readonly<Record<string, string | undefined>>;
  export function chdir(directory: string): void;
  export function cwd(): string;
  export function umask(mask: number): number;
  export function setUncaughtExceptionCaptureCallback(callback: ((error: Error) => void) | null): void;
  /** In microseconds; since `before`, where that is given. */
  export function cpuUsage(before?: { readonly user: number; readonly system: number }): { readonly user: number; readonly system: number };
}

// test/node/client.test.ts: values of another realm
declare module 'node:vm' {
  export function runInNewContext(code: string): unknown;
}

// test/support/builtin.ts
declare module 'node:module' {
  export function createRequire(from: string): (name: string) => Record<string, unknown>;
  export function syncBuiltinESMExports(): void;
}
