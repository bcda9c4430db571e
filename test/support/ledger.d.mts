export interface Statement {
  readonly id: string;
  readonly level: string;
  readonly actor: string;
  /** `yes`, or `no: ` and the reason. */
  readonly binds: string;
  readonly text: string;
}

export interface Ledger {
  readonly statements: readonly Statement[];
  /** `file:line` of each place that shows it, by id. */
  readonly shown: ReadonlyMap<string, readonly string[]>;
  readonly departures: readonly { readonly id: string; readonly reason: string }[];
  readonly open: readonly string[];
}

export interface Count {
  readonly all: number;
  readonly bind: number;
  readonly shown: number;
  readonly departures: number;
  readonly open: number;
}

export function readLedger(): Ledger;
export function coverage(ledger: Ledger, bySection?: boolean): ReadonlyMap<string, Count>;
export function formatCoverage(counts: ReadonlyMap<string, Count>): string;
