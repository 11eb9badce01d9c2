// KubeletConfiguration (kubelet.config.k8s.io/v1beta1) as of Kubernetes 1.35: every field with its default and its flag. Durations are in
// milliseconds. A field either acts, or is `fixed` and refused by name where a file asks for something else: whoever makes it act gives it a type of its own here.
import { CLUSTER_DOMAIN, CLUSTER_IP_DNS, PORT_KUBELET } from '../../src/kinds/wellknown.js';
import { address, bool, duration, fixed, group, int, list, listOf, map, oneOf, quantity, text, type ValueOf } from './field.js';
import { taints } from './taint-field.js';

/** Port 10250, and who may ask what there. */
const serving = {
  enableServer: bool(true, { about: 'whether anything is served on that port' }),
  address: address('0.0.0.0', { about: 'where the kubelet listens' }),
  port: int(PORT_KUBELET, { min: 1, max: 65535, zeroIsUnset: true, about: 'where the kubelet listens' }),
  readOnlyPort: int(0, { max: 65535, about: 'where what the node shows of itself is served to anybody; 0: nowhere' }),
  healthzPort: int(10248, { max: 65535, about: 'where /healthz is served without a certificate; 0: nowhere' }),
  healthzBindAddress: address('127.0.0.1', { about: 'on which address' }),
  tlsCertFile: text('', { about: "the kubelet's serving certificate, instead of one of the cluster's" }),
  tlsPrivateKeyFile: text('', { about: 'its key' }),
  tlsCipherSuites: list([], { about: 'ciphers up to TLS 1.2, by their IANA names' }),
  tlsMinVersion: oneOf(['VersionTLS10', 'VersionTLS11', 'VersionTLS12', 'VersionTLS13'], 'VersionTLS12', { about: 'the least TLS' }),
  rotateCertificates: fixed(true, false),
  serverTLSBootstrap: { ...fixed(true, false), flag: '--rotate-server-certificates' },
  authentication: group({
    x509: group({
      clientCAFile: text('', { flag: '--client-ca-file', about: "a CA besides the cluster's that clients' certificates come from" }),
    }),
    webhook: group({
      enabled: bool(true, { flag: '--authentication-token-webhook', about: 'whether the API server is asked about tokens' }),
      cacheTTL: duration(120_000, { flag: '--authentication-token-webhook-cache-ttl', about: 'how long its answer is kept' }),
    }),
    anonymous: group({ enabled: bool(false, { flag: '--anonymous-auth', about: 'whether requests without a name are looked at' }) }),
  }),
  authorization: group({
    mode: oneOf(['Webhook', 'AlwaysAllow'], 'Webhook', {
      flag: '--authorization-mode',
      about: 'Webhook: the API server is asked who may what',
    }),
    webhook: group({
      cacheAuthorizedTTL: duration(300_000, { flag: '--authorization-webhook-cache-authorized-ttl', about: 'how long a yes is kept' }),
      cacheUnauthorizedTTL: duration(30_000, { flag: '--authorization-webhook-cache-unauthorized-ttl', about: 'how long a no is kept' }),
    }),
  }),
  enableDebuggingHandlers: fixed(true),
  enableSystemLogHandler: bool(true, { flag: null }),
  enableSystemLogQuery: fixed(false),
  enableProfilingHandler: fixed(false),
  enableDebugFlagsHandler: fixed(false),
  enableContentionProfiling: fixed(false),
  showHiddenMetricsForVersion: fixed(''),
  streamingConnectionIdleTimeout: duration(4 * 3600_000, { about: 'how long exec, attach and port-forward may say nothing' }),
};

/** The Node object, and how often it is looked at. */
const nodeObject = {
  registerNode: fixed(true),
  registerWithTaints: taints('taints that the node has from its first moment, such as key=value:NoSchedule'),
  providerID: fixed(''),
  maxPods: int(110, { zeroIsUnset: true, about: 'how many pods this node takes' }),
  podsPerCore: fixed(0),
  nodeStatusUpdateFrequency: duration(10_000, { about: 'how often the node looks at itself' }),
  nodeStatusReportFrequency: duration(300_000, { flag: null }),
  nodeStatusMaxImages: int(50, { min: -1, about: "how many images the node's status lists; -1: all" }),
  nodeLeaseDurationSeconds: int(40, { min: 1, zeroIsUnset: true, flag: null }),
  enableControllerAttachDetach: fixed(true),
  shutdownGracePeriod: duration(0, { flag: null }),
  shutdownGracePeriodCriticalPods: duration(0, { flag: null }),
  shutdownGracePeriodByPodPriority: {
    ...listOf(group({ priority: int(0, { min: -(2 ** 31) }), shutdownGracePeriodSeconds: int(0) })),
    flag: null,
  },
};

