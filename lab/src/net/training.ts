/** Training: plain gradient descent on the digits, told step by step. */

import type { Facts } from "../data/facts";
import { type Digits, type Examples, sliceOf } from "../data/digits";
import { Net } from "./net";
import type { Progress, Run } from "./types";

/** How often within an epoch it is told where the training stands. */
const REPORTS = 4;

/**
 * Train a net, and yield where it stands: before the first step, some times within an epoch, and at its end.
 *
 * The batches come in the order in which the digits are stored; what is left of an epoch is a smaller batch.
 */
export function* train(run: Run, digits: Digits, facts: Facts): Generator<Progress, void, void> {
  for (const told of trainStepwise(run, digits, facts)) if (told !== null) yield told;
}

/** Train as `train` does, and yield after each step: where the training stands, or null between two reports. */
export function* trainStepwise(run: Run, digits: Digits, facts: Facts): Generator<Progress | null, void, void> {
  checkRun(run);
  const net = new Net(run.shape, facts);
  net.start(run.start);
  const inEpoch = Math.ceil(digits.train.count / run.batch);
  const steps = inEpoch * run.epochs;
  const between = Math.ceil(inEpoch / REPORTS);
  yield { step: 0, steps, ...judge(net, digits.test), diverged: false };
  let losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const from = ((step - 1) % inEpoch) * run.batch;
    const batch = sliceOf(digits.train, from, Math.min(from + run.batch, digits.train.count));
    losses.push(learn(net, batch, run.rate));
    const diverged = !Number.isFinite(losses.at(-1));
    const isTold = diverged || step % inEpoch === 0 || (step % inEpoch) % between === 0;
    yield isTold ? { step, steps, loss: meanOf(losses), accuracy: judge(net, digits.test).accuracy, diverged } : null;
    if (diverged) return;
    if (isTold) losses = [];
  }
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** Take one step, and return the loss before it. */
function learn(net: Net, batch: Examples, rate: number): number {
  net.forward(batch.inputs, batch.count);
  const loss = net.backward(batch.labels);
  net.step(rate);
  return loss;
}

function judge(net: Net, examples: Examples): { loss: number; accuracy: number } {
  net.forward(examples.inputs, examples.count);
  return { loss: net.loss(examples.labels), accuracy: net.accuracy(examples.labels) };
}

function checkRun({ rate, batch, epochs }: Run): void {
  if (!(rate > 0 && rate < Infinity)) throw new RangeError(`rate must be a positive number, got ${rate}`);
  for (const [name, value] of Object.entries({ batch, epochs })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`${name} must be a whole number from 1 upwards, got ${value}`);
    }
  }
}
