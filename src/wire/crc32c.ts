// CRC-32C (RFC 4960 appendix B, Castagnoli's polynomial), for the checksum of a PROXY header.

const POLYNOMIAL = 0x82f63b78; // bits reversed

/** Returns the checksum, 0 to 2^32 - 1. Bit by bit: what it is for has some hundred octets, once for each connection. */
export function crc32c(octets: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const octet of octets) {
    remainder ^= octet;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
  }
  return ~remainder >>> 0;
}
