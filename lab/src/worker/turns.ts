/** Several trainings by turns, a step each: what the worker does, and a page without one. */

import type { Digits } from "../data/digits";
import type { Facts } from "../data/facts";
import { trainStepwise } from "../net/training";
import type { Progress, Run } from "../net/types";

/** What the trainings are given: the message that a worker starts with. */
export interface Task {
  readonly runs: readonly Run[];
  readonly digits: Digits;
  readonly facts: Facts;
}

/** Receives where the training of a number stands. */
export type Listener = (number: number, progress: Progress) => void;

/** Train all runs, one step of each in turn; yields after every step. */
export function* takeTurns({ runs, digits, facts }: Task, listener: Listener): Generator<void, void, void> {
  const trainings = runs.map((run) => trainStepwise(run, digits, facts));
  const going = new Set(trainings.keys());
  while (going.size > 0) {
    for (const number of going) {
      const { done, value } = trainings[number].next();
      if (done) going.delete(number);
      else if (value !== null) listener(number, value);
      yield;
    }
  }
}
