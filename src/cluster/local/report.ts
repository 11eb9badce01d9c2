// What `up` shows at its end: tables of nodes, pods and answers, and the times of the start.
import Table from 'cli-table3';
import type { Node, Pod } from '../../kinds/types/core_v1.js';
import type { Check } from './demo.js';

/** Milliseconds from the start of the command. */
export interface StartTimes {
  readonly api: number;
  readonly nodesReady: number;
  /** Absent without the demo. */
  readonly app?: number;
  readonly dns?: number;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

export function nodesTable(nodes: readonly Node[]): string {
  return table(
    ['NODE', 'STATUS', 'ADDRESS', 'POD CIDR', 'ENGINE'],
    nodes.map((node) => [
      node.metadata.name ?? '',
      readyStatus(node),
      node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address ?? '',
      node.spec?.podCIDR ?? '',
      node.status?.nodeInfo?.containerRuntimeVersion ?? '',
    ]),
  );
}

function readyStatus(node: Node): string {
  return node.status?.conditions?.find((condition) => condition.type === 'Ready')?.status === 'True' ? 'Ready' : 'NotReady';
}

export function podsTable(pods: readonly Pod[]): string {
  return table(
    ['POD', 'STATUS', 'NODE', 'IP'],
    pods.map((pod) => [pod.metadata.name ?? '', pod.status?.phase ?? '', pod.spec?.nodeName ?? '', pod.status?.podIP ?? '']),
  );
}

export function checksTable(checks: readonly Check[]): string {
  return table(
    ['ASKED', 'URL', 'FROM', 'HTTP'],
    checks.map((check) => [check.what, check.url, check.from, String(check.status)]),
  );
}

/** `command 0.0 s | API answers 1.2 s | ...`: since the command began. */
export function timesLine(times: StartTimes): string {
  const parts = [
    ['API answers', times.api],
    ['nodes Ready', times.nodesReady],
    ['app answers', times.app],
    ['DNS answers', times.dns],
  ] as const;
  const shown = parts.flatMap(([what, ms]) => (ms === undefined ? [] : [`${what} ${seconds(ms)}`]));
  return ['command 0.0 s', ...shown].join(' | ');
}

function table(head: string[], rows: readonly string[][]): string {
  const plain = new Table({ head, style: { head: [], border: [] } });
  plain.push(...rows);
  return plain.toString();
}
