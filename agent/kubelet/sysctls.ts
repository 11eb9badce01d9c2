// Kernel settings that a pod may ask for: those that concern only itself, and what the node's flags allow besides.
import { SAFE_SYSCTLS } from '../../src/kinds/core/safe-sysctls.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';

/** The kernel's name for it: with a slash as the first separator, dots are part of a device's name, and slashes separate. */
export function sysctlName(name: string): string {
  const slash = name.indexOf('/');
  const dot = name.indexOf('.');
  if (slash < 0 || (dot >= 0 && dot < slash)) return name;
  return [...name].map((char) => (char === '/' ? '.' : char === '.' ? '/' : char)).join('');
}

/** Why a pod may not have one of those that it asks for; undefined: it may. `allowed` are names, or beginnings with a `*` after them. */
export function forbiddenSysctl({ spec }: Pod, allowed: readonly string[]): string | undefined {
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const plain = sysctlName(name);
    const isAllowed = SAFE_SYSCTLS.has(plain) || allowed.map(sysctlName).some((pattern) => matches(plain, pattern));
    if (!isAllowed) return `forbidden sysctl: "${name}" not allowlisted`;
    if (spec.hostNetwork && plain.startsWith('net.')) return `forbidden sysctl: "${name}" not allowed with host net enabled`;
    if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(plain)) {
      return `forbidden sysctl: "${name}" not allowed with host ipc enabled`;
    }
  }
  return undefined;
}

const matches = (name: string, pattern: string) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern);
