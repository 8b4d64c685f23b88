/** Colours of the map: what is lost is blue, what has burst is red; what was learned is green. */

import { DEPTHS, SCALES } from "../data/bands";
import { type Area, type Board, FONT } from "../page/canvas";
import { BAND } from "../text";

type Sight = "signal" | "accuracy";
type Tone = readonly [red: number, green: number, blue: number];

/** Powers of ten at which blue and red are full. */
const FULL = 4;

const SCALES_OF_COLOR: Readonly<Record<Sight, readonly Tone[]>> = {
  signal: [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]],
  accuracy: [[247, 247, 247], [190, 225, 205], [102, 194, 164], [35, 139, 100], [0, 68, 50]],
};

/** Paint the cells: to the right the scales, upwards the depths. */
export function paintMap(pen: CanvasRenderingContext2D, values: Float32Array, sight: Sight, frame: Area): void {
  const [wide, tall] = [frame.width / SCALES.length, frame.height / DEPTHS.length];
  for (let row = 0; row < DEPTHS.length; row++) {
    for (let column = 0; column < SCALES.length; column++) {
      pen.fillStyle = toneOf(placeOf(values[row * SCALES.length + column], sight), sight);
      const [x, y] = [frame.x + column * wide, frame.y + frame.height - (row + 1) * tall];
      pen.fillRect(Math.floor(x), Math.floor(y), Math.ceil(wide), Math.ceil(tall));
    }
  }
}

/** Paint what the colours mean. */
export function paintKey({ pen, color }: Board, sight: Sight, frame: Area): void {
  for (let x = 0; x < frame.width; x++) {
    pen.fillStyle = toneOf(x / frame.width, sight);
    pen.fillRect(frame.x + x, frame.y, 1.5, frame.height);
  }
  const { keys } = BAND;
  const words = sight === "signal" ? [keys.low, keys.kept, keys.high] : [keys.none, "", keys.all];
  pen.fillStyle = color("soft");
  pen.font = `12px ${FONT}`;
  pen.textBaseline = "top";
  words.forEach((word, index) => {
    pen.textAlign = (["left", "center", "right"] as const)[index];
    pen.fillText(word, frame.x + (frame.width * index) / 2, frame.y + frame.height + 5);
  });
}

/** Return the place of a value between the two ends of the colours. */
function placeOf(value: number, sight: Sight): number {
  const place = sight === "signal" ? (value / FULL + 1) / 2 : (value - 0.1) / 0.9;
  return Math.min(Math.max(place, 0), 1);
}

function toneOf(place: number, sight: Sight): string {
  const tones = SCALES_OF_COLOR[sight];
  const at = Math.min(place, 0.9999) * (tones.length - 1);
  const [below, above] = [tones[Math.floor(at)], tones[Math.floor(at) + 1]];
  const mixed = below.map((part, index) => Math.round(part + (above[index] - part) * (at % 1)));
  return `rgb(${mixed.join(" ")})`;
}
