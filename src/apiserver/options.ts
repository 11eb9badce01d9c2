// What an API server is given and what it offers: the types that the rest of the project wires it up by.
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Exposition } from '../apimachinery/exposition.js';
import type { Logger } from '../apimachinery/logger.js';
import type { Transport } from '../client/client.js';
import type { PodDecider } from '../client/pod-decisions.js';
import type { Backend } from '../etcd/backend.js';

/** Who makes a request: by client certificate CN is the name and each O a group. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: { readonly [key: string]: readonly string[] };
}

/** What service account tokens are signed and checked with; PEM. */
export interface ServiceAccountKeys {
  /** `--service-account-issuer`, which is also what tokens for this server must be meant for. */
  readonly issuer: string;
  readonly privateKey: string;
  readonly publicKeys: readonly string[];
}

/** A part of the control plane that says how it is. */
export interface Component {
  readonly name: string;
  /** Rejects with what is wrong. */
  check(): Promise<void>;
  /** What it tells Prometheus beside the server's own. */
  writeMetrics?(out: Exposition): void;
}

/** What is told of requests, and where. */
export interface AuditOptions {
  /** `--audit-policy-file`: the text of an audit.k8s.io/v1 Policy. */
  readonly policy: string;
  /** `--audit-log-path`; `-` is standard output. */
  readonly path: string;
  /** `--audit-log-maxsize` */
  readonly maxSize_bytes: number;
  /** `--audit-log-maxbackup`; 0: all. */
  readonly maxBackups: number;
  /** `--audit-log-maxage`; 0: for ever. */
  readonly maxAge_ms: number;
}

export interface ApiServerOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** PEM: the serving certificate (chain) and key, and the CA that client certificates are checked against. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string };
  /** Port 0 takes a free one. */
  readonly bind: { readonly address: string; readonly port: number };
  readonly serviceCidr: string;
  readonly nodePorts: { readonly min: number; readonly max: number };
  /** Where nodes and pods reach this server: the endpoint of the Service default/kubernetes. An IP address. */
  readonly advertiseAddress: string;
  /** Of the machine, by which this server is known among others; absent: it is not. */
  readonly hostname?: string;
  /** The port of that endpoint; absent: the port it listens on. */
  readonly advertisePort?: number;
  /** PEM: how this server presents itself to kubelets, and the CA that their serving certificates are signed by. */
  readonly kubeletClient: { readonly cert: string; readonly key: string; readonly ca: string };
  /** PEM: how this server presents itself to aggregated API servers, which know it by its authority. */
  readonly proxyClient?: { readonly cert: string; readonly key: string };
  /** PEM: the authority of front proxies, whose word on who asks is taken; absent: nobody's is. */
  readonly requestHeaderCa?: string;
  /** Absent: no service account tokens are issued or taken. */
  readonly serviceAccounts?: ServiceAccountKeys;
  /** `--max-requests-inflight` and `--max-mutating-requests-inflight`; 0: no limit, absent: upstream's. */
  readonly maxInFlight?: { readonly reads?: number; readonly writes?: number } | undefined;
  /** Absent: no request is told of. */
  readonly audit?: AuditOptions | undefined;
  /** The parts of the control plane besides the store, where they run beside this server; absent: they are asked at their ports. */
  readonly components?: readonly Component[] | undefined;
  /** The scheduler that runs beside this server, once it does; absent: none ever does. */
  readonly scheduler?: (() => PodDecider | undefined) | undefined;
  /** `--default-not-ready-toleration-seconds`; 300 if absent. */
  readonly defaultNotReadyTolerationSeconds?: number;
  /** `--default-unreachable-toleration-seconds`; 300 if absent. */
  readonly defaultUnreachableTolerationSeconds?: number;
  /** `--enable-admission-plugins`: names of plugins that are not on by default. */
  readonly enableAdmissionPlugins?: readonly string[];
  /** `--disable-admission-plugins`: names of plugins that are on by default. */
  readonly disableAdmissionPlugins?: readonly string[];
}

export interface ApiServer {
  /** Serves what definitions in the store bring, to users in the same process; nothing listens. */
  serveDefined(): Promise<void>;
  /** Does that, makes what a cluster must have (namespaces, Services) and listens; resolves once requests are served. */
  listen(): Promise<{ readonly address: string; readonly port: number }>;
  /** Requests of `user` without sockets or encoding, through the same authorization, admission and storage. Usable before `listen`. */
  transport(user: UserInfo): Transport;
  /** What its watch caches hold otherwise than the store, as of the same revision: a line a resource, none where all is well. */
  inconsistencies(): Promise<readonly string[]>;
  /** Stops accepting, ends watches, lets requests under way finish (bounded), and frees the port. The backend stays open. */
  close(): Promise<void>;
}
