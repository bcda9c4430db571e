// CRC-32 as zlib, PNG and Ethernet have it (ISO 3309): polynomial 0xedb88320 with the bits of each octet reversed.

/** Returns the checksum of the octets, from 0 to 2 ** 32 - 1; `value`: of what goes before them. `zlib.crc32` is one too, and faster. */
export type Checksum = (octets: Uint8Array, value?: number) => number;

const TABLE = Uint32Array.from({ length: 256 }, (_, octet) => {
  let remainder = octet;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

export function crc32(octets: Uint8Array, value = 0): number {
  let sum = ~value;
  for (const octet of octets) sum = (sum >>> 8) ^ (TABLE[(sum ^ octet) & 0xff] ?? 0);
  return ~sum >>> 0;
}
