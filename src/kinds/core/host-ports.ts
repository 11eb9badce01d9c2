// Ports of a node that pods take for themselves, and where two would collide. Pure.
import type { Container, Pod } from '../types/core_v1.js';
import { isSidecar } from './podutil.js';

const ANY_ADDRESS = '0.0.0.0';

const NONE: readonly string[] = [];
const takesPort = ({ ports }: Container): boolean => ports?.some(({ hostPort }) => hostPort) ?? false;

/** `TCP/0.0.0.0/80` of each host port that a pod takes. */
export function hostPortsOf({ spec }: Pick<Pod, 'spec'>): readonly string[] {
  if (!spec.containers.some(takesPort) && !spec.initContainers?.some(takesPort)) return NONE;
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
  return containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol }) => (hostPort ? [`${protocol ?? 'TCP'}/${hostIP || ANY_ADDRESS}/${hostPort}`] : [])),
  );
}

/** The address of all collides with each single one. */
export function isPortTaken(wanted: string, taken: ReadonlySet<string>): boolean {
  if (taken.has(wanted)) return true;
  const [protocol, address, port] = wanted.split('/');
  if (address !== ANY_ADDRESS) return taken.has(`${protocol}/${ANY_ADDRESS}/${port}`);
  return [...taken].some((one) => one.startsWith(`${protocol}/`) && one.endsWith(`/${port}`));
}
