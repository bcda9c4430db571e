// What of Node only the tests use, as types; the rest is in src/node/node.d.ts.

declare module 'node:fs' {
  export function mkdtempSync(prefix: string): string;
  export function rmSync(path: string, options: { readonly recursive: true }): void;
  export function writeFileSync(path: string, content: string): void;
}

declare module 'node:os' {
  export function tmpdir(): string;
}

declare module 'node:path' {
  export function join(...parts: readonly string[]): string;
}
