// NodePorts: no two pods with the same host port on a node.
import { hostPortsOf, isPortTaken } from '../../kinds/core/host-ports.js';
import { definePlugin } from '../define.js';

export const nodePorts = definePlugin({
  name: 'NodePorts',
  helpedBy: ['NodeAdd', 'NodeUpdate', 'AssignedPodDelete'],
  filter(pod, node) {
    if (!hostPortsOf(pod).some((wanted) => isPortTaken(wanted, node.hostPorts))) return undefined;
    return { reasons: ["node(s) didn't have free ports for the requested pod ports"] };
  },
});
