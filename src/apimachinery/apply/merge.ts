// merge: an applied configuration laid over the live object. Nothing is removed by it; see prune.ts for what an applier dropped.
import type { Json, JsonObject } from '../json.js';
import { granularList, granularMap, itemElement, memberOf } from './shape.js';
import type { ApplyList, ApplyMap, ApplyType } from './type.js';

/** Shares with `live` and `config` what it takes from them whole. Both must have been validated. */
export function merge(type: ApplyType, live: JsonObject, config: JsonObject): JsonObject {
  return mergeValues(type, live, config) as JsonObject;
}

function mergeValues(type: ApplyType, live: Json, config: Json): Json {
  const map = granularMap(type, config) ?? (config === null ? granularMap(type, live) : undefined);
  if (map) return mergeMaps(map, asMap(type, live), config === null ? {} : (config as JsonObject), config);
  const list = granularList(type, config) ?? (config === null ? granularList(type, live) : undefined);
  if (list) return mergeLists(list, asList(type, live), config === null ? [] : (config as readonly Json[]), config);
  return config;
}

const asMap = (type: ApplyType, value: Json): JsonObject => (granularMap(type, value) ? (value as JsonObject) : {});
const asList = (type: ApplyType, value: Json): readonly Json[] => (granularList(type, value) ? (value as readonly Json[]) : []);

/** `asGiven` is what stands for nothing at all: the configuration's own null, `{}` or `[]`. */
function mergeMaps(map: ApplyMap, live: JsonObject, config: JsonObject, asGiven: Json): Json {
  const out: { [name: string]: Json | undefined } = { ...live };
  for (const name of Object.keys(config)) {
    const [old, now] = [live[name], config[name]];
    if (now === undefined) continue;
    out[name] = old === undefined ? now : mergeValues(memberOf(map, name).type, old, now);
  }
  for (const _ in out) return out;
  return asGiven;
}

function mergeLists(list: ApplyList, live: readonly Json[], config: readonly Json[], asGiven: Json): Json {
  if (live.length === 0) return config.length === 0 ? asGiven : config;
  return new ListMerge(list, live, config).run();
}

/** Items of both lists: in the configuration's order where it has a say, those it does not name staying beside their neighbours. */
class ListMerge {
  readonly #live: readonly string[];
  readonly #config: readonly string[];
  /** Undefined for duplicates, which are not merged with anything. */
  readonly #liveItems = new Map<string, Json | undefined>();
  readonly #configItems = new Map<string, Json>();
  readonly #merged = new Set<string>();
  /** Elements of both lists in the configuration's order, from `#next` on those that are still to come. */
  readonly #shared: readonly string[];
  #next = 0;
  readonly #out: Json[] = [];

  constructor(
    private readonly list: ApplyList,
    private readonly live: readonly Json[],
    config: readonly Json[],
  ) {
    this.#live = live.map((item) => itemElement(list, item));
    this.#config = config.map((item) => itemElement(list, item));
    this.#live.forEach((element, i) => {
      this.#liveItems.set(element, this.#liveItems.has(element) ? undefined : live[i]!);
    });
    this.#config.forEach((element, i) => {
      this.#configItems.set(element, config[i]!);
    });
    this.#shared = this.#config.filter((element) => this.#liveItems.has(element));
  }

  run(): Json[] {
    let [i, j] = [0, 0];
    while (i < this.#live.length || j < this.#config.length) {
      const [old, wanted] = [this.#live[i], this.#config[j]];
      if (old !== undefined && wanted !== undefined) {
        if (old === wanted) {
          this.#take(wanted);
          this.#next++;
          i++;
          j++;
          continue;
        }
        const expected = this.#shared[this.#next];
        if (this.#configItems.has(old) && expected !== undefined && expected !== old) {
          // It has another place in the configuration.
          i++;
          continue;
        }
      }
      if (old !== undefined) {
        if (!this.#configItems.has(old)) {
          this.#out.push(this.live[i]!);
          i++;
          continue;
        }
        if (this.#merged.has(old)) i++;
      }
      if (wanted !== undefined) {
        this.#take(wanted);
        if (this.#shared[this.#next] === wanted) this.#next++;
        j++;
      }
    }
    return this.#out;
  }

  #take(element: string): void {
    this.#merged.add(element);
    const [old, now] = [this.#liveItems.get(element), this.#configItems.get(element)!];
    this.#out.push(old === undefined ? now : mergeValues(this.list.item, old, now));
  }
}
