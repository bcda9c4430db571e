// The borders of the house: who imports whom, what the pure layers may name, what the repository holds.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const LAYERS = ['wire', 'syntax', 'protocol', 'relay', 'transcript', 'node', 'cli'];
const ENTRIES = ['core.ts', 'server.ts', 'client.ts', 'index.ts'];
const PURE = LAYERS.slice(0, LAYERS.indexOf('node'));
const FORBIDDEN = /\b(?:Buffer|process|console|setTimeout|setInterval|setImmediate|queueMicrotask|performance|require(?=\()|__dirname|globalThis|TextDecoder|TextEncoder|fetch|Date\.now|new Date\(\)|Math\.random|AbortController)\b|['"]node:/;

interface SourceFile {
  readonly path: string; // below src
  readonly layer: string; // '' for the entries
  readonly text: string; // without comments and strings that are not imports
  readonly imports: readonly string[];
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? filesBelow(join(directory, entry.name)) : [join(directory, entry.name)]));
}

const SOURCES: readonly SourceFile[] = filesBelow(join(ROOT, 'src'))
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
  .map((file) => {
    const path = relative(join(ROOT, 'src'), file);
    const text = readFileSync(file, 'utf8');
    return {
      path,
      layer: path.includes('/') ? (path.split('/')[0] ?? '') : '',
      text: text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:])\/\/.*$/gm, '$1'),
      imports: [...text.matchAll(/(?:^|\s)(?:import|export)\b[^;'"]*?from '([^']+)'|import\('([^']+)'\)|^import '([^']+)'/gm)].map((match) => match[1] ?? match[2] ?? match[3] ?? ''),
    };
  });

function layerOf(file: SourceFile, specifier: string): string {
  const target = relative(join(ROOT, 'src'), join(ROOT, 'src', dirname(file.path), specifier));
  return target.includes('/') ? (target.split('/')[0] ?? '') : '';
}

describe('layers', () => {
  test('every source file lies in a layer, or is an entry', () => {
    expect(SOURCES.filter(({ layer, path }) => !LAYERS.includes(layer) && !ENTRIES.includes(path)).map(({ path }) => path)).toEqual([]);
  });

  test('the check sees imports at all', () => {
    expect(SOURCES.find(({ path }) => path === 'protocol/server/session.ts')?.imports.length).toBeGreaterThan(10);
  });

  test('a file imports from its own layer and from layers to its left, and from nothing else', () => {
    const wrong = SOURCES.filter(({ layer }) => layer !== '').flatMap((file) =>
      file.imports
        .filter((specifier) => !specifier.startsWith('node:'))
        .filter((specifier) => !specifier.startsWith('.') || LAYERS.indexOf(layerOf(file, specifier)) < 0 || LAYERS.indexOf(layerOf(file, specifier)) > LAYERS.indexOf(file.layer))
        .map((specifier) => `${file.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('relative imports end in .ts', () => {
    expect(SOURCES.flatMap(({ path, imports }) => imports.filter((specifier) => specifier.startsWith('.') && !specifier.endsWith('.ts')).map((specifier) => `${path}: ${specifier}`))).toEqual([]);
  });

  test('the server and the client never import each other', () => {
    const side = (path: string): string | undefined => /protocol\/(server|client)\//.exec(path)?.[1];
    const wrong = SOURCES.filter(({ layer, path }) => layer === 'protocol' && side(path) !== undefined).flatMap((file) =>
      file.imports.filter((specifier) => specifier.startsWith('.')).filter((specifier) => {
        const target = side(relative(ROOT, join(ROOT, 'src', dirname(file.path), specifier)));
        return target !== undefined && target !== side(file.path);
      }).map((specifier) => `${file.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('the pure layers name nothing of the machine: no module, no clock, no chance, no global of Node', () => {
    const named = SOURCES.filter(({ layer, path }) => PURE.includes(layer) || path === 'core.ts').flatMap(({ path, text }) =>
      text.split('\n').filter((line) => FORBIDDEN.test(line)).map((line) => `${path}: ${line.trim()}`),
    );
    expect(named).toEqual([]);
  });

  test('core exports nothing of node or cli, and index all of the other entries', () => {
    const imports = (path: string): readonly string[] => SOURCES.find((file) => file.path === path)?.imports ?? [];
    expect(imports('core.ts').filter((specifier) => /^\.\/(?:node|cli)\//.test(specifier))).toEqual([]);
    expect(imports('index.ts')).toEqual(expect.arrayContaining(['./core.ts', './server.ts', './client.ts']));
  });

  test('the server and the client load nothing of each other, of the relay or of a queue', () => {
    expect(loadedBy('server.ts').filter((path) => /^protocol\/client|^relay\/(?:queue|route|scheduler)|^transcript|^node\/(?:client|relay|journal|transfer-agent)\./.test(path))).toEqual([]);
    expect(loadedBy('client.ts').filter((path) => /^protocol\/server|^relay\/(?:queue|scheduler)|^transcript|^node\/(?:listen|journal|transfer-agent)\./.test(path))).toEqual([]);
    expect(loadedBy('index.ts').length).toBeGreaterThan(1.5 * loadedBy('server.ts').length);
  });

  /** The sources that are loaded with an entry; what is imported as a type alone is not. */
  function loadedBy(entry: string): readonly string[] {
    const seen = new Set([entry]);
    for (const path of seen) {
      const text = readFileSync(join(ROOT, 'dist', path.replace(/ts$/, 'js')), 'utf8');
      for (const [, specifier = ''] of text.matchAll(/\b(?:from|import) '(\.[^']+)'/g)) seen.add(join(dirname(path), specifier).replace(/js$/, 'ts'));
    }
    return [...seen];
  }

  test('only entries re-export', () => {
    expect(SOURCES.filter(({ layer, text }) => layer !== '' && /^export (?:\*|\{[^}]*\}) from/m.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test('there is no default export, enum, namespace or ignored error', () => {
    const wrong = /\bexport default\b|^\s*(?:const )?enum |^\s*namespace |@ts-ignore|@ts-nocheck|: any\b|<any>|\bas any\b/m;
    expect(SOURCES.filter(({ text }) => wrong.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test('no file has outgrown one sitting: 420 lines', () => {
    const lengths = SOURCES.map(({ path }) => ({ path, lines: readFileSync(join(ROOT, 'src', path), 'utf8').split('\n').length }));
    expect(lengths.filter(({ lines }) => lines > 420)).toEqual([]);
  });
});

describe('the repository', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, Record<string, string> | undefined>;

  test('has no dependencies, and two development dependencies', () => {
    for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies', 'bundledDependencies']) expect(manifest[kind] ?? {}).toEqual({});
    expect(Object.keys(manifest['devDependencies'] ?? {}).sort()).toEqual(['typescript', 'vitest']);
  });

  test('holds nothing at the top but what belongs there', () => {
    const allowed = ['src', 'test', 'fixtures', 'package.json', 'tsconfig.json', 'vitest.config.ts', 'package-lock.json', 'README.md', 'LICENSE', 'CHANGELOG.md', '.gitignore', '.ci'];
    const made = ['.git', 'node_modules', 'dist', 'queue', 'Maildir', 'ehlo-0.1.0.tgz', 'try.mjs', 'files']; // by git, npm, the compiler, and who types what the README says
    expect(readdirSync(ROOT).filter((entry) => !allowed.includes(entry) && !made.includes(entry))).toEqual([]);
    expect(allowed.filter((entry) => !readdirSync(ROOT).includes(entry))).toEqual([]);
  });
});

test('the types of the package name no module of Node\'s, which those who use it may have no types of', () => {
  const dist = join(ROOT, 'dist');
  const seen = new Map<string, string>();
  const waiting = ['index.d.ts'];
  for (let path; (path = waiting.pop()) !== undefined; ) {
    if (seen.has(path)) continue;
    const text = readFileSync(join(dist, path), 'utf8');
    seen.set(path, text);
    for (const [, specifier = ''] of text.matchAll(/\bfrom ['"](\.[^'"]+)['"]/g)) waiting.push(join(dirname(path), specifier).replace(/\.[jt]s$/, '.d.ts'));
  }
  expect(seen.size).toBeGreaterThan(50);
  expect([...seen].filter(([, text]) => /['"]node:/.test(text)).map(([path]) => `${path}: mark what needs it @internal, or describe it`)).toEqual([]);
});

describe('the heap of who only receives mail', () => {
  test('holds no comments: V8 keeps the text of each module, and those who read have the sources', () => {
    const built = SOURCES.map(({ path }) => path.replace(/ts$/, 'js')); // what an older build has left is nobody's
    expect(built.filter((path) => /^\s*(?:\/\/ |\/\*)/m.test(readFileSync(join(ROOT, 'dist', path), 'utf8')))).toEqual([]);
  });

  test('holds nothing of TLS, hashes, compression or the DNS, and of the process not all that it has (node/on-demand.ts)', () => {
    const program = `import { accept, listen } from './dist/index.js';
      const server = await listen({ port: 0, hostname: 'mx.example' }, { message: () => accept() });
      const dear = ['tls', '_tls_wrap', 'crypto', 'zlib', 'dns/promises', 'v8', 'internal/process/report'];
      console.log(dear.filter((name) => process.moduleLoadList.includes('NativeModule ' + name)).join() || 'none');
      await server.close(0);`;
    expect(execFileSync(String(process.argv[0]), ['--input-type=module', '--eval', program.replace('./dist', join(ROOT, 'dist'))], { encoding: 'utf8' })).toBe('none\n');
  });
});

describe('test/node.d.ts', () => {
  test('stands alone: src declares no module, which @types/node would declare too where src is copied', () => {
    expect(filesBelow(join(ROOT, 'src')).filter((file) => file.endsWith('.d.ts') || /^declare (?:module|global)/m.test(readFileSync(file, 'utf8')))).toEqual([]);
  });

  test('declares only what the running Node has', async () => {
    const text = readFileSync(join(ROOT, 'test/node.d.ts'), 'utf8');
    const missing: string[] = [];
    for (const [, name = '', body = ''] of text.matchAll(/declare module '(node:[^']+)' \{([\s\S]*?)\n\}/g)) {
      const module = (await import(name)) as Record<string, unknown>;
      for (const [, declared = ''] of body.matchAll(/^ {2}export (?:function|class|const) (\w+)/gm)) if (!(declared in module)) missing.push(`${name} ${declared}`);
    }
    expect(missing).toEqual([]);
    expect([...text.matchAll(/declare module/g)].length).toBeGreaterThan(8);
  });

  test('has no globals, so that the pure layers cannot name any', () => {
    const text = readFileSync(join(ROOT, 'test/node.d.ts'), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect([...text.matchAll(/^(?:declare (?!module )\w+|interface|type|export)\b.*$/gm)].map(([line]) => line)).toEqual([]);
  });
});
