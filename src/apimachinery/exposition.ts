// Exposition: metrics in Prometheus' text format, and the two things that are measured while requests run: counts and histograms.

export type Labels = { readonly [name: string]: string };

/** Label values are ours or those of kinds that are served; a custom kind's are free text in principle. */
const escaped = (value: string) => value.replaceAll(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));

/** The inside of the braces. */
export const labelText = (labels: Labels) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');

/** Counts observations by upper bounds. */
export class Histogram {
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(private readonly bounds: readonly number[]) {
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.bounds.length && value > this.bounds[i]!) i++;
    this.#counts[i]!++;
    this.#sum += value;
  }

  write(out: Exposition, name: string, labels: string): void {
    const before = labels && `${labels},`;
    let total = 0;
    this.#counts.forEach((count, i) => {
      total += count;
      out.sample(`${name}_bucket`, `${before}le="${i < this.bounds.length ? boundText(this.bounds[i]!) : '+Inf'}"`, total);
    });
    out.sample(`${name}_sum`, labels, this.#sum);
    out.sample(`${name}_count`, labels, total);
  }
}

/** As Go writes it, below 0.0001 with an exponent: queries name bounds by their text. */
const boundText = (bound: number): string =>
  bound > 0 && bound < 1e-4 ? bound.toExponential().replace(/e-(\d)$/, 'e-0$1') : String(bound);

export class Exposition {
  readonly #lines: string[] = [];

  /** Stands before the samples of a metric. */
  metric(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  /** `at_ms`: when it was measured, where that is not now. */
  sample(name: string, labels: string, value: number, at_ms?: number): void {
    this.#lines.push(`${name}${labels && `{${labels}}`} ${value}${at_ms === undefined ? '' : ` ${at_ms}`}`);
  }

  /** A metric with one sample. */
  single(name: string, type: 'counter' | 'gauge', help: string, value: number, labels: Labels = {}): void {
    this.metric(name, type, help);
    this.sample(name, labelText(labels), value);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}
