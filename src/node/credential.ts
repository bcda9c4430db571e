// Credentials made, verified and read, with the hashes of node:crypto. The slow ones run on the thread pool.
//
// Choice: scrypt with N = 2^14, r = 8, p = 5, which needs 16 MiB for each password that is being verified, and not the 128 MiB
// of the usual N = 2^17: whoever may try passwords may fill the memory. Choice: 100,000 iterations for SCRAM, where RFC 7677 §4
// asks for 4,096 at least and "a significantly higher value" where it can be had; a client has to do them too.

import { type Credential, formatCredential, parseUser, type ScryptCredential } from '../protocol/sasl/credential.ts';
import type { AuthAnswer, AuthQuestion, DeriveQuestion, Hash, MechanismName } from '../protocol/sasl/exchange.ts';
import { prepare } from '../protocol/sasl/prepare.ts';
import { clientKeys, type Decoy, type DecoyKind, KEY_OCTETS, SALT_OCTETS, scramCredential } from '../protocol/sasl/scram-key.ts';
import { encodeAscii } from '../wire/ascii.ts';
import { checkObject, checkOctets, checkPath, checkText, shown, UsageError } from '../wire/usage.ts';
import { decodeUtf8, encodeUtf8 } from '../wire/utf8.ts';
import type { Signal } from './aborter.ts';
import { errorText } from './error-text.ts';
import { nodeCrypto } from './on-demand.ts';
import { Turnstile } from './turnstile.ts';
import { readWhole } from './whole-read.ts';

// Copied, because a Buffer is not quite a Uint8Array: its `slice` is a view.
export const HASH: Hash = {
  sha256: (octets) => Uint8Array.from(nodeCrypto().createHash('sha256').update(octets).digest()),
  hmacSha256: (key, octets) => Uint8Array.from(nodeCrypto().createHmac('sha256', key).update(octets).digest()),
  hmacMd5: (key, octets) => Uint8Array.from(nodeCrypto().createHmac('md5', key).update(octets).digest()),
};

export const SCHEMES = ['scram-sha-256', 'scrypt'] as const satisfies readonly Credential['type'][];

const SCRAM_ITERATIONS = 100_000;
const SCRYPT_COST = { costLog2: 14, blockSize: 8, parallelization: 5 } as const;

/** Returns a credential with a salt of its own; undefined for a password that SASLprep prohibits, or that is empty. */
export async function makeCredential(scheme: Credential['type'], password: string): Promise<Credential | undefined> {
  const prepared = prepare(password, 'stored');
  if (prepared === undefined) return undefined;
  const salt = Uint8Array.from(nodeCrypto().randomBytes(SALT_OCTETS));
  switch (scheme) {
    case 'scram-sha-256': {
      const salted = await derive({ type: 'derive', password: encodeUtf8(prepared), salt, iterations: SCRAM_ITERATIONS });
      return scramCredential(salted, salt, SCRAM_ITERATIONS, HASH);
    }
    case 'scrypt':
      return { type: 'scrypt', ...SCRYPT_COST, salt, hash: await scryptHash(prepared, { ...SCRYPT_COST, salt }, KEY_OCTETS) };
    default:
      return scheme satisfies never;
  }
}

/** Returns whether the password, which is prepared, is the one that the credential was made of. */
export async function verifyPassword(credential: Credential, password: string): Promise<boolean> {
  switch (credential.type) {
    case 'scram-sha-256': {
      const { salt, iterations, storedKey } = credential;
      const salted = await derive({ type: 'derive', password: encodeUtf8(password), salt, iterations });
      return nodeCrypto().timingSafeEqual(clientKeys(salted, HASH).storedKey, storedKey);
    }
    case 'scrypt':
      return nodeCrypto().timingSafeEqual(await scryptHash(password, credential, credential.hash.length), credential.hash);
    default:
      return credential satisfies never;
  }
}

/** Answers the question of a client that speaks SCRAM. */
export function derive({ password, salt, iterations }: DeriveQuestion): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    nodeCrypto().pbkdf2(password, salt, iterations, KEY_OCTETS, 'sha256', (error, key) => (error === null ? resolve(Uint8Array.from(key)) : reject(error)));
  });
}

function scryptHash(password: string, { costLog2, blockSize: r, parallelization: p, salt }: Omit<ScryptCredential, 'type' | 'hash'>, octets: number): Promise<Uint8Array> {
  const N = 2 ** costLog2;
  const maxmem = 128 * r * (N + p + 2); // what OpenSSL counts, and a block to spare
  return new Promise((resolve, reject) => {
    nodeCrypto().scrypt(encodeUtf8(password), salt, octets, { N, r, p, maxmem }, (error, key) => (error === null ? resolve(Uint8Array.from(key)) : reject(error)));
  });
}

/** Passwords of strangers that this process verifies. One at a time: some eight a second are enough, and SCRAM costs a server nothing. */
const VERIFICATIONS = new Turnstile(1);

/** Octets of a file of users: three hundred thousand of them, and more. */
const LARGEST_FILE = 67_108_864;

/** The users in a file made by `ehlo passwd`: the hook `auth` of a server answers from them. */
export class Users {
  readonly #credentials: ReadonlyMap<string, Credential>;
  /** One of each cost. */
  readonly #costs: readonly Credential[];
  /**
   * For the option `auth` of `listen`. Made of the lines of the first two users: the same in every process that serves the file, after a restart, and
   * when users are added. Not of one: whoever knows his password and is shown his salt knows his line, and could tell decoys from users.
   */
  readonly decoy: Decoy;

