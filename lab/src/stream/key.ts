/** Which stream a part has: a hash of seed and name. */

import { sha256 } from "./sha256";

/** The two 32-bit words that name one stream. */
export interface Key {
  readonly k0: number;
  readonly k1: number;
}

const DOMAIN = "glorot-stream/1\0";

/** Return the key of a part's stream; a seed from 2⁵³ upwards is exact as a bigint alone. */
export function keyOf(seed: number | bigint, name: string): Key {
  const domain = new TextEncoder().encode(DOMAIN);
  const text = new TextEncoder().encode(checkedName(name));
  const message = new Uint8Array(domain.length + 8 + text.length);
  message.set(domain);
  new DataView(message.buffer).setBigUint64(domain.length, checkedSeed(seed), true);
  message.set(text, domain.length + 8);
  const digest = new DataView(sha256(message).buffer);
  return { k0: digest.getUint32(0, true), k1: digest.getUint32(4, true) };
}

function checkedSeed(seed: number | bigint): bigint {
  const isExact = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (!isExact || seed < 0 || seed >= 2n ** 64n) {
    throw new RangeError(
      `seed must be a whole number with 0 <= seed < 2**64, and a bigint from 2**53 upwards, got ${seed}`,
    );
  }
  return BigInt(seed);
}

function checkedName(name: string): string {
  if (/\p{Surrogate}/u.test(name)) {
    throw new RangeError(`name ${JSON.stringify(name)} cannot be written as UTF-8; rename the part`);
  }
  return name;
}
