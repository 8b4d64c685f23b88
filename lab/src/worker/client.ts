/** Trainings on the digits of the page. */

import WORKER_SOURCE from "worker-source";
import { DIGITS, FACTS } from "../data/files";
import type { Run } from "../net/types";
import { startTask } from "./start";
import type { Listener } from "./turns";

/** Train runs by turns, and tell the listener where each stands; returns what stops them. */
export function startRuns(runs: readonly Run[], listener: Listener): () => void {
  return startTask({ runs, digits: DIGITS, facts: FACTS }, WORKER_SOURCE, listener);
}
