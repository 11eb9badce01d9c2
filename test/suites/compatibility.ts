// What the tests show of clients: each test of a client's verb tells the reporter, which makes the table of docs/compatibility.md of it.
import type { TestContext } from 'vitest';

export interface Shown {
  readonly client: string;
  readonly version: string;
  readonly verb: string;
  /** `absent`: this version of the client has no such verb. `refused`: by the server, in words that the client shows. */
  readonly result: 'works' | 'refused' | 'absent';
}

declare module 'vitest' {
  interface TaskMeta {
    shown?: readonly Shown[];
  }
}

/** To be called by a test with its own context: it holds if the test passes. */
export function shows({ task }: TestContext, shown: Shown): void {
  task.meta.shown = [...(task.meta.shown ?? []), shown];
}
