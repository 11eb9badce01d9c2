// A pod network on which no pod runs anything before the policies that there are hold for it.
import { isIPv4 } from '../proxy/net.js';
import type { PodNetwork } from '../runtime/network.js';
import type { Policies } from './policies.js';

/** `policies` is asked at each pod: it is there before the kubelet starts any. */
export function policedNetwork(network: PodNetwork, policies: () => Policies): PodNetwork {
  return {
    notReady: () => network.notReady(),
    whenReady: () => network.whenReady(),
    ips: (sandboxId) => network.ips(sandboxId),
    collectGarbage: (living) => network.collectGarbage(living),
    async setUp(pod) {
      const ips = await network.setUp(pod);
      const ip = ips.find(isIPv4);
      if (ip) await policies().admit(pod, ip);
      return ips;
    },
    async tearDown(sandboxId, netns) {
      policies().release(sandboxId);
      await network.tearDown(sandboxId, netns);
    },
  };
}
