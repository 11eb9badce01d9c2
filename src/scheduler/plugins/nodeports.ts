// NodePorts: no two pods with the same host port on a node.
import { hostPortsOf, isPortTaken } from '../../kinds/core/host-ports.js';
import { definePlugin } from '../define.js';
import { nodePortsHints } from '../event-hints.js';

const REFUSAL = { reasons: ["node(s) didn't have free ports for the requested pod ports"] };

export const nodePorts = definePlugin<readonly string[]>({
  name: 'NodePorts',
  make: () => ({
    events: nodePortsHints,
    signature: (pod) => hostPortsOf(pod).join(),
    preFilter(pod) {
      const state = hostPortsOf(pod);
      return state.length === 0 ? { skip: true } : { state };
    },
    filter: (_, { hostPorts }, wanted) => (wanted.some((port) => isPortTaken(port, hostPorts)) ? REFUSAL : undefined),
  }),
});