/** What a pod gets, whatever its spec says. */
const podDefaults = {
  staticPodPath: text('', { flag: '--pod-manifest-path', about: "folder of static pods' manifests, or one such file" }),
  staticPodURL: { ...fixed(''), flag: '--manifest-url' },
  staticPodURLHeader: { ...fixed({}), flag: '--manifest-url-header' },
  fileCheckFrequency: duration(20_000, { flag: '--file-check-frequency', about: 'how long a manifest can go unnoticed' }),
  httpCheckFrequency: fixed('20s'),
  syncFrequency: duration(60_000, { about: 'how long a change can go unnoticed where its event was lost' }),
  clusterDomain: text(CLUSTER_DOMAIN, { about: 'the domain of Services' }),
  clusterDNS: list([CLUSTER_IP_DNS], { each: address(''), about: "the name server in pods' resolv.conf" }),
  resolvConf: text('', { about: "the node's resolv.conf, which pods' are made from" }),
  podCIDR: { ...fixed(''), flag: '--pod-cidr' },
  hairpinMode: fixed('hairpin-veth', 'promiscuous-bridge', 'none'),
  seccompDefault: bool(false, { about: "whether pods that name no seccomp profile get the engine's own, rather than none" }),
  allowedUnsafeSysctls: list([], { about: 'kernel settings that pods may ask for besides the safe ones, such as kernel.msg*' }),
  crashLoopBackOff: group({ maxContainerRestartPeriod: { ...fixed('5m0s', '300s', '5m'), flag: null } }),
  configMapAndSecretChangeDetectionStrategy: { ...fixed('Watch', 'Cache', 'Get'), flag: null },
  userNamespaces: { ...fixed({}), flag: null },
  volumePluginDir: fixed('/usr/libexec/kubernetes/kubelet-plugins/volume/exec/', ''),
  volumeStatsAggPeriod: duration(60_000, { about: 'how long a look at what files take is kept' }),
};

/** Pulls, what images may take of the disk, and containers' logs. */
const imagesAndLogs = {
  registryPullQPS: int(5, { flag: '--registry-qps', about: 'pulls that may begin in a second; 0: any number' }),
  registryBurst: int(10, { min: 1, zeroIsUnset: true, about: 'pulls that may begin at once' }),
  // Upstream's is true, so that a registry that hangs holds up pods that have nothing to do with it.
  serializeImagePulls: bool(false, { about: 'whether one image is pulled after the other' }),
  maxParallelImagePulls: int(0, { flag: null }),
  imagePullCredentialsVerificationPolicy: oneOf(
    ['NeverVerifyPreloadedImages', 'NeverVerify', 'NeverVerifyAllowlistedImages', 'AlwaysVerify'],
    'NeverVerifyPreloadedImages',
    { flag: null },
  ),
  preloadedImagesVerificationAllowlist: list([], { flag: null }),
  imageMinimumGCAge: duration(120_000, { flag: '--minimum-image-ttl-duration', about: 'how young an unused image is kept' }),
  imageMaximumGCAge: duration(0, { flag: null }),
  imageGCHighThresholdPercent: int(85, { max: 100, flag: '--image-gc-high-threshold', about: 'how full a disk may be before images go' }),
  imageGCLowThresholdPercent: int(80, { max: 100, flag: '--image-gc-low-threshold', about: 'how full it is afterwards' }),
  containerLogMaxSize: quantity('10Mi', { about: "how large a container's log grows before it is rotated" }),
  containerLogMaxFiles: int(5, { min: 2, zeroIsUnset: true, about: "how many files a container's log has at most" }),
  containerLogMaxWorkers: { ...fixed(1), flag: null },
  containerLogMonitorInterval: { ...fixed('10s'), flag: null },
  podLogsDir: text('/var/log/pods', { about: "where links to containers' logs are made" }),
};

/** Upstream's. Setting any replaces them all. */
const EVICTION_HARD = {
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
};

