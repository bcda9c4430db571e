// The whole of Node that src/ relies on, as types: it stands in for @types/node, and is not in src/ so that those who copy that
// into a tree with @types/node have each module declared once. An input to the compiler, never emitted. No globals: what is
// needed of Node is imported by name.

declare module 'node:util' {
  export type ParseArgsToken =
    | { readonly kind: 'option'; readonly rawName: string; readonly value: string | undefined; readonly inlineValue: boolean | undefined }
    | { readonly kind: 'positional'; readonly value: string }
    | { readonly kind: 'option-terminator' };
  /** Node 18.7 */
  export function parseArgs(config: {
    readonly args: readonly string[];
    readonly options: { readonly [name: string]: { readonly type: 'string' | 'boolean' } };
    readonly strict: false;
    readonly allowPositionals: true;
    readonly tokens: true;
  }): { readonly tokens: readonly ParseArgsToken[] };
  export class TextDecoder {
    constructor(encoding: 'utf-8', options: { readonly fatal?: boolean; readonly ignoreBOM: true });
    decode(octets: Uint8Array): string;
  }
}

declare module 'node:fs' {
  export function mkdirSync(path: string, options: { readonly recursive: true }): string | undefined;
  export function statSync(path: string): { readonly mode: number };
  export function fstatSync(descriptor: number): { isDirectory(): boolean };
  export function openSync(path: string, flags: 'wx', mode: number): number;
  export function openSync(path: string, flags: 'r'): number;
  export function readSync(descriptor: number, octets: Uint8Array, offset: number, length: number, position: number | null): number;
  export function writeSync(descriptor: number, octets: Uint8Array, offset: number): number;
  export function closeSync(descriptor: number): void;
}

declare module 'node:stream' {
  export interface Duplex {
    readonly destroyed: boolean;
    readonly readableLength: number;
    readonly writableLength: number;
    write(octets: Uint8Array, taken?: (error?: Error | null) => void): boolean;
    end(): void;
    destroy(error?: Error): void;
    pause(): void;
    resume(): void;
    push(octets: Uint8Array): boolean;
    emit(event: 'data', octets: Uint8Array): boolean;
    unshift(octets: Uint8Array): void;
    on(event: 'data', listener: (octets: Uint8Array) => void): void;
    on(event: 'end' | 'close' | 'drain' | 'connect', listener: () => void): void;
    on(event: 'error', listener: (error: Error & { readonly code?: string }) => void): void;
    removeAllListeners(event: 'data'): void;
    removeListener(event: 'end' | 'close', listener: () => void): void;
  }
}

declare module 'node:net' {
  import type { Duplex } from 'node:stream';
  export interface AddressInfo {
    readonly address: string;
    readonly family: string;
    readonly port: number;
  }
  export interface Socket extends Duplex {
    readonly remoteAddress: string | undefined;
    readonly remotePort: number | undefined;
    readonly localAddress: string | undefined;
    readonly localPort: number | undefined;
    allowHalfOpen: boolean;
    setNoDelay(): void;
    connect(options: { readonly host: string; readonly port: number }): this;
  }
  export class Socket {
    constructor(options: { readonly noDelay?: boolean; readonly handle?: object; readonly allowHalfOpen?: boolean; readonly onread?: { readonly buffer: Uint8Array; readonly callback: (length: number) => boolean } });
  }
  export interface Server {
    listen(options: { readonly host: string; readonly port: number; readonly backlog?: number } | { readonly path: string; readonly exclusive?: true } | { readonly fd: number }): void;
    address(): AddressInfo | string | null;
    close(done: () => void): void;
    on(event: 'listening', listener: () => void): void;
    on(event: 'error', listener: (error: Error & { readonly code?: string }) => void): void;
    removeAllListeners(event: 'listening' | 'error'): void;
    unref(): void;
  }
  export function createServer(options: { readonly allowHalfOpen: boolean; readonly noDelay: boolean; readonly pauseOnConnect?: boolean }, accept: (socket: Socket) => void): Server;
  export function connect(options: { readonly host: string; readonly port: number; readonly noDelay: boolean; readonly allowHalfOpen?: boolean } | { readonly path: string }): Socket;
}

declare module 'node:events' {
  export function setMaxListeners(most: number, ...targets: readonly object[]): void;
}

declare module 'node:timers' {
  interface Timeout {
    unref(): void;
  }
  export function setTimeout<Arguments extends readonly unknown[]>(callback: (...given: Arguments) => void, milliseconds: number, ...given: Arguments): Timeout;
  export function clearTimeout(timer: Timeout | undefined): void;
}

