// The admission plugins, in the order in which they are asked. Adding one is one file and one line here.
import type { AdmissionPlugin } from './admission.js';
import { defaultTolerationSeconds } from './default-toleration-seconds.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';

export const admissionPlugins: readonly AdmissionPlugin[] = [namespaceLifecycle, defaultTolerationSeconds];
