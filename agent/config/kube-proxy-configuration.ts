// KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) as of Kubernetes 1.35: every field with its default. A field either acts, or is
// `fixed` and refused by name where a file asks for something else. Durations are in milliseconds.
import { parseCidr } from '../../src/apimachinery/cidr.js';
import type { Json } from '../../src/apimachinery/json.js';
import { POD_CIDR } from '../../src/kinds/wellknown.js';
import { bool, ConfigurationError, duration, type Field, fixed, group, int, list, text, type ValueOf } from './field.js';

/** Of another mode, or of what this proxy shares with the node's agent, which has settings of its own for it. */
const notHere: Field<Json> = { initial: {}, read: (value) => value, write: (value) => value, fromText: (given) => given };

function cidr(initial: string): Field<string> {
  const field = text(initial);
  return {
    ...field,
    read(value, path) {
      const given = field.read(value, path);
      if (parseCidr(given)) return given;
      throw new ConfigurationError(`${path}: must be an IPv4 range such as ${POD_CIDR}, not ${JSON.stringify(value)}`);
    },
  };
}

/** A range, or `primary`: the node's own address and no other. */
const nodePortRange: Field<string> = {
  ...text(),
  read: (value, path) => (value === 'primary' ? value : cidr('').read(value, path)),
};

export const kubeProxyConfiguration = group({
  clusterCIDR: cidr(POD_CIDR),
  nodePortAddresses: list([], { each: nodePortRange }),
  healthzBindAddress: text('0.0.0.0:10256'),
  metricsBindAddress: text('127.0.0.1:10249'),
  iptables: group({
    masqueradeBit: int(14, { max: 31 }),
    masqueradeAll: bool(false),
    localhostNodePorts: bool(true),
    // How often it is looked whether somebody else removed the rules is this node's own affair, and more often.
    syncPeriod: notHere,
    minSyncPeriod: duration(100),
  }),
  mode: fixed('iptables'),
  detectLocalMode: fixed('ClusterCIDR'),
  detectLocal: fixed({}),
  bindAddress: fixed('0.0.0.0'),
  bindAddressHardFail: fixed(false),
  hostnameOverride: fixed(''),
  clientConnection: notHere,
  logging: notHere,
  featureGates: notHere,
  enableProfiling: fixed(false),
  showHiddenMetricsForVersion: fixed(''),
  oomScoreAdj: notHere,
  conntrack: group({
    maxPerCore: int(32_768),
    min: int(131_072),
    tcpEstablishedTimeout: duration(24 * 3600_000),
    tcpCloseWaitTimeout: duration(3600_000),
    tcpBeLiberal: bool(false),
    udpTimeout: duration(0),
    udpStreamTimeout: duration(0),
  }),
  configSyncPeriod: notHere,
  portRange: fixed(''),
  ipvs: notHere,
  nftables: notHere,
  winkernel: notHere,
  windowsRunAsService: fixed(false),
});

export type KubeProxySettings = ValueOf<typeof kubeProxyConfiguration>;
