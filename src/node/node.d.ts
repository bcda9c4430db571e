// The whole of Node that this program relies on, as types. An input to the compiler, never emitted. No globals: what is
// needed of Node is imported by name.

declare module 'node:util' {
  export interface ParseArgsOptions {
    [name: string]: { readonly type: 'string' | 'boolean' };
  }
  export type ParseArgsToken =
    | { readonly kind: 'option'; readonly rawName: string; readonly value: string | undefined; readonly inlineValue: boolean | undefined }
    | { readonly kind: 'positional'; readonly value: string }
    | { readonly kind: 'option-terminator' };
  /** Node 18.7 */
  export function parseArgs(config: {
    readonly args: readonly string[];
    readonly options: ParseArgsOptions;
    readonly strict: false;
    readonly allowPositionals: true;
    readonly tokens: true;
  }): { readonly tokens: readonly ParseArgsToken[] };
}

declare module 'node:fs' {
  export function readFileSync(path: string, encoding: 'utf8'): string;
}
