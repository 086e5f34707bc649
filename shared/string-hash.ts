/**
 * MurmurHash3 (x86, 32 bits; Austin Appleby, public domain) over the UTF-16 code units of `text`, two to a block. Equal
 * on every machine, so that all proxies of a mesh send one key to one endpoint. Not for secrets: a client can
 * compute collisions, which here only let it choose its own endpoint.
 *
 * Hot: allocates nothing. Returns an unsigned 32-bit number.
 */
export function hash32(text: string, seed = 0): number {
  const length = text.length;
  const pairs = length & ~1;
  let hash = seed | 0;
  for (let at = 0; at < pairs; at += 2) {
    hash ^= scramble(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  if (pairs < length) hash ^= scramble(text.charCodeAt(pairs));
  return mix32(hash ^ (length * 2));
}

/** The finaliser of MurmurHash3: each bit of the input moves about half of the output's bits. */
export function mix32(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(block: number): number {
  const product = Math.imul(block, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}
