// One kubelet for all tests of a file, or of a part of it.
import { afterAll, beforeAll } from 'vitest';
import { KubeletLab } from './kubelet-lab.js';

/** `use` is given it once it is up; the rest is as KubeletLab.start takes it. */
export function withLab(use: (lab: KubeletLab) => void | Promise<void>, ...options: Parameters<typeof KubeletLab.start>): void {
  let lab: KubeletLab | undefined;
  beforeAll(async () => {
    lab = await KubeletLab.start(...options);
    await use(lab);
  }, 120_000);
  afterAll(async () => {
    await lab?.stop();
  }, 60_000);
}
