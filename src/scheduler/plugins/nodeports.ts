// NodePorts: no two pods with the same host port on a node.
import { definePlugin, type NodeInfo } from '../define.js';
import { hostPortsOf } from '../resources.js';

const ANY_ADDRESS = '0.0.0.0';

export const nodePorts = definePlugin({
  name: 'NodePorts',
  helpedBy: ['NodeAdd', 'NodeUpdate', 'AssignedPodDelete'],
  filter(pod, node) {
    if (!hostPortsOf(pod).some((wanted) => isTaken(wanted, node))) return undefined;
    return { reasons: ["node(s) didn't have free ports for the requested pod ports"] };
  },
});

/** The address of all collides with each single one. */
function isTaken(wanted: string, { hostPorts }: NodeInfo): boolean {
  if (hostPorts.has(wanted)) return true;
  const [protocol, address, port] = wanted.split('/');
  if (address !== ANY_ADDRESS) return hostPorts.has(`${protocol}/${ANY_ADDRESS}/${port}`);
  return [...hostPorts].some((taken) => taken.startsWith(`${protocol}/`) && taken.endsWith(`/${port}`));
}
