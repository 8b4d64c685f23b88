/** Starting trainings from a page that goes on moving meanwhile. */

import type { Report } from "./main";
import { type Listener, takeTurns, type Task } from "./turns";

/** How long a page without a worker may stand still, in milliseconds. */
const SLICE = 12;

/**
 * Train the runs of a task by turns in a worker, and tell the listener where each stands; returns what stops them.
 *
 * The source is that of `main.ts`, bundled, as text: a page that is one file has no address to load a worker from.
 * Where there is no worker, or none without a server, the page trains in slices between its other work.
 */
export function startTask(task: Task, source: string, listener: Listener): () => void {
  return startInWorker(task, source, listener) ?? startInSlices(task, listener);
}

function startInWorker(task: Task, source: string, listener: Listener): (() => void) | null {
  if (typeof Worker === "undefined") return null;
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return listenTo(new Worker(address), task, listener);
  } catch {
    return null; // the browser forbids workers of such addresses
  } finally {
    URL.revokeObjectURL(address);
  }
}

function listenTo(worker: Worker, task: Task, listener: Listener): () => void {
  let stop = () => worker.terminate();
  worker.onmessage = ({ data }: MessageEvent<Report>) => listener(data.number, data.progress);
  worker.onerror = () => {
    stop();
    stop = startInSlices(task, listener);
  };
  worker.postMessage(task);
  return () => stop();
}

function startInSlices(task: Task, listener: Listener): () => void {
  const turns = takeTurns(task, listener);
  let isStopped = false;
  setTimeout(goOn);
  function goOn(): void {
    const end = performance.now() + SLICE;
    while (!isStopped && performance.now() < end) if (turns.next().done) isStopped = true;
    if (!isStopped) setTimeout(goOn);
  }
  return () => {
    isStopped = true;
  };
}
