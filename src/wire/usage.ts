// What is thrown when the embedder misuses an interface. Nothing that a peer sends ever throws: a peer's faults are values.

import { nearWord } from './near-word.ts';
import { isOctets } from './octet.ts';

/** Thrown where the program that uses this one is wrong, never for what a peer does. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Throws UsageError for what is no object, whatever its type promised. */
export function checkObject(value: unknown, wanted = 'options must be an object'): void {
  if (typeof value !== 'object' || value === null) throw new UsageError(`${wanted}, not ${shown(value)}`);
}

/** Throws UsageError for a name that is none of these, and nearly one: a slip, by which nothing would be set. What is like none of them is somebody else's. */
export function checkNames(options: object, names: object): void {
  for (const name of Object.keys(options)) {
    const meant = Object.hasOwn(names, name) ? undefined : nearWord(name, Object.keys(names));
    if (meant !== undefined) throw new UsageError(`there is no option ${name}: did you mean ${meant}?`);
  }
}

/** Throws UsageError for what is no octets, whatever its type promised: text above all. */
export function checkOctets(octets: unknown): void {
  if (!isOctets(octets)) throw new UsageError(`octets are a Uint8Array, not ${kindOf(octets)}`);
}

/** Throws UsageError for what is no text, whatever its type promised. `taker`: the function that takes it, and such a text. */
export function checkText(text: unknown, taker: string, example: string): void {
  if (typeof text !== 'string') throw new UsageError(`${taker} takes text such as ${JSON.stringify(example)}, not ${kindOf(text)}`); // it may be a secret
}

/** Throws UsageError for an option that is to be text. */
export function checkTexts<Name extends string>(options: { readonly [Each in NoInfer<Name>]?: unknown }, names: readonly Name[]): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'string') throw new UsageError(`${name} must be text, not ${shown(value)}`);
  }
}

/** Throws UsageError for an option that is to be a list and is none: one name alone, say. */
export function checkLists<Name extends string>(options: { readonly [Each in NoInfer<Name>]?: unknown }, names: readonly Name[]): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && !Array.isArray(value)) throw new UsageError(`${name} must be a list, not ${shown(value)}`);
  }
}

/** Throws UsageError for an option that counts something and is no number, or below the least that makes sense of it. */
export function checkCounts<Name extends string>(options: { readonly [Each in NoInfer<Name>]?: unknown }, least: Readonly<Record<Name, number>>): void {
  for (const name in least) {
    const value = options[name];
    if (value !== undefined && !(typeof value === 'number' && value >= least[name])) throw new UsageError(`${name} must be a number of at least ${least[name]}, not ${shown(value)}`);
  }
}

/** Throws UsageError for an option that is to be true or false and is neither: what is only like one of them may be taken for the other. */
export function checkFlags<Name extends string>(options: { readonly [Each in NoInfer<Name>]?: unknown }, names: readonly Name[]): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'boolean') throw new UsageError(`${name} must be true or false, not ${shown(value)}`);
  }
}

/** Throws UsageError for what is no path of a file. `what`: how it is called, and what it may look like. */
export function checkPath(value: unknown, what: readonly [name: string, example: string]): void {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) throw new UsageError(`the ${what[0]} must be a path, such as "${what[1]}", not ${shown(value)}`);
}

/** Throws UsageError for an option that is to be called and cannot be: it would be found out when a client is there. */
export function checkFunctions<Name extends string>(options: { readonly [Each in NoInfer<Name>]?: unknown }, names: readonly Name[]): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'function') throw new UsageError(`${name} must be a function, not ${kindOf(value)}`);
  }
}

/** Returns the options without those that are undefined, which would take the place of a default. */
export function given<Options extends object>(options: Options): Partial<Options> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Options>; // the same entries, or fewer
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** Characters of a value that are shown. */
const MOST_SHOWN = 100;

/** As a program would write it, where it has a text at all; JSON knows neither NaN, nor what is longer than its numbers, nor what holds itself. */
export function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return String(value);
  const met = new Set<unknown>();
  const text = JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return `${each}n`;
    if (typeof each !== 'object') return each;
    if (met.has(each)) return undefined;
    met.add(each);
    return each;
  }) ?? typeof value;
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
}
