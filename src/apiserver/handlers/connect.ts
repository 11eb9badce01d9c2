// The subresources that others answer: logs are passed on as they come, exec, attach and port-forward as tunnels, proxied requests whole.
import { methodNotAllowed } from '../../apimachinery/status.js';
import type { ApiContext } from '../context.js';
import type { Handler, ResourceRequest, Result } from '../exchange.js';
import { getFromKubelet } from '../http/kubelet-client.js';
import { kubeletTarget } from '../kubelet-target.js';
import { proxyTarget } from '../proxy-target.js';
import { connectOptions } from './connect-options.js';

export function connectHandler(context: ApiContext): Handler {
  return async (request) => {
    const { info, resource } = request;
    const isLog = info.subresource === 'log';
    if (isLog && info.verb !== 'get') throw methodNotAllowed(resource.kind.groupResource, info.verb);
    if (!isLog) await admitConnection(context, request);
    const target = await kubeletTarget(context, request);
    if (!target) return { type: 'bytes', code: 204, contentType: 'text/plain', bytes: Buffer.alloc(0) };
    if (!isLog) return { type: 'tunnel', target };
    const stream = await getFromKubelet(target, context.options.kubeletClient);
    return { type: 'stream', code: 200, contentType: 'text/plain', stream };
  };
}

export function proxyHandler(context: ApiContext): Handler {
  return async (request) => {
    const { exchange, info } = request;
    await admitConnection(context, request);
    // Relative links in a page need the path to end in a slash.
    if (info.proxyPath === '') return redirect(`${exchange.path}/${exchange.query.size > 0 ? `?${exchange.query}` : ''}`);
    return { type: 'proxy', target: await proxyTarget(context, request) };
  };
}

const redirect = (location: string): Result => ({
  type: 'bytes',
  code: 301,
  contentType: 'text/plain',
  bytes: Buffer.alloc(0),
  headers: { location },
});

async function admitConnection(context: ApiContext, request: ResourceRequest): Promise<void> {
  const { exchange, resource, info } = request;
  const { namespace, subresource, name } = info;
  const { kind, object } = connectOptions(context, request);
  const admission = {
    operation: 'CONNECT' as const,
    resource,
    subresource,
    kind,
    namespace,
    name: name!,
    exchange,
    dryRun: false,
    old: undefined,
  };
  await context.admission.both(admission, object, context);
}
