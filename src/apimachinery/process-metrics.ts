// What the process uses, under the names that Prometheus' client libraries agreed on.
import { readdirSync, readFileSync } from 'node:fs';
import type { Exposition } from './exposition.js';

const PAGE_BYTES = 4096;

export function writeProcess(out: Exposition, now_ms: number): void {
  const { user, system } = process.cpuUsage();
  out.single('process_cpu_seconds_total', 'counter', 'CPU time of user and system.', (user + system) / 1e6);
  const { rss, heapUsed } = process.memoryUsage();
  out.single('process_resident_memory_bytes', 'gauge', 'Memory in use.', rss);
  out.single('nodejs_heap_size_used_bytes', 'gauge', 'Of it the JavaScript heap.', heapUsed);
  out.single('process_start_time_seconds', 'gauge', 'When the process started, since 1970.', now_ms / 1000 - process.uptime());
  const virtualPages = readFileSync('/proc/self/statm', 'utf8').split(' ')[0];
  out.single('process_virtual_memory_bytes', 'gauge', 'Address space in use.', Number(virtualPages) * PAGE_BYTES);
  out.single('process_open_fds', 'gauge', 'File descriptors that are open.', readdirSync('/proc/self/fd').length);
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  if (limit) out.single('process_max_fds', 'gauge', 'File descriptors that may be open.', Number(limit[1]));
}
