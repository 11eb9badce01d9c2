// How the parts of the control plane are: those of this process say so themselves, others are asked where they listen on this machine.
import { request } from 'node:https';
import { componentStatuses } from '../../kinds/core/componentstatus.js';
import type { ComponentStatus } from '../../kinds/types/core_v1.js';
import type { ApiServerOptions, Component } from '../options.js';
import type { ResourceExtension } from './extension.js';

/** Whoever does not answer by then is not well. */
const TIMEOUT_MS = 5_000;
/** Upstream's ports, at which the scheduler and the controllers say how they are. */
const ELSEWHERE: readonly Component[] = [
  { name: 'scheduler', check: () => askHealthz(10259) },
  { name: 'controller-manager', check: () => askHealthz(10257) },
];

export function componentHealth({ backend, components = [] }: ApiServerOptions): ResourceExtension<ComponentStatus> {
  const store: Component = {
    name: 'etcd-0',
    async check() {
      await backend.range({ key: '/registry/health', keysOnly: true });
    },
  };
  const parts = ELSEWHERE.map((elsewhere) => components.find(({ name }) => name === elsewhere.name) ?? elsewhere);
  const all = [...parts, store];
  return { kind: componentStatuses, compute: () => Promise.all(all.map(statusOf)) };
}

async function statusOf({ name, check }: Component) {
  const metadata = { name };
  try {
    await check();
    return { metadata, conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { metadata, conditions: [{ type: 'Healthy', status: 'False', message: why }] };
  }
}

/** As upstream, whose components make certificates of their own for this: what counts is that one answers. */
function askHealthz(port: number): Promise<void> {
  const url = `https://127.0.0.1:${port}/healthz`;
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`Get ${JSON.stringify(url)}: ${why}`));
    const outgoing = request(url, { rejectUnauthorized: false, agent: false, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else fail(`status ${response.statusCode}`);
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.once('error', ({ message }) => fail(message));
    outgoing.end();
  });
}
