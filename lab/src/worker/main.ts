/** The worker: it is sent one task, and sends what the listener of `startTask` receives. */

import type { Progress } from "../net/types";
import { takeTurns, type Task } from "./turns";

/** What a worker sends. */
export interface Report {
  readonly number: number;
  readonly progress: Progress;
}

addEventListener("message", ({ data }: MessageEvent<Task>) => {
  const turns = takeTurns(data, (number, progress) => postMessage({ number, progress } satisfies Report));
  while (!turns.next().done);
});
