/** The stream, version 1: docs/stream.md specifies it. */

export { fill, scaleNormal, standardNormal } from "./fill";
export { type Key, keyOf } from "./key";
export type * from "./laws";