/** What the node keeps for itself, and what it does when that runs short. */
const reserves = {
  evictionHard: map(EVICTION_HARD, { separator: '<', about: 'what of memory, disk and process IDs is kept free by ending pods' }),
  evictionSoft: map({}, { separator: '<', about: 'the same, where it lasts' }),
  evictionSoftGracePeriod: map({}, { about: 'how long it has to last' }),
  evictionPressureTransitionPeriod: duration(300_000, { about: 'how long a node keeps its pressure conditions' }),
  evictionMaxPodGracePeriod: int(0, { about: 'seconds that a pod has to end where a soft threshold is met' }),
  evictionMinimumReclaim: map({}, { about: 'how much more than the threshold is freed' }),
  mergeDefaultEvictionSettings: { ...fixed(false), flag: null },
  kernelMemcgNotification: { ...fixed(false), flag: '--kernel-memcg-notification' },
  systemReserved: map({}, { about: 'what the machine keeps for its own daemons, such as cpu=100m,memory=200Mi' }),
  kubeReserved: map({}, { about: 'what the machine keeps for the agent and the engine' }),
  systemReservedCgroup: fixed(''),
  kubeReservedCgroup: fixed(''),
  enforceNodeAllocatable: list(['pods'], { each: oneOf(['pods', 'none'], 'pods') }),
  reservedSystemCPUs: { ...fixed(''), flag: '--reserved-cpus' },
  reservedMemory: fixed([] as string[]),
  localStorageCapacityIsolation: fixed(true),
};

const cgroups = {
  cgroupDriver: fixed('cgroupfs', 'systemd'),
  cgroupRoot: text('', { about: "parent of all pods' control groups" }),
  cgroupsPerQOS: { ...fixed(true), flag: '--cgroups-per-qos' },
  kubeletCgroups: fixed(''),
  systemCgroups: fixed(''),
  qosReserved: { ...fixed({}), flag: '--qos-reserved' },
  podPidsLimit: int(-1, { min: -1, zeroIsUnset: true, flag: '--pod-max-pids', about: 'processes in one pod at most; -1: no limit' }),
  cpuCFSQuota: bool(true, { flag: '--cpu-cfs-quota', about: 'whether CPU limits are enforced' }),
  cpuCFSQuotaPeriod: duration(100, { flag: '--cpu-cfs-quota-period', about: 'of CPU limits, from 1ms to 1s' }),
  cpuManagerPolicy: fixed('none'),
  cpuManagerPolicyOptions: fixed({}),
  cpuManagerReconcilePeriod: fixed('10s'),
  memoryManagerPolicy: fixed('None'),
  topologyManagerPolicy: fixed('none'),
  topologyManagerScope: fixed('container'),
  topologyManagerPolicyOptions: fixed({}),
  singleProcessOOMKill: { ...fixed(true, false), flag: null },
  memoryThrottlingFactor: { ...fixed(0.9), flag: null },
  memorySwap: group({ swapBehavior: { ...fixed('NoSwap'), flag: null } }),
  failSwapOn: fixed(false),
  failCgroupV1: fixed(false),
  oomScoreAdj: fixed(-999, 0),
  protectKernelDefaults: fixed(false),
};

/** The agent's own process, and its talk with the API server and the engine. */
const process = {
  eventRecordQPS: { ...fixed(50), flag: '--event-qps' },
  eventBurst: { ...fixed(100), flag: '--event-burst' },
  kubeAPIQPS: { ...fixed(50), flag: '--kube-api-qps' },
  kubeAPIBurst: { ...fixed(100), flag: '--kube-api-burst' },
  contentType: { ...fixed('application/json', 'application/vnd.kubernetes.protobuf'), flag: '--kube-api-content-type' },
  runtimeRequestTimeout: duration(120_000, { about: 'how long the engine has for an answer' }),
  runOnce: { ...fixed(false), flag: '--runonce' },
  maxOpenFiles: fixed(1_000_000),
  makeIPTablesUtilChains: { ...fixed(false), flag: '--make-iptables-util-chains' },
  iptablesMasqueradeBit: fixed(14),
  iptablesDropBit: fixed(15),
  featureGates: fixed({}),
  logging: group({
    format: { ...fixed('json', 'text'), flag: '--logging-format' },
    flushFrequency: { ...fixed('5s', 0), flag: null },
    verbosity: int(0, { max: 10, flag: '-v, --v', about: 'verbosity of the log, 0 to 10' }),
    options: { ...fixed({}), flag: null },
  }),
  tracing: { ...fixed({}), flag: null },
  containerRuntimeEndpoint: fixed(''),
  imageServiceEndpoint: { ...fixed(''), flag: '--image-service-endpoint' },
};

export const kubeletConfiguration = group({
  ...serving,
  ...nodeObject,
  ...podDefaults,
  ...imagesAndLogs,
  ...reserves,
  ...cgroups,
  ...process,
});

/** A node's settings: its configuration file, with flags laid over it and defaults under it. */
export type KubeletSettings = ValueOf<typeof kubeletConfiguration>;
