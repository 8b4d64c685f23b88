/** Pictures that are painted: sharp on every screen, in the colours of the page, and painted only while seen. */

import { h } from "./dom";

/** A canvas that has been made ready: a unit is 1/16 of the letters' size, so that pictures grow with the text. */
export interface Board {
  readonly pen: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  /** Return a colour of the page by its name. */
  color(name: string): string;
}

/** A part of a board. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const FONT = 'Arial, Helvetica, "Liberation Sans", sans-serif';

/** A picture whose height depends on its width, and that is painted again when the width or the colours change. */
export class Picture {
  readonly element: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private width = 0;
  private isSeen = false;
  private isStale = true;
  private isAsked = false;
  private readonly paint: (board: Board) => void;
  private readonly heightOf: (width: number) => number;

  constructor(paint: (board: Board) => void, heightOf: (width: number) => number, label: string) {
    this.paint = paint;
    this.heightOf = heightOf;
    this.canvas = h("canvas", { role: "img", "aria-label": label });
    this.element = h("div", { class: "picture" }, this.canvas);
    new ResizeObserver(([{ contentRect }]) => {
      this.width = Math.round(contentRect.width);
      this.refresh();
    }).observe(this.element);
    new IntersectionObserver((entries) => {
      this.isSeen = entries.some((entry) => entry.isIntersecting);
      if (this.isSeen && this.isStale) this.refresh();
    }, { rootMargin: "200px" }).observe(this.element);
    darkness.addEventListener("change", () => this.refresh());
  }

  /** Paint with the next frame, once however often it is asked; what is not in sight waits until it is. */
  refresh(): void {
    this.isStale = true;
    if (!this.isSeen || this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.isStale = false;
      const board = this.board();
      if (board.width > 0) this.paint(board);
    });
  }

  /** Say in words what is to be seen. */
  describe(label: string): void {
    this.canvas.setAttribute("aria-label", label);
  }

  /** Call `then` with the place of the pointer on the board, and the width of that. */
  onPointer(then: (place: { x: number; y: number; width: number }) => void): void {
    const tell = ({ offsetX, offsetY }: PointerEvent): void => {
      const zoom = zoomOf();
      then({ x: offsetX / zoom, y: offsetY / zoom, width: this.width / zoom });
    };
    this.canvas.addEventListener("pointermove", tell);
    this.canvas.addEventListener("pointerdown", tell);
  }

  private board(): Board {
    const zoom = zoomOf();
    const width = this.width / zoom; // asking the element would lay out the page once more
    const height = Math.round(this.heightOf(width));
    const density = Math.min(window.devicePixelRatio || 1, 2) * zoom;
    const [across, down] = [Math.round(width * density), Math.round(height * density)];
    if (this.canvas.width !== across || this.canvas.height !== down) {
      this.canvas.width = across;
      this.canvas.height = down;
      this.canvas.style.height = `${height * zoom}px`;
    }
    const pen = this.canvas.getContext("2d");
    if (pen === null) throw new Error("the browser gives no 2d canvas");
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, width, height);
    return { pen, width, height, color: colorOf };
  }
}

/** As style.css has it for wide screens. */
const wideness = window.matchMedia("(min-width: 1700px)");
const WIDE_ZOOM = 1.25;

const darkness = window.matchMedia("(prefers-color-scheme: dark)");
const colors = new Map<string, string>();
darkness.addEventListener("change", () => colors.clear());

function colorOf(name: string): string {
  let color = colors.get(name);
  if (color === undefined) {
    color = getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
    colors.set(name, color);
  }
  return color;
}

/** Return how much larger than 16 pixels the letters of the page are. */
function zoomOf(): number {
  return wideness.matches ? WIDE_ZOOM : 1;
}