// Also for test/wire: the oracles that the encodings are held against.
declare module 'node:buffer' {
  /** Node 18.15 */
  export function isAscii(octets: Uint8Array): boolean;
  export class Buffer extends Uint8Array {
    static allocUnsafe(length: number): Buffer;
    static allocUnsafeSlow(length: number): Buffer;
    static concat(parts: readonly Uint8Array[]): Buffer;
    static from(octets: Uint8Array): Buffer;
    static from(memory: ArrayBufferLike, at: number, length: number): Buffer;
    static from(text: string, encoding: 'base64' | 'latin1' | 'utf8'): Buffer;
    override toString(encoding?: 'base64' | 'latin1' | 'utf8'): string;
  }
}

declare module 'node:perf_hooks' {
  export const performance: { now(): number };
}

declare module 'node:os' {
  export const constants: { readonly errno: { readonly EDQUOT: number; readonly ENOSPC: number; readonly ESTALE: number } }; // and many more
  export function hostname(): string;
  export function networkInterfaces(): Readonly<Record<string, readonly { readonly address: string; readonly family: string }[] | undefined>>;
}

declare module 'node:crypto' {
  export function randomBytes(size: number): Uint8Array;
  export function randomInt(below: number): number;
}

declare module 'node:path' {
  export function basename(path: string): string;
  export function dirname(path: string): string;
  export function resolve(path: string): string;
  export function join(...parts: readonly string[]): string;
}

declare module 'node:fs/promises' {
  export interface FileHandle {
    write(octets: Uint8Array): Promise<{ readonly bytesWritten: number }>;
    read(octets: Uint8Array, offset: number, length: number, position: number | null): Promise<{ readonly bytesRead: number }>;
    sync(): Promise<void>;
    datasync(): Promise<void>;
    stat(): Promise<{ readonly size: number }>;
    close(): Promise<void>;
  }
  export function open(path: string, flags: 'r' | 'wx', mode?: number): Promise<FileHandle>;
  export function access(path: string, mode: number): Promise<void>;
  export function mkdir(path: string, mode?: number): Promise<void>;
  export function readdir(path: string): Promise<string[]>;
  export function readFile(path: string): Promise<Uint8Array>;
  export function readFile(path: string, encoding: 'utf8'): Promise<string>;
  export function realpath(path: string): Promise<string>;
  export function rename(from: string, to: string): Promise<void>;
  export function unlink(path: string): Promise<void>;
  export function stat(path: string): Promise<{ readonly dev: number; readonly ino: number; readonly mtimeMs: number; readonly uid: number; readonly gid: number; isDirectory(): boolean; isFile(): boolean; isSocket(): boolean; isFIFO(): boolean }>;
}

