// ExternalApis: the group versions that other servers serve (API aggregation), as discovery and OpenAPI documents show them.
export interface ExternalApi {
  readonly group: string;
  readonly version: string;
  /** As an APIService has it: groups with higher numbers come first. */
  readonly groupPriorityMinimum: number;
  /** As an APIService has it: of a group, versions with higher numbers come first. */
  readonly versionPriority: number;
  /** The `resources` of aggregated discovery v2, as its server tells them; undefined while it does not answer: shown as stale. */
  readonly resources?: readonly ExternalResource[];
  readonly openApi?: ExternalOpenApi;
}

/** One of aggregated discovery's `resources`; what else its server says of it is passed on. */
export interface ExternalResource {
  readonly resource: string;
  readonly [field: string]: unknown;
}

export interface ExternalOpenApi {
  /** Changes when the document does. */
  readonly hash: string;
  /** The OpenAPI v3 document of this group version, in JSON. */
  document(): Promise<Buffer>;
}

type GroupVersion = Pick<ExternalApi, 'group' | 'version'>;

export class ExternalApis {
  readonly #apis = new Map<string, ExternalApi>();
  readonly #listeners = new Set<() => void>();

  /** Adds, or replaces, what is known of a group version. */
  set(api: ExternalApi): void {
    this.#apis.set(keyOf(api), api);
    this.#changed();
  }

  delete(groupVersion: GroupVersion): void {
    if (this.#apis.delete(keyOf(groupVersion))) this.#changed();
  }

  get(groupVersion: GroupVersion): ExternalApi | undefined {
    return this.#apis.size === 0 ? undefined : this.#apis.get(keyOf(groupVersion));
  }

  all(): IterableIterator<ExternalApi> {
    return this.#apis.values();
  }

  /** Calls back after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

const keyOf = ({ group, version }: GroupVersion) => `${group}/${version}`;
