/** How numbers are written: few digits, a true minus sign, and powers of ten where they help. */

/** Return a number in about `digits` significant digits: 0.63, 57.7, 3×10⁻⁵. */
export function written(value: number, digits = 2): string {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 0.001 && size < 10_000) {
    const rounded = Number(size.toPrecision(digits));
    return sign(value) + (rounded >= 10 ** digits ? String(Math.round(size)) : String(rounded));
  }
  const [front, power] = size.toExponential(digits - 1).split("e");
  return `${sign(value)}${Number(front)}×10${raised(Number(power))}`;
}

/** Return a short form of the same for narrow places: .63, 58, 3.1e−5. */
export function brief(value: number): string {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : "∞";
  const size = Math.abs(value);
  if (size < 0.01 || size >= 1000) return size.toExponential(1).replace(".0e", "e").replace("e+", "e").replace("-", "−");
  return Number(size.toPrecision(2)).toString().replace(/^0\./, ".");
}

/** Return a share in whole per cent. */
export function percent(share: number): string {
  return `${Math.round(100 * share)}\u00a0%`;
}

/** Fill the gaps of a text: `{name}` is replaced by the value of that name. */
export function fillIn(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (gap, name: string) => String(values[name] ?? gap));
}

function sign(value: number): string {
  return value < 0 ? "−" : "";
}

function raised(power: number): string {
  return [...String(power)].map((digit) => (digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)])).join("");
}
