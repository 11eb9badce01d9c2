// The benchmark's scheduler in a process of its own: started and stopped by messages, ends when the one who sends them does.
import { systemClock as clock } from '../../src/apimachinery/clock.js';
import { ApiClient } from '../../src/client/api-client.js';
import { httpsTransport } from '../../src/client/https.js';
import type { Credentials } from '../../src/cluster/admin-kubeconfig.js';
import { type Started, startLoop } from './scheduler-loop.js';

type Message = { readonly start: Credentials } | { readonly stop: true };

let started: Started | undefined;
process.on('message', async (message: Message) => {
  if ('start' in message) {
    started = startLoop(new ApiClient(httpsTransport({ ...message.start, userAgent: 'kube-scheduler', clock })));
  } else process.send!(await started!.stop());
});
process.once('disconnect', () => process.exit());
