// What tests ask of a kubelet's server, and of a pod's status.
import { request } from 'node:https';
import { WebSocket } from 'ws';
import type { ContainerStatus, Pod } from '../../../src/kinds/types/core_v1.js';
import type { KubeletLab } from './kubelet-lab.js';

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

export const sh = (script: string) => ['/bin/sh', '-c', script];
export const status = (pod: Pod, name: string): ContainerStatus => {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status;
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find((container) => container.name === name)!;
};
export const condition = (pod: Pod, type: string) => pod.status.conditions?.find((one) => one.type === type)?.status;

export interface Answer {
  readonly code: number;
  readonly body: string;
}

/** Asks the kubelet's server as the API server does, or with another certificate, or none. */
export function askKubelet(lab: KubeletLab, path: string, identity: object = lab.api.pki.kubeletClient): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: lab.server!.port,
      path,
      ca: lab.api.pki.ca.cert,
      checkServerIdentity: () => undefined,
      agent: false as const,
    };
    const sent = request({ ...options, ...identity }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ code: response.statusCode!, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Runs a command through the kubelet's WebSocket and returns what came on each channel. */
export function execIn(
  lab: KubeletLab,
  pod: string,
  container: string,
  command: readonly string[],
  stdin?: string,
): Promise<{ out: string; err: string; status: { status: string; details?: object } }> {
  const query = [
    ...command.map((word) => `command=${encodeURIComponent(word)}`),
    'stdout=true',
    'stderr=true',
    ...(stdin === undefined ? [] : ['stdin=true']),
  ];
  const url = `wss://127.0.0.1:${lab.server!.port}/exec/default/${pod}/${container}?${query.join('&')}`;
  const { cert, key } = lab.api.pki.kubeletClient;
  const socket = new WebSocket(url, PROTOCOLS, {
    cert,
    key,
    ca: lab.api.pki.ca.cert,
    checkServerIdentity: () => undefined as unknown as boolean,
  });
  const channels = ['', '', '', ''];
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      if (stdin === undefined) return;
      socket.send(Buffer.concat([Buffer.of(0), Buffer.from(stdin)]));
      socket.send(Buffer.of(255, 0));
    });
    socket.on('message', (data: Buffer) => {
      channels[data[0]!] += data.subarray(1).toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve({ out: channels[1]!, err: channels[2]!, status: JSON.parse(channels[3] || '{}') }));
  });
}
