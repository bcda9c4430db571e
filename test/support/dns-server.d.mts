// The types of dns-server.mjs, which is plain JavaScript so that Node can run it by itself.

/** `timeout`: no answer. `NODATA`: the name exists, records of the type do not. */
export type DnsFault = 'timeout' | 'NODATA' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED';

/** What one name has. A fault for a name is the answer to all questions about it. */
export type DnsName =
  | DnsFault
  | {
      readonly MX?: readonly (readonly [preference: number, exchange: string])[] | DnsFault;
      readonly A?: readonly string[] | DnsFault;
      readonly AAAA?: readonly string[] | DnsFault;
      readonly CNAME?: string;
      readonly truncated?: boolean; // over UDP, whatever the size
    };

export type DnsZones = Readonly<Record<string, DnsName>>; // by name, in lower case

export interface DnsQuery {
  readonly name: string;
  readonly type: string;
  readonly transport: 'udp' | 'tcp';
}

export interface DnsServer extends AsyncDisposable {
  readonly address: string; // `127.0.0.1:5353`, as `setServers` takes it
  readonly port: number;
  readonly queries: readonly DnsQuery[]; // all so far
  close(): Promise<void>;
}

/** Starts a server; port 0 is any free one. The zones may be changed while it runs: each question looks at them anew. */
export function startDnsServer(zones: DnsZones, options?: { readonly host?: string; readonly port?: number }): Promise<DnsServer>;