declare module 'node:process' {
  interface Output {
    readonly writableLength: number;
    readonly writableNeedDrain: boolean;
    write(text: string | Uint8Array): boolean;
    on(event: 'error', listener: (error: Error) => void): void;
    on(event: 'drain' | 'close', listener: () => void): void;
  }
  const process: {
    readonly argv: readonly string[];
    readonly execPath: string;
    readonly pid: number;
    readonly platform: string;
    readonly versions: { readonly node: string };
    exitCode: number | undefined;
    readonly stdin: AsyncIterable<Uint8Array>;
    readonly stdout: Output & { readonly isTTY?: boolean };
    readonly stderr: Output & { readonly isTTY?: boolean; readonly columns?: number };
    on(event: 'SIGUSR1', listener: () => void): void;
    on(event: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP') => void): void;
    off(event: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP') => void): void;
    on(event: 'exit', listener: (status: number) => void): void;
    on(event: 'message', listener: (message: unknown, handle: unknown) => void): void;
    /** Of a process that another one of Node's has begun. */
    send?(message: unknown, socket: undefined, options: undefined, sent: (error: Error | null) => void): boolean;
    emitWarning(warning: Error): void;
    exit(status: number): never;
    kill(pid: number, signal: 0 | 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGKILL'): true;
    memoryUsage(): { readonly rss: number };
    readonly env: Readonly<Record<string, string | undefined>>;
    title: string;
    // Absent on Windows:
    getuid?(): number;
    geteuid?(): number;
    seteuid?(name: string | number): void;
    setuid?(uid: number): void;
    setgid?(gid: number): void;
  };
  export default process;
}

declare module 'node:dns/promises' {
  export class Resolver {
    constructor(options: { readonly timeout: number; readonly tries: number });
    setServers(servers: readonly string[]): void;
    cancel(): void;
    resolveMx(name: string): Promise<{ readonly priority: number; readonly exchange: string }[]>;
    resolve4(name: string): Promise<string[]>;
    resolve6(name: string): Promise<string[]>;
  }
  export function lookupService(address: string, port: number): Promise<{ readonly hostname: string }>;
  export function lookup(name: string, options: { readonly all: true; readonly verbatim: true }): Promise<{ readonly address: string; readonly family: number }[]>;
}

declare module 'node:url' {
  export function domainToASCII(domain: string): string;
}

// node/journal.ts
declare module 'node:v8' {
  export function getHeapStatistics(): { readonly heap_size_limit: number };
}

declare module 'node:zlib' {
  /** Node 20.15 */
  export const crc32: ((octets: Uint8Array, value?: number) => number) | undefined;
}

// node/credential.ts
declare module 'node:crypto' {
  export function createHash(name: 'sha256'): { update(octets: Uint8Array): { digest(): Uint8Array } };
  export function createHmac(name: 'sha256' | 'md5', key: Uint8Array): { update(octets: Uint8Array): { digest(): Uint8Array } };
  export function pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number, octets: number, hash: 'sha256', done: (error: Error | null, key: Uint8Array) => void): void;
  export function scrypt(
    password: Uint8Array,
    salt: Uint8Array,
    octets: number,
    options: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number },
    done: (error: Error | null, key: Uint8Array) => void,
  ): void;
  export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
}

// cli/passwd.ts
declare module 'node:tty' {
  export function isatty(descriptor: number): boolean;
  export class ReadStream {
    constructor(descriptor: number);
    setRawMode(raw: boolean): void;
    destroy(): void;
    [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;
  }
}

// node/disk.ts
declare module 'node:fs' {
  export const constants: { readonly O_RDONLY: number; readonly O_RDWR: number; readonly O_CREAT: number; readonly O_NONBLOCK?: number; readonly W_OK: number; readonly X_OK: number };
  export function open(path: string, flags: number, mode: number, done: (error: Error | null, descriptor: number) => void): void;
  export function writev(descriptor: number, pieces: readonly Uint8Array[], position: number, done: (error: Error | null, written: number) => void): void;
  export function fdatasync(descriptor: number, done: (error: Error | null, nothing: void) => void): void;
  export function fsync(descriptor: number, done: (error: Error | null, nothing: void) => void): void;
  export function ftruncate(descriptor: number, length: number, done: (error: Error | null, nothing: void) => void): void;
  export function close(descriptor: number, done: (error: Error | null, nothing: void) => void): void;
  export function fstat(descriptor: number, done: (error: Error | null, found: { readonly dev: number; readonly ino: number }) => void): void;
}

declare module 'node:fs/promises' {
  export interface FileHandle {
    truncate(length: number): Promise<void>;
  }
  export function open(path: string, flags: 'r+'): Promise<FileHandle>;
  export function open(path: string, flags: number, mode?: number): Promise<FileHandle>;
  export function statfs(path: string): Promise<{ readonly blocks: number; readonly bavail: number; readonly bsize: number }>;
}

declare module 'node:path' {
  export function dirname(path: string): string;
}

declare module 'node:tls' {
  import type { Duplex } from 'node:stream';
  export interface SecureContext {
    readonly context: unknown;
  }
  export function createSecureContext(options: { readonly cert: string; readonly key: string; readonly ca?: string; readonly minVersion: 'TLSv1.2'; readonly sessionIdContext: string }): SecureContext;
  export interface TLSSocket extends Duplex {
    getPeerCertificate(): { readonly fingerprint256?: string; readonly subject?: { readonly CN?: string | readonly string[] } };
    readonly servername: string | false | undefined;
    getProtocol(): string | null;
    getCipher(): { readonly name: string; readonly standardName: string };
    exportKeyingMaterial(length: number, label: string): Uint8Array;
    /** `_tlsError` is not documented. */
    on(event: '_tlsError', listener: () => void): void;
    once(event: 'secure', listener: () => void): void;
    on(event: 'data', listener: (octets: Uint8Array) => void): void;
    on(event: 'end' | 'close' | 'drain' | 'connect', listener: () => void): void;
    on(event: 'error', listener: (error: Error & { readonly code?: string }) => void): void;
  }
  export const TLSSocket: new (
    socket: Duplex,
    options: {
      readonly isServer: true;
      readonly secureContext: SecureContext;
      readonly requestCert: boolean;
      readonly rejectUnauthorized: boolean;
      readonly SNICallback: (name: string, found: (error: null, context: SecureContext) => void) => void;
    },
  ) => TLSSocket;
}

// node/on-demand.ts
declare module 'node:module' {
  export function createRequire(path: string): (name: string) => unknown;
}

// node/tls-client.ts
declare module 'node:crypto' {
  export class X509Certificate {
    constructor(pem: string | Uint8Array);
  }
}

declare module 'node:tls' {
  import type { Duplex } from 'node:stream';
  export interface PeerCertificate {
    readonly fingerprint256?: string;
  }
  export interface TLSSocket extends Duplex {
    readonly authorized: boolean;
    /** A code of OpenSSL's, or of Node's. */
    readonly authorizationError: string | Error | null | undefined;
    on(event: 'secureConnect', listener: () => void): void;
  }
  export function createSecureContext(options: { readonly minVersion: 'TLSv1.2'; readonly ca?: string }): SecureContext;
  export function checkServerIdentity(name: string, certificate: PeerCertificate): Error | undefined;
  export function connect(options: {
    readonly socket: Duplex;
    readonly secureContext: SecureContext;
    readonly rejectUnauthorized: boolean;
    readonly servername?: string;
    readonly checkServerIdentity: (name: string, certificate: PeerCertificate) => Error | undefined;
  }): TLSSocket;
}

// node/control.ts
declare module 'node:fs/promises' {
  export interface FileHandle {
    readonly fd: number;
  }
  export function chmod(path: string, mode: number): Promise<void>;
}

declare module 'node:stream' {
  export interface Duplex {
    readonly readable: boolean;
  }
}

// node/shared-disk.ts
declare module 'node:fs/promises' {
  export function writeFile(path: string, text: string, options: { readonly mode: number }): Promise<void>;
}

// node/log.ts
declare module 'node:timers' {
  export function setImmediate(callback: () => void): unknown;
}

// node/metric-server.ts
declare module 'node:net' {
  export interface Server {
    on(event: 'connection', listener: (socket: Socket) => void): void;
  }
}

declare module 'node:http' {
  import type { Server as NetServer } from 'node:net';
  export interface Request {
    readonly method?: string;
    readonly url?: string;
  }
  export interface Response {
    writeHead(status: number, headers: Readonly<Record<string, string>>): void;
    end(text?: string): void;
  }
  export interface Server extends NetServer {
    closeAllConnections(): void;
  }
  export function createServer(options: { readonly requestTimeout: number; readonly headersTimeout: number; readonly connectionsCheckingInterval: number }, answer: (request: Request, response: Response) => void): Server;
}

// node/loop-lag.ts
declare module 'node:perf_hooks' {
  /** Nanoseconds. */
  export interface DelayHistogram {
    readonly mean: number;
    readonly max: number;
    percentile(percent: number): number;
    enable(): void;
    disable(): void;
    reset(): void;
  }
  export function monitorEventLoopDelay(options: { readonly resolution: number }): DelayHistogram;
}

// node/privilege.ts
declare module 'node:os' {
  /** Of the effective user. */
  export function userInfo(): { readonly username: string; readonly uid: number; readonly gid: number };
}

declare module 'node:fs/promises' {
  export function chown(path: string, uid: number, gid: number): Promise<void>;
  export function lchown(path: string, uid: number, gid: number): Promise<void>;
  export function lstat(path: string): Promise<{ readonly mode: number; readonly uid: number; readonly gid: number; isSymbolicLink(): boolean; isSocket(): boolean }>;
}

// node/crew.ts
declare module 'node:cluster' {
  import type { Socket } from 'node:net';
  interface Printed {
    on(event: 'data', listener: (octets: Uint8Array) => void): void;
    on(event: 'end', listener: () => void): void;
    pause(): void;
    resume(): void;
  }
  export interface Worker {
    readonly process: { readonly pid?: number; readonly stdout: Printed | null; readonly stderr: Printed | null; kill(signal: 'SIGTERM' | 'SIGKILL'): boolean };
    send(message: unknown, socket: Socket | undefined, options: { readonly keepOpen: true }, sent: (error: Error | null) => void): boolean;
    on(event: 'message', listener: (message: unknown) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    on(event: 'exit', listener: (status: number | null, signal: string | null) => void): void;
  }
  const cluster: {
    readonly isWorker: boolean;
    setupPrimary(settings: { readonly silent: true; readonly serialization: 'advanced' }): void;
    fork(environment: Readonly<Record<string, string>>): Worker;
  };
  export default cluster;
}
