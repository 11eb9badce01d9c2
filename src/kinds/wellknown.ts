// Upstream's well-known names: namespaces, labels, taints and annotations that more than one component goes by.
export const NAMESPACE_DEFAULT = 'default';
export const NAMESPACE_SYSTEM = 'kube-system';
export const DEFAULT_SCHEDULER_NAME = 'default-scheduler';
export const NAMESPACE_PUBLIC = 'kube-public';
export const NAMESPACE_NODE_LEASE = 'kube-node-lease';

/** Secrets with a token of the account that the annotation names. */
export const TYPE_SERVICE_ACCOUNT_TOKEN = 'kubernetes.io/service-account-token';
export const ANNOTATION_SERVICE_ACCOUNT = 'kubernetes.io/service-account.name';

/** Of Secrets with a token that never expires: the day of its last use, and since when it is not to be used any more. */
export const LABEL_TOKEN_LAST_USED = 'kubernetes.io/legacy-token-last-used';
export const LABEL_TOKEN_INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
/** The ConfigMap that says since when uses of them have been noted. */
export const TOKEN_TRACKING = { namespace: NAMESPACE_SYSTEM, name: 'kube-apiserver-legacy-service-account-token-tracking' } as const;
export const LABEL_HOSTNAME = 'kubernetes.io/hostname';
export const LABEL_OS = 'kubernetes.io/os';
export const LABEL_ARCH = 'kubernetes.io/arch';
export const LABEL_SERVICE_NAME = 'kubernetes.io/service-name';
export const LABEL_ENDPOINTSLICE_MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
/** `true` on Endpoints whose slices somebody else makes. */
export const LABEL_SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';
export const LABEL_POD_TEMPLATE_HASH = 'pod-template-hash';
export const LABEL_METADATA_NAME = 'kubernetes.io/metadata.name';
export const LABEL_REGION = 'topology.kubernetes.io/region';
export const LABEL_ZONE = 'topology.kubernetes.io/zone';

export const TAINT_NOT_READY = 'node.kubernetes.io/not-ready';
export const TAINT_UNREACHABLE = 'node.kubernetes.io/unreachable';
export const TAINT_UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

export const ANNOTATION_LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
export const ANNOTATION_REVISION = 'deployment.kubernetes.io/revision';
/** On the API's image of a static pod. */
export const ANNOTATION_MIRROR_POD = 'kubernetes.io/config.mirror';
export const ANNOTATION_CONFIG_SOURCE = 'kubernetes.io/config.source';
export const ANNOTATION_CHANGE_CAUSE = 'kubernetes.io/change-cause';

/** Of anybody's client certificates; nobody is approved by a controller. */
export const SIGNER_API_CLIENT = 'kubernetes.io/kube-apiserver-client';
export const SIGNER_KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
export const SIGNER_KUBELET_SERVING = 'kubernetes.io/kubelet-serving';

export const USER_ADMIN = 'kubernetes-admin';
export const USER_CONTROLLER_MANAGER = 'system:kube-controller-manager';
export const USER_SCHEDULER = 'system:kube-scheduler';
export const GROUP_MASTERS = 'system:masters';
export const GROUP_NODES = 'system:nodes';
export const GROUP_BOOTSTRAPPERS = 'system:bootstrappers';
export const GROUP_AUTHENTICATED = 'system:authenticated';
export const GROUP_UNAUTHENTICATED = 'system:unauthenticated';
export const USER_ANONYMOUS = 'system:anonymous';
/** A node's user name is this and its name. */
export const USER_NODE_PREFIX = 'system:node:';

export const CLUSTER_DOMAIN = 'cluster.local';
export const POD_CIDR = '10.244.0.0/16';
export const SERVICE_CIDR = '10.96.0.0/12';
export const CLUSTER_IP_API = '10.96.0.1';
export const CLUSTER_IP_DNS = '10.96.0.10';
export const PORT_API = 6443;
export const PORT_ETCD = 2379;
export const PORT_KUBELET = 10250;
/** Where each node's DNS server listens; the Service kube-dns leads to it. */
export const PORT_NODE_DNS = 10053;
/** Its /metrics, /health and /ready: CoreDNS' port for metrics. */
export const PORT_NODE_DNS_METRICS = 9153;
export const NODE_PORT_MIN = 30000;
export const NODE_PORT_MAX = 32767;

/** What a pod that names no ServiceAccount runs as. */
export const SERVICE_ACCOUNT_DEFAULT = 'default';
export const CONFIG_MAP_ROOT_CA = 'kube-root-ca.crt';
export const CONFIG_MAP_CLUSTER_INFO = 'cluster-info';

/** The minor version of the Kubernetes release whose API this is: the one place that names it. */
export const UPSTREAM_MINOR = 35;
/** What clients are told of every component. */
export const GIT_VERSION = `v1.${UPSTREAM_MINOR}.0+porthole`;
