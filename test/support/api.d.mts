export interface PublicName {
  readonly name: string;
  readonly entry: 'ehlo/core' | 'ehlo';
  readonly kind: string;
  readonly sentence: string;
}

export function publicNames(): readonly PublicName[];
export function formatApi(names: readonly PublicName[]): string;
