/** The weights of a start: the bits of `glorot.apply` for the parts `layers.0.weight`, `layers.1.weight`, … */

import type { WeightLaw } from "../data/facts";
import { fill, keyOf, scaleNormal, standardNormal } from "../stream";
import { checkLaw } from "../stream/checks";
import { haar } from "./orthogonal";

/** What is drawn once for a seed, and scaled as often as a slider moves. */
interface Drawn {
  readonly normals: Float32Array;
  orthogonal?: Float32Array;
}

/** Draws weights, and keeps the standard normal numbers of the last seed. */
export class Drawer {
  private readonly drawn = new Map<string, Drawn>();
  private seed = -1;

  /** Write the weights of one part, rows × columns. */
  draw(seed: number, name: string, law: WeightLaw, rows: number, columns: number, out: Float32Array): void {
    if (law.law === "normal") {
      checkLaw(law);
      scaleNormal(this.drawnOf(seed, name, out.length).normals, law.mean, law.std, out);
    } else if (law.law === "orthogonal") {
      const drawn = this.drawnOf(seed, name, out.length);
      drawn.orthogonal ??= haar(drawn.normals, rows, columns);
      for (let i = 0; i < out.length; i++) out[i] = law.gain * drawn.orthogonal[i];
    } else {
      out.set(fill(keyOf(seed, name), law, out.length));
    }
  }

  private drawnOf(seed: number, name: string, count: number): Drawn {
    if (seed !== this.seed) this.drawn.clear();
    this.seed = seed;
    const known = this.drawn.get(name);
    if (known !== undefined) return known;
    const fresh: Drawn = { normals: standardNormal(keyOf(seed, name), count) };
    this.drawn.set(name, fresh);
    return fresh;
  }
}
