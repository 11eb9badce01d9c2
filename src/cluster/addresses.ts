// Which of the machine's addresses others should use.
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { UserError } from './local/user-error.js';

/** Bind addresses that say nothing of how others reach this machine. */
const NOT_OTHERS = /^(0\.0\.0\.0|::|127\..*|::1)$/;
const ROUTES_FILE = '/proc/net/route';

/** The bind address if it is one that others can use, else that of the default route's interface, else the first there is: as upstream chooses. */
export async function chooseAdvertiseAddress(bindAddress: string): Promise<string> {
  if (!NOT_OTHERS.test(bindAddress)) return bindAddress;
  const interfaces = networkInterfaces();
  const route = await defaultRouteInterface();
  const candidates = [...(route ? (interfaces[route] ?? []) : []), ...Object.values(interfaces).flatMap((addresses) => addresses ?? [])];
  const found = candidates.find(({ family, internal }) => family === 'IPv4' && !internal);
  if (!found) throw new UserError('this machine has no IPv4 address that nodes could reach it by: give one with --advertise-address');
  return found.address;
}

async function defaultRouteInterface(): Promise<string | undefined> {
  const lines = (await readFile(ROUTES_FILE, 'utf8')).trim().split('\n').slice(1);
  const routes = lines.map((line) => line.split('\t'));
  return routes.find(([, destination]) => destination === '00000000')?.[0];
}
