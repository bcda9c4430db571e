export interface PublicName {
  readonly name: string;
  readonly entries: readonly string[];
  readonly kind: string;
  readonly sentence: string;
  readonly lost: readonly string[];
}

export function publicNames(): readonly PublicName[];
export function unnamedTypes(): readonly (readonly [name: string, types: readonly string[]])[];
export function formatApi(names: readonly PublicName[]): string;
