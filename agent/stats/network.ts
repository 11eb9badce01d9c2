// What went through the network interfaces that a process sees: those of its network namespace.
import { readFile } from 'node:fs/promises';

export interface InterfaceStats {
  readonly name: string;
  readonly rx: Traffic;
  readonly tx: Traffic;
}

export interface Traffic {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}

/** Without the loopback; empty where the process is gone. */
export async function interfacesOf(pid: number | 'self'): Promise<readonly InterfaceStats[]> {
  const text = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
  return parseInterfaces(text);
}

export function parseInterfaces(text: string): readonly InterfaceStats[] {
  return [...text.matchAll(/^\s*([^\s:]+):\s*(.*)$/gm)]
    .filter(([, name]) => name !== 'lo')
    .map(([, name = '', numbers = '']) => {
      const n = numbers.trim().split(/\s+/).map(Number);
      const traffic = (at: number): Traffic => ({
        bytes: n[at] ?? 0,
        packets: n[at + 1] ?? 0,
        errors: n[at + 2] ?? 0,
        dropped: n[at + 3] ?? 0,
      });
      return { name, rx: traffic(0), tx: traffic(8) };
    });
}

/** The interface of the default route; undefined where there is none. */
export async function defaultInterface(): Promise<string | undefined> {
  const routes = await readFile('/proc/self/net/route', 'utf8').catch(() => '');
  return /^(\S+)\t00000000\t/m.exec(routes)?.[1];
}
