// What the DNS said to one question, as a value: the input of routing. No answer at all is a `failure`.

export type DnsAnswer<Data> =
  | { readonly type: 'records'; readonly records: readonly Data[] } // at least one
  | { readonly type: 'none' } // the name exists, records of this type do not (RFC 2308 §2.2, "NODATA")
  | { readonly type: 'nxdomain' } // the name does not exist, nor any below it (RFC 8020 §2)
  | { readonly type: 'bad-name' } // cannot be asked for
  | { readonly type: 'failure'; readonly reason: string }; // `SERVFAIL`, `timeout`, …: ask again later

export interface MxRecord {
  readonly preference: number;
  readonly exchange: string; // '' or '.' is the null MX (RFC 7505 §3)
}

/** The addresses of one host, in the resolver's order, which is one of preference (RFC 5321 §5.1). */
export interface AddressAnswers {
  readonly A: DnsAnswer<string>;
  readonly AAAA: DnsAnswer<string>;
}

/** Returns the answer that holds these records; an empty list, which resolvers return for an alias without more, is none. */
export function recordsOf<Data>(records: readonly Data[]): DnsAnswer<Data> {
  return records.length === 0 ? { type: 'none' } : { type: 'records', records };
}