  /** Of what is stored of each user's password, by name. */
  constructor(credentials: ReadonlyMap<string, Credential>) {
    if (!(credentials instanceof Map)) throw new UsageError(`Users are made by await Users.read(file), or Users.parse(name, octets), not of ${shown(credentials)}`);
    this.#credentials = credentials;
    const all = [...credentials.values()];
    const made = all.slice(0, 2).map(formatCredential).join(' ');
    this.#costs = distinct(all, costOf);
    const kinds = all.flatMap((credential): readonly DecoyKind[] => (credential.type === 'scram-sha-256' ? [{ iterations: credential.iterations, saltOctets: credential.salt.length }] : []));
    const [kind = { iterations: SCRAM_ITERATIONS }, ...others] = distinct(kinds, ({ iterations, saltOctets }) => `${iterations} ${saltOctets}`);
    this.decoy = { secret: HASH.sha256(encodeAscii(`decoy ${made}`)), ...kind, others };
  }

  /** Reads the file, which has `#` in front of remarks. Throws an Error with one line that names the file and the line at fault. */
  static async read(path: string): Promise<Users> {
    return Users.parse(path, await Users.octets(path));
  }

  /** Reads the file alone, and throws likewise. */
  static async octets(path: string): Promise<Uint8Array> {
    checkPath(path, ['file of users', './users']);
    try {
      return await readWhole(path, LARGEST_FILE);
    } catch (cause) {
      throw new Error(`cannot read the users in ${path}: ${errorText(cause)}`, { cause });
    }
  }

  /** The same of a file that has been read. */
  static parse(path: string, octets: Uint8Array): Users {
    checkOctets(octets);
    const text = decodeUtf8(octets);
    if (text === undefined) throw new Error(`${path}: expected UTF-8`);
    const credentials = new Map<string, Credential>();
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      if (line === '' || line.startsWith('#')) continue;
      const user = parseUser(line);
      if ('fault' in user) throw new Error(`${path}:${index + 1}: expected ${user.expected}`);
      if (credentials.has(user.name)) throw new Error(`${path}:${index + 1}: expected each user once, found ${JSON.stringify(user.name)} again`);
      credentials.set(user.name, user.credential);
    }
    return new Users(credentials);
  }

  /** The mechanisms that some user can use. CRAM-MD5 is not among them, since no password is stored. */
  get mechanisms(): readonly MechanismName[] {
    const scram = [...this.#credentials.values()].some(({ type }) => type === 'scram-sha-256');
    return scram ? ['SCRAM-SHA-256', 'PLAIN', 'LOGIN'] : ['PLAIN', 'LOGIN'];
  }

  /** Who cannot use SCRAM, which is offered because others can: a client that takes the strongest mechanism, and tries no other, has no way in for them. */
  get leftOut(): readonly string[] {
    if (!this.mechanisms.includes('SCRAM-SHA-256')) return [];
    return [...this.#credentials].filter(([, { type }]) => type !== 'scram-sha-256').map(([name]) => name);
  }

  /**
   * Returns the answer. Nobody may act as someone else. `client`: who asks, such as `session.client.address`, one of whose passwords is verified before
   * the turn of the next; `signal`: the answer is of no use any more.
   */
  async answer(question: AuthQuestion, from: { readonly client?: string; readonly signal?: Signal } = {}): Promise<AuthAnswer> {
    checkObject(question, 'answer takes the question that the hook auth is asked');
    checkObject(from, 'client and signal must be in an object');
    const { client = '', signal } = from;
    switch (question.type) {
      case 'password':
        return (await VERIFICATIONS.pass(client, async () => signal?.aborted !== true && (await this.#verify(question.authcid, question.password)))) ? { type: 'yes' } : { type: 'no' };
      case 'credential': {
        const credential = this.#credentials.get(question.authcid);
        return credential?.type === 'scram-sha-256' ? { type: 'credential', credential } : { type: 'no' };
      }
      case 'secret':
      case 'token':
      case 'authority':
        return { type: 'no' };
      default:
        return question satisfies never;
    }
  }

  /**
   * What a password is verified by; undefined: there are no users. That of a name which nobody has is somebody's, always of the same
   * cost: where users have credentials of several, it would tell of most of them if unknown names all took as long as one.
   */
  credentialFor(name: string): Credential | undefined {
    checkText(name, 'credentialFor', 'alice');
    const [octet = 0] = HASH.hmacSha256(this.decoy.secret, encodeUtf8(`cost\0${name}`));
    return this.#credentials.get(name) ?? this.#costs[octet % this.#costs.length];
  }

  /** An unknown user takes as long as some known one. */
  async #verify(name: string, password: string): Promise<boolean> {
    const credential = this.credentialFor(name);
    const right = credential !== undefined && (await verifyPassword(credential, password));
    return right && this.#credentials.has(name);
  }
}

/** What decides how long it takes to verify a password. */
function costOf(credential: Credential): string {
  switch (credential.type) {
    case 'scram-sha-256': return `${credential.iterations}`;
    case 'scrypt': return `${credential.costLog2} ${credential.blockSize} ${credential.parallelization}`;
    default: return credential satisfies never;
  }
}

/** The first item of each key. */
function distinct<Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly Item[] {
  const found = new Map<string, Item>();
  for (const item of items) if (!found.has(keyOf(item))) found.set(keyOf(item), item);
  return [...found.values()];
}
