// Upstream's suggested flow schemas and priority levels: every cluster begins with them, and whoever minds it may change them.
import type { FlowSchemaSpec, PolicyRulesWithSubjects, PriorityLevelConfigurationSpec, Subject } from '../kinds/types/flowcontrol_v1.js';

type Rules = Omit<PolicyRulesWithSubjects, 'subjects'>;

/** Shares, how much of them may be lent, and how many queues a flow of so many hands is spread over. */
const queued = (shares: number, lendable: number, queues: number, handSize = 6): PriorityLevelConfigurationSpec => ({
  type: 'Limited',
  limited: {
    nominalConcurrencyShares: shares,
    lendablePercent: lendable,
    limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
  },
});

export const SUGGESTED_PRIORITY_LEVELS: { readonly [name: string]: PriorityLevelConfigurationSpec } = {
  system: queued(30, 33, 64),
  'node-high': queued(40, 25, 64),
  'leader-election': queued(10, 0, 16, 4),
  'workload-high': queued(40, 50, 128),
  'workload-low': queued(100, 90, 128),
  'global-default': queued(20, 50, 128),
};

const ALL = ['*'];
const EVERYTHING: Rules = {
  resourceRules: [{ verbs: ALL, apiGroups: ALL, resources: ALL, clusterScope: true, namespaces: ALL }],
  nonResourceRules: [{ verbs: ALL, nonResourceURLs: ALL }],
};
const leases = (verbs: readonly string[]) => ({ verbs, apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ALL });
const PROBES: Rules = { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] };
const LEADER_ELECTION: Rules = { resourceRules: [leases(['get', 'create', 'update'])] };
const NODES: Rules = {
  resourceRules: [{ verbs: ALL, apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ALL }, leases(ALL)],
};

const groups = (...names: string[]): Subject[] => names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]): Subject[] => names.map((name) => ({ kind: 'User', user: { name } }));
const EVERYBODY = groups('system:unauthenticated', 'system:authenticated');
const SYSTEM_ACCOUNTS: Subject[] = [{ kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: 'kube-system' } }];
const [CONTROLLER_MANAGER, SCHEDULER] = ['system:kube-controller-manager', 'system:kube-scheduler'];

type Distinguisher = 'ByUser' | 'ByNamespace';

function flow(level: string, precedence: number, by: Distinguisher | undefined, subjects: Subject[], rules = EVERYTHING): FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by && { distinguisherMethod: { type: by } }),
    rules: [{ subjects, ...rules }],
  };
}

export const SUGGESTED_FLOW_SCHEMAS: { readonly [name: string]: FlowSchemaSpec } = {
  probes: flow('exempt', 2, undefined, EVERYBODY, PROBES),
  'system-leader-election': flow(
    'leader-election',
    100,
    'ByUser',
    [...users(CONTROLLER_MANAGER!, SCHEDULER!), ...SYSTEM_ACCOUNTS],
    LEADER_ELECTION,
  ),
  'system-node-high': flow('node-high', 400, 'ByUser', groups('system:nodes'), NODES),
  'system-nodes': flow('system', 500, 'ByUser', groups('system:nodes')),
  'kube-controller-manager': flow('workload-high', 800, 'ByNamespace', users(CONTROLLER_MANAGER!)),
  'kube-scheduler': flow('workload-high', 800, 'ByNamespace', users(SCHEDULER!)),
  'kube-system-service-accounts': flow('workload-high', 900, 'ByNamespace', SYSTEM_ACCOUNTS),
  'service-accounts': flow('workload-low', 9000, 'ByUser', groups('system:serviceaccounts')),
  'global-default': flow('global-default', 9900, 'ByUser', EVERYBODY),
};
