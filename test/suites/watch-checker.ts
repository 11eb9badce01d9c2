// WatchChecker: follows every resource of a server and holds its streams to what watches promise: order, no gap, no repetition, bookmarks
// that only go forward. It comes again when a stream ends, as a client does, so servers may be killed under it.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../src/apimachinery/object.js';
import { StatusError } from '../../src/apimachinery/status.js';
import type { Transport, WatchEvent } from '../../src/client/client.js';

const RETRY_MS = 200;
/** How long the last events may take once everything is quiet. */
const SETTLE_MS = 15_000;
/** What goes wrong once often goes wrong a thousand times. */
const MAX_PROBLEMS = 50;

interface Discovered {
  readonly resources: readonly { readonly name: string; readonly verbs: readonly string[] }[];
}

export class WatchChecker {
  readonly #followers: readonly Follower[];
  readonly #ended: Promise<unknown>;
  readonly #abort = new AbortController();

  private constructor(transport: Transport, paths: readonly string[]) {
    // A watch of each resource listens to it.
    setMaxListeners(0, this.#abort.signal);
    this.#followers = paths.map((path) => new Follower(transport, path, this.#abort.signal));
    this.#ended = Promise.all(this.#followers.map((follower) => follower.run()));
  }

  /** Follows whatever is served by now. */
  static async start(transport: Transport): Promise<WatchChecker> {
    const checker = new WatchChecker(transport, await watchablePaths(transport));
    await Promise.all(checker.#followers.map((follower) => follower.following));
    return checker;
  }

  /** How many events have been seen. */
  get events(): number {
    return this.#followers.reduce((sum, { events }) => sum + events, 0);
  }

  /** Waits until everything has been seen, and says what was wrong. A server that is gone for good leaves only what was seen before. */
  async stop(): Promise<readonly string[]> {
    await Promise.all(this.#followers.map((follower) => follower.settle()));
    this.#abort.abort();
    await this.#ended;
    return this.#followers.flatMap(({ problems }) => problems);
  }
}

async function watchablePaths(transport: Transport): Promise<string[]> {
  const get = (path: string) => transport.request({ method: 'GET', path, query: new URLSearchParams() });
  const { groups } = (await get('/apis')) as { groups: { versions: { groupVersion: string }[] }[] };
  const roots = ['/api/v1', ...groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`))];
  const lists = await Promise.all(roots.map(async (root) => ({ root, list: (await get(root)) as Discovered })));
  return lists.flatMap(({ root, list }) =>
    list.resources.filter(({ verbs }) => verbs.includes('watch') && verbs.includes('list')).map(({ name }) => `${root}/${name}`),
  );
}

export class Follower {
  readonly problems: string[] = [];
  readonly following: Promise<void>;
  events = 0;
  #onFollowing!: () => void;
  /** The versions of all objects, by namespace and name, as the stream has told them. */
  #objects = new Map<string, string>();
  /** Everything up to it has been told. */
  #last = 0;

  constructor(
    private readonly transport: Transport,
    private readonly path: string,
    private readonly signal: AbortSignal,
  ) {
    this.following = new Promise((resolve) => {
      this.#onFollowing = resolve;
    });
  }

  async run(): Promise<void> {
    for (let listed = false; !this.signal.aborted; ) {
      try {
        if (!listed) await this.#begin();
        listed = true;
        this.#onFollowing();
        await this.#watch();
      } catch (error) {
        if (this.signal.aborted) break;
        if (!(error instanceof StatusError)) throw error;
        // Forgotten, which is no fault; or no longer served.
        if (error.code === 410) listed = false;
        else if (error.code === 404) break;
        else await sleep(RETRY_MS);
      }
    }
    this.#onFollowing();
  }

  /** Until what the stream has told is what a list shows. */
  async settle(): Promise<void> {
    let difference: string | undefined;
    for (const end = performance.now() + SETTLE_MS; performance.now() < end; await sleep(RETRY_MS)) {
      try {
        const { objects } = await this.#list();
        difference = this.#differenceTo(objects);
        if (!difference) return;
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        if (error.code === 404) return;
        difference = undefined;
      }
    }
    if (difference) this.#problem(`lost: ${difference}`);
  }

  async #begin(): Promise<void> {
    const { objects, revision } = await this.#list();
    if (revision < this.#last) this.#problem(`a list of ${revision} after ${this.#last} was told`);
    this.#objects = objects;
    this.#last = revision;
  }

  async #list(): Promise<{ objects: Map<string, string>; revision: number }> {
    const answer = await this.transport.request({ method: 'GET', path: this.path, query: new URLSearchParams() });
    const { metadata, items } = answer as { metadata: { resourceVersion: string }; items: KubeObject[] };
    return {
      objects: new Map(items.map((item) => [keyOf(item), item.metadata.resourceVersion])),
      revision: Number(metadata.resourceVersion),
    };
  }

  async #watch(): Promise<void> {
    const query = new URLSearchParams({ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: String(this.#last) });
    for await (const event of this.transport.watch({ method: 'GET', path: this.path, query }, this.signal)) this.#check(event);
  }

  #check({ type, object }: WatchEvent<KubeObject>): void {
    const revision = Number(object.metadata.resourceVersion);
    if (type === 'BOOKMARK') {
      if (revision < this.#last) this.#problem(`a bookmark of ${revision} after ${this.#last} was told`);
      this.#last = Math.max(this.#last, revision);
      return;
    }
    this.events++;
    const key = keyOf(object);
    const what = `${type} ${key} of ${revision}`;
    if (!(revision > this.#last)) this.#problem(`${what} after ${this.#last} was told`);
    if (type === 'ADDED' && this.#objects.has(key)) this.#problem(`${what}, which was there already`);
    if (type !== 'ADDED' && !this.#objects.has(key)) this.#problem(`${what}, which was not there`);
    if (type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, object.metadata.resourceVersion);
    this.#last = Math.max(this.#last, revision);
  }

  #differenceTo(objects: ReadonlyMap<string, string>): string | undefined {
    for (const [key, version] of objects) if (this.#objects.get(key) !== version) return `${key} of ${version}`;
    for (const key of this.#objects.keys()) if (!objects.has(key)) return `that ${key} is gone`;
    return undefined;
  }

  #problem(what: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(`${this.path}: ${what}`);
  }
}

const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace ?? ''}/${metadata.name}`;
