// What events tell of a node when it has changed: pure, in upstream's words.
import type { Node, NodeStatus } from '../../src/kinds/types/core_v1.js';

/** What of a node is told. */
export interface NodeTold {
  /** The pressures' reasons, by their types. */
  readonly pressures: ReadonlyMap<string, string>;
  readonly unschedulable: boolean;
  readonly bootId: string;
}

export interface NodeEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export function toldOf(node: Node | undefined, { conditions = [], nodeInfo }: NodeStatus): NodeTold {
  const pressures = conditions.filter(({ type }) => type.endsWith('Pressure'));
  return {
    pressures: new Map(pressures.map(({ type, reason = '' }) => [type, reason])),
    unschedulable: node?.spec.unschedulable === true,
    bootId: nodeInfo?.bootID ?? '',
  };
}

/** An agent that has just begun has told nothing, but the API knows when the machine was booted last. */
export const untold = (status: NodeStatus | undefined): NodeTold => ({
  pressures: new Map(),
  unschedulable: false,
  bootId: status?.nodeInfo?.bootID ?? '',
});

export function nodeEvents(name: string, before: NodeTold, now: NodeTold): readonly NodeEvent[] {
  const became = [...now.pressures].filter(([type, reason]) => before.pressures.get(type) !== reason);
  const states = [
    // The conditions' reasons, but for whose they are: KubeletHasDiskPressure.
    ...became.map(([, reason]) => reason.replace(/^Kubelet/, 'Node')),
    ...(before.unschedulable === now.unschedulable ? [] : [now.unschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable']),
  ];
  const rebooted: NodeEvent = {
    type: 'Warning',
    reason: 'Rebooted',
    message: `Node ${name} has been rebooted, boot id: ${now.bootId}`,
  };
  return [
    ...states.map((reason) => ({ type: 'Normal', reason, message: `Node ${name} status is now: ${reason}` }) as const),
    ...(before.bootId === '' || before.bootId === now.bootId ? [] : [rebooted]),
  ];
}
