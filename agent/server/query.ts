// What a request to the kubelet asks for, as Kubernetes' clients write it: query parameters and names in paths.
import { noSuchPath } from '../../src/apimachinery/status.js';

export const flag = (query: URLSearchParams, ...names: readonly string[]) =>
  names.some((name) => ['1', 'true'].includes((query.get(name) ?? '').toLowerCase()));

export interface PodName {
  readonly namespace: string;
  readonly pod: string;
}

export interface ContainerName extends PodName {
  readonly container: string;
}

/** `{namespace}/{pod}/{container}`, or `{namespace}/{pod}/{uid}/{container}` as upstream also takes it. */
export function containerName(parts: readonly string[]): ContainerName {
  const [namespace = '', pod = '', ...rest] = parts.map(decodeURIComponent);
  const container = rest.at(-1) ?? '';
  if (!namespace || !pod || !container || rest.length > 2) throw noSuchPath();
  return { namespace, pod, container };
}

/** `{namespace}/{pod}` or `{namespace}/{pod}/{uid}`. */
export function podName(parts: readonly string[]): PodName {
  const [namespace = '', pod = '', ...rest] = parts.map(decodeURIComponent);
  if (!namespace || !pod || rest.length > 1) throw noSuchPath();
  return { namespace, pod };
}
