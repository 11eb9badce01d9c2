// What runs in a test's node: kube-proxy, network policies, routes and DNS as the agent starts them, fed from standard input (one JSON object a
// line) in the place of an API server. Ends with its input, as it would by kill -9: nothing is cleaned up.
import { createInterface } from 'node:readline';
import { startRoutes } from '../../../agent/cni/routes.js';
import { kubeProxyConfiguration } from '../../../agent/config/kube-proxy-configuration.js';
import { startDns } from '../../../agent/dns/server.js';
import { proxyz } from '../../../agent/glassbox/proxyz.js';
import { startPolicies } from '../../../agent/policy/policies.js';
import { systemExec } from '../../../agent/proxy/exec.js';
import { type Backend, openIptables } from '../../../agent/proxy/iptables.js';
import { startKubeProxy } from '../../../agent/proxy/kube-proxy.js';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import type { Logger } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { services } from '../../../src/kinds/core/service.js';
import type { AnyKind } from '../../../src/kinds/define.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { networkPolicies } from '../../../src/kinds/networking/networkpolicy.js';
import { serviceCidrs } from '../../../src/kinds/networking/servicecidr.js';
import { FakeInformers } from '../../unit/agent/fake-informers.js';

interface Message {
  readonly id: number;
  readonly set?: readonly KubeObject[];
  readonly remove?: { readonly kind: string; readonly key: string };
  readonly synced?: boolean;
  /** Answer when the rules are those of the policies told so far. */
  readonly policies?: boolean;
  /** Answer what /proxyz would, asked so. */
  readonly proxyz?: string;
}

const say = (fields: object, message: string) =>
  console.error(JSON.stringify({ message, ...fields }, (_key, v) => (v instanceof Error ? v.message : v)));
const log: Logger = { debug() {}, info: say, warn: say, error: say, child: () => log };
const kinds = new Map<string, AnyKind>(
  [nodes, services, serviceCidrs, endpointSlices, namespaces, pods, networkPolicies].map((kind) => [kind.kind, kind]),
);

const [nodeName = '', nodeIp = '', backend = '', overlay = '', proxyConfiguration = '{}', xtablesFolder] = process.argv.slice(2);
// Where iptables looks for its matches: a machine that lacks some.
if (xtablesFolder) process.env['XTABLES_LIBDIR'] = xtablesFolder;
const settings = kubeProxyConfiguration.read(JSON.parse(proxyConfiguration), '');
const informers = new FakeInformers({ synced: false });
const common = { informers, nodeName, nodeIp, clock: systemClock, random: systemRandom, log };
const iptables = await openIptables({ exec: systemExec, log, backend: backend as Backend });
const proxy = await startKubeProxy({ ...common, settings, iptables, checkInterval_ms: 300 });
const policies = startPolicies({ ...common, iptables, checkInterval_ms: 300 });
startRoutes({ ...common, overlay: overlay === 'overlay', checkInterval_ms: 300 });
await startDns({ ...common, address: nodeIp, port: 10053, upstreams: [] });
console.log(JSON.stringify({ id: 0 }));

const input = createInterface({ input: process.stdin });
input.on('line', async (line) => {
  const { id, set, remove, synced, policies: settle, proxyz: query } = JSON.parse(line) as Message;
  for (const object of set ?? []) informers.set(kinds.get(object.kind)!, object);
  if (remove) informers.remove(kinds.get(remove.kind)!, remove.key);
  if (synced) {
    informers.setSynced();
    await proxy.whenSynced();
    await policies.whenSynced();
  }
  if (settle) await policies.whenSettled();
  const box = { ...common, proxy, policies, iptables, exec: systemExec, clusterDomain: 'cluster.local', dnsIp: '10.96.0.10' };
  const result = query === undefined ? undefined : await proxyz(box, new URLSearchParams(query));
  console.log(JSON.stringify({ id, result }));
});
input.on('close', () => process.exit(0));
