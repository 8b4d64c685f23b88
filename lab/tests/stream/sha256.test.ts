/** The examples of FIPS 180-4, and every length around the ends of blocks beside node's own digest. */

import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { sha256 } from "../../src/stream/sha256";

function hexOf(message: Uint8Array): string {
  return Buffer.from(sha256(message)).toString("hex");
}

it.each([
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
])("knows the digest of %.60s", (text, digest) => {
  expect(hexOf(new TextEncoder().encode(text))).toBe(digest);
});

it("agrees with node at every length up to three blocks", () => {
  for (let length = 0; length <= 192; length++) {
    const message = Uint8Array.from({ length }, (_, i) => 37 * i + length);
    expect(hexOf(message)).toBe(createHash("sha256").update(message).digest("hex"));
  }
});
