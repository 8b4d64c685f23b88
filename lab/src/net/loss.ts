/** The softmax cross-entropy, and what is recognised. */

/** Return the mean cross-entropy of logits, count × classes, and write its gradient. */
export function crossEntropy(logits: Float32Array, labels: Uint8Array, classes: number, gradient: Float32Array): number {
  const count = labels.length;
  let loss = 0;
  for (let example = 0, start = 0; example < count; example++, start += classes) {
    const top = largest(logits, start, classes);
    let total = 0;
    for (let i = start; i < start + classes; i++) total += Math.exp(logits[i] - logits[top]);
    for (let i = start; i < start + classes; i++) {
      gradient[i] = Math.exp(logits[i] - logits[top]) / total / count;
    }
    gradient[start + labels[example]] -= 1 / count;
    loss += Math.log(total) + logits[top] - logits[start + labels[example]];
  }
  return loss / count;
}

/** Return the share of examples whose largest logit is that of their label. */
export function shareRight(logits: Float32Array, labels: Uint8Array, classes: number): number {
  let right = 0;
  for (let example = 0, start = 0; example < labels.length; example++, start += classes) {
    if (largest(logits, start, classes) === start + labels[example]) right++;
  }
  return right / labels.length;
}

/** Return where the largest logit of an example lies; of equal ones, the first. */
function largest(logits: Float32Array, start: number, classes: number): number {
  let top = start;
  for (let i = start + 1; i < start + classes; i++) if (logits[i] > logits[top]) top = i;
  return top;
}
