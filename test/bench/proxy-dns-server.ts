// What the benchmark of names asks: a node's DNS server over a cluster of Services, with a name server outside that always knows.
// Prints its port, and runs until its input ends.
import { createSocket } from 'node:dgram';
import { decode, encode, type Packet } from 'dns-packet';
import { startDns } from '../../agent/dns/server.js';
import { systemClock, systemRandom } from '../../src/apimachinery/clock.js';
import { silentLogger } from '../../src/apimachinery/logger.js';
import { namespaces } from '../../src/kinds/core/namespace.js';
import { services } from '../../src/kinds/core/service.js';
import { FakeInformers } from '../unit/agent/fake-informers.js';
import { namespace, service } from '../unit/agent/objects.js';

const [count = '1000'] = process.argv.slice(2);
const informers = new FakeInformers();
informers.set(namespaces, namespace('default'));
for (let i = 0; i < Number(count); i++) {
  informers.set(services, service(`svc-${i}`, { clusterIP: `10.96.${(i >> 8) + 1}.${i & 255}`, ports: [{ name: 'http', port: 80 }] }));
}
const outside = createSocket('udp4');
outside.on('message', (message, client) => {
  const { id, questions } = decode(message);
  const answers = [{ type: 'A' as const, name: questions![0]!.name, ttl: 3600, data: '192.0.2.1' }];
  const reply: Packet = { type: 'response', id: id!, flags: 0x0180, questions: questions!, answers };
  outside.send(encode(reply), client.port, client.address);
});
await new Promise<void>((resolve) => outside.bind(0, '127.0.0.1', resolve));
const dns = await startDns({
  informers,
  address: '127.0.0.1',
  port: 0,
  upstreams: [`127.0.0.1:${outside.address().port}`],
  clock: systemClock,
  random: systemRandom,
  log: silentLogger,
});
process.stdout.write(`${dns.port}\n`);
process.stdin.resume().on('end', () => process.exit(0));
