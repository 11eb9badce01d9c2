// What a node finds out about itself where no flag says it: its address towards the server, and when that changes, its resolv.conf.
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import type { Clock, Timer } from '../src/apimachinery/clock.js';
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

/** A new lease, a new network: seldom, and pods' names and the node's ports are at the old address meanwhile. */
const ADDRESS_CHECK_MS = 10_000;

export interface AddressWatch {
  readonly address: string;
  /** As `addressTowards`: rejects while there is no way to the server, which says nothing. */
  readonly find: () => Promise<string>;
  readonly clock: Clock;
  readonly changed: (address: string) => void;
}

/** Calls `changed` once, when another address has been found twice in a row. Returns how to stop. */
export function watchAddress({ address, find, clock, changed }: AddressWatch): () => void {
  let before = address;
  let timer: Timer;
  let stopped = false;
  const arm = () => {
    timer = clock.after(ADDRESS_CHECK_MS, () => void look());
  };
  const look = async () => {
    const now = await find().catch(() => address);
    if (stopped) return;
    if (now !== address && now === before) return changed(now);
    before = now;
    arm();
  };
  arm();
  return () => {
    stopped = true;
    timer.cancel();
  };
}

export async function defaultResolvConf(): Promise<string> {
  const { nameservers } = parseResolvConf(await readFile(RESOLV_CONF, 'utf8'));
  if (!nameservers.some((address) => address.startsWith('127.'))) return RESOLV_CONF;
  return readFile(RESOLVED_CONF).then(
    () => RESOLVED_CONF,
    () => RESOLV_CONF,
  );
}
