/** Trainings side by side, as the worker runs them and as a page without one does. */

import { expect, it } from "vitest";
import { DIGITS, FACTS } from "../../src/data/files";
import { train } from "../../src/net/training";
import type { Progress, Run } from "../../src/net/types";
import { startTask } from "../../src/worker/start";
import { takeTurns, type Task } from "../../src/worker/turns";

function runOf(sigma: number, epochs = 1): Run {
  const sizes = { inputs: 64, width: 16, depth: 2, outputs: 10 };
  const shape = { ...sizes, activation: "tanh", skips: false, norms: false } as const;
  return { shape, start: { rule: "sigma", sigma, seed: 0 }, rate: 0.1, batch: 96, epochs };
}

const RUNS = [runOf(0.01), runOf(0.25, 2), runOf(4)];
const TASK: Task = { runs: RUNS, digits: DIGITS, facts: FACTS };
const ALONE = RUNS.map((run) => [...train(run, DIGITS, FACTS)]);

it("tells of each run what it tells of it alone, and takes one step of each in turn", () => {
  const heard: Progress[][] = RUNS.map(() => []);
  const order: number[] = [];
  const turns = takeTurns(TASK, (number, progress) => {
    heard[number].push(progress);
    order.push(number);
  });
  while (!turns.next().done);
  expect(heard).toEqual(ALONE);
  expect(order.slice(0, 6)).toEqual([0, 1, 2, 0, 1, 2]);
});

it("trains in slices where there is no worker", async () => {
  expect(typeof Worker).toBe("undefined");
  const heard: Progress[][] = RUNS.map(() => []);
  await new Promise<void>((resolve) => {
    startTask(TASK, "", (number, progress) => {
      heard[number].push(progress);
      if (number === 1 && progress.step === progress.steps) resolve();
    });
  });
  expect(heard).toEqual(ALONE);
});

it("is silent once it is stopped", async () => {
  let heard = 0;
  const stop = startTask(TASK, "", () => {
    heard++;
    stop();
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(heard).toBe(1);
});
