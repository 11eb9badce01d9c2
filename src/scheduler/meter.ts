// What the extension points of a profile take, and how often its plugins are asked: of every cycle, and of some of them plugin by plugin.
import type { Clock } from '../apimachinery/clock.js';
import { type Exposition, Histogram, labelText } from '../apimachinery/exposition.js';

/** Upstream's names of extension points and of what they say, as labels have them. */
export type Point =
  | 'PreEnqueue'
  | 'PreFilter'
  | 'Filter'
  | 'PostFilter'
  | 'PreScore'
  | 'Score'
  | 'ScoreExtensionNormalize'
  | 'Reserve'
  | 'Permit'
  | 'PreBind'
  | 'Bind'
  | 'PostBind';
export type Code = 'Success' | 'Skip' | 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Error';

/** A plugin. */
interface Named {
  readonly name: string;
}

/** How often a plugin was asked, by upstream's names of those extension points of which it is told. */
export class Evaluations {
  PreFilter = 0;
  Filter = 0;
  PreScore = 0;
  Score = 0;
}

/** Upstream's buckets. */
const POINT_SECONDS = Array.from({ length: 12 }, (_, i) => 0.0001 * 2 ** i);
const CALL_SECONDS = Array.from({ length: 20 }, (_, i) => new Array(i).fill(1.5).reduce((bound, factor) => bound * factor, 0.00001));
/** One cycle of so many is measured plugin by plugin, as many as upstream's. */
const SAMPLED_EVERY = 10;
/** And of that one no more calls of filters: they are asked of thousands of nodes, and a look at the clock takes longer than most of them. */
const FILTERS_MEASURED_MAX = 16;

/** Values by two names, made where they are not there yet. */
class Table<T> {
  readonly #rows = new Map<string, Map<string, T>>();

  constructor(private readonly make: () => T) {}

  of(row: string, column: string): T {
    let values = this.#rows.get(row);
    if (!values) this.#rows.set(row, (values = new Map()));
    let value = values.get(column);
    if (value === undefined) values.set(column, (value = this.make()));
    return value;
  }

  each(look: (row: string, column: string, value: T) => void): void {
    for (const [row, values] of this.#rows) for (const [column, value] of values) look(row, column, value);
  }
}

export class ProfileMeter {
  /** By extension point and code. */
  readonly #points = new Table(() => new Histogram(POINT_SECONDS));
  /** By extension point and plugin, and then by code. */
  readonly #calls = new Table(() => new Map<Code, Histogram>());
  readonly #evaluations = new Map<Named, Evaluations>();
  #cycles = 0;

  constructor(
    private readonly profile: string,
    private readonly clock: Clock,
  ) {}

  /** For one cycle, which begins now. */
  cycle(): CycleMeter {
    return new CycleMeter(this, this.clock, this.#cycles++ % SAMPLED_EVERY === 0);
  }

  ran(point: Point, code: Code, duration_ms: number): void {
    this.#points.of(point, code).observe(duration_ms / 1000);
  }

  called(point: Point, plugin: string, code: Code, duration_ms: number): void {
    const byCode = this.#calls.of(point, plugin);
    let histogram = byCode.get(code);
    if (!histogram) byCode.set(code, (histogram = new Histogram(CALL_SECONDS)));
    histogram.observe(duration_ms / 1000);
  }

  evaluations(plugin: Named): Evaluations {
    let evaluations = this.#evaluations.get(plugin);
    if (!evaluations) this.#evaluations.set(plugin, (evaluations = new Evaluations()));
    return evaluations;
  }

  writePoints(out: Exposition, name: string): void {
    const { profile } = this;
    this.#points.each((extension_point, status, seconds) => seconds.write(out, name, labelText({ extension_point, profile, status })));
  }

  writeCalls(out: Exposition, name: string): void {
    this.#calls.each((extension_point, plugin, byCode) => {
      for (const [status, seconds] of byCode) seconds.write(out, name, labelText({ extension_point, plugin, status }));
    });
  }

  writeEvaluations(out: Exposition, name: string): void {
    const { profile } = this;
    for (const [{ name: plugin }, evaluations] of this.#evaluations) {
      for (const [extension_point, count] of Object.entries(evaluations)) {
        if (count > 0) out.sample(name, labelText({ extension_point, plugin, profile }), count);
      }
    }
  }
}

/** Goes with one pod through its cycle and its binding. */
export class CycleMeter {
  #since_ms: number;
  #filtersLeft: number;

  constructor(
    private readonly meter: ProfileMeter,
    private readonly clock: Clock,
    private readonly sampled: boolean,
  ) {
    this.#since_ms = clock.monotonic();
    this.#filtersLeft = sampled ? FILTERS_MEASURED_MAX : 0;
  }

  /** What is measured next begins now, not where the last ended. */
  begin(): void {
    this.#since_ms = this.clock.monotonic();
  }

  /** All plugins of the extension point have spoken. */
  ran(point: Point, code: Code = 'Success'): void {
    const now_ms = this.clock.monotonic();
    this.meter.ran(point, code, now_ms - this.#since_ms);
    this.#since_ms = now_ms;
  }

  evaluations(plugin: Named): Evaluations {
    return this.meter.evaluations(plugin);
  }

  /** Whether the next filter is to be called by `call`; others always may. */
  get measuresFilter(): boolean {
    return this.#filtersLeft > 0;
  }

  /** Calls a plugin, and measures that in a cycle that is sampled; what it promises counts with it. */
  call<T>(point: Point, plugin: string, run: () => T, codeOf: (result: T) => Code = success): T {
    if (!this.sampled) return run();
    if (point === 'Filter') this.#filtersLeft--;
    const began_ms = this.clock.monotonic();
    const ended = (code: Code) => this.meter.called(point, plugin, code, this.clock.monotonic() - began_ms);
    try {
      const result = run();
      if (!(result instanceof Promise)) ended(codeOf(result));
      else
        result.then(
          () => ended('Success'),
          () => ended('Error'),
        );
      return result;
    } catch (error) {
      ended('Error');
      throw error;
    }
  }
}

const success = (): Code => 'Success';

/** Of a refusal. */
export const codeOf = ({ unresolvable }: { readonly unresolvable?: boolean }): Code =>
  unresolvable ? 'UnschedulableAndUnresolvable' : 'Unschedulable';
