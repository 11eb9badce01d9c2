// What a node finds out about itself where no flag says it: its address towards the server, its resolv.conf.
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { parseResolvConf } from './kubelet/resolv-conf.js';

const RESOLV_CONF = '/etc/resolv.conf';
/** Where systemd-resolved keeps the real servers, while the usual file names only itself, which no pod can reach. */
const RESOLVED_CONF = '/run/systemd/resolve/resolv.conf';

/** The address that this node would reach the server from. Rejects where there is no route to it. */
export function addressTowards(server: string): Promise<string> {
  const { hostname, port } = new URL(server);
  return new Promise((resolve, reject) => {
    const socket = createSocket(hostname.startsWith('[') ? 'udp6' : 'udp4');
    const fail = (error: Error) => {
      socket.close();
      reject(new Error(`cannot find this node's address towards ${server}, give it by --node-ip: ${error.message}`));
    };
    socket.once('error', fail);
    // Connecting a datagram socket sends nothing; it only chooses the route.
    socket.connect(Number(port || 443), hostname.replace(/^\[|\]$/g, ''), () => {
      const { address } = socket.address();
      socket.close();
      resolve(address);
    });
  });
}

export async function defaultResolvConf(): Promise<string> {
  const { nameservers } = parseResolvConf(await readFile(RESOLV_CONF, 'utf8'));
  if (!nameservers.some((address) => address.startsWith('127.'))) return RESOLV_CONF;
  return readFile(RESOLVED_CONF).then(
    () => RESOLVED_CONF,
    () => RESOLV_CONF,
  );
}
