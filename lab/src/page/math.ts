/** Formulas: a line of plain signs, written as MathML. */

const OPERATORS = new Set([..."=+−·×≈→<>≤≥,′|∂∑"]);

/**
 * Return the MathML of a formula.
 *
 * Words and signs stand as they are: `Var(z) = n · Var(w)`. `a_b` and `a^b` set below and above, `{a}/{b}` is a
 * fraction, `√{a}` a root; braces group.
 */
export function math(line: string, display: "inline" | "block" = "inline"): string {
  const parser = new Parser(line);
  return `<math display="${display}"><mrow>${parser.row("")}</mrow></math>`;
}

class Parser {
  private place = 0;
  private readonly tokens: readonly string[];

  constructor(line: string) {
    this.tokens = line.match(/[\d.]+|[A-Za-z]+|[^\s]/gu) ?? [];
  }

  /** Return everything up to a closing token, which is taken too. */
  row(end: string): string {
    let row = "";
    while (this.place < this.tokens.length) {
      if (this.tokens[this.place] === end) {
        this.place++;
        break;
      }
      row += this.scripted();
    }
    return row;
  }

  private scripted(): string {
    let base = this.atom();
    for (;;) {
      const sign = this.tokens[this.place];
      if (sign !== "_" && sign !== "^" && sign !== "/") return base;
      this.place++;
      const other = this.atom();
      const tag = sign === "_" ? "msub" : sign === "^" ? "msup" : "mfrac";
      base = `<${tag}>${base}${other}</${tag}>`;
    }
  }

  private atom(): string {
    const token = this.tokens[this.place++] ?? "";
    if (token === "{") return `<mrow>${this.row("}")}</mrow>`;
    if (token === "√") return `<msqrt>${this.atom()}</msqrt>`;
    if (/^[\d.]/.test(token)) return `<mn>${token}</mn>`;
    if (token === "(" || token === ")") return `<mo stretchy="false">${token}</mo>`;
    if (OPERATORS.has(token)) return `<mo>${token.replace("<", "&lt;").replace(">", "&gt;")}</mo>`;
    return `<mi>${token}</mi>`;
  }
}
