// What runs in a test's pod: answers HTTP on 8080 and UDP on 8053 with its name and the client's address, and does as its
// standard input says (one JSON object a line): ask by UDP from one lasting socket, ask over HTTP by one lasting connection, or resolve a name. Ends with its input.
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { Agent, createServer, get } from 'node:http';
import { createInterface } from 'node:readline';

const name = process.argv[2];
const http = createServer((request, response) => {
  const about = `${name} ${request.socket.remoteAddress.replace('::ffff:', '')}`;
  // /5000: that many bytes.
  response.end(about.padEnd(Number(request.url.slice(1)), '.'));
});
const echo = createSocket('udp4');
echo.on('message', (_message, { address, port }) => echo.send(`${name} ${address}`, port, address));
const kept = new Agent({ keepAlive: true, maxSockets: 1 });
http.keepAliveTimeout = 60_000;
const client = createSocket('udp4');
client.bind();

const commands = {
  udp: ({ host, port }) =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve('no answer'), 300);
      client.once('message', (message) => {
        clearTimeout(timer);
        resolve(message.toString());
      });
      client.send('?', port, host);
    }),
  // Always by the same connection, for as long as it lives; tells whether this is a new one.
  kept: ({ host, port }) =>
    new Promise((resolve) => {
      const request = get({ host, port, agent: kept, timeout: 2000 }, (response) => {
        const kind = request.reusedSocket ? 'kept' : 'new';
        response.on('data', (text) => resolve(`${kind} ${text}`));
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', (error) => resolve(error.message));
    }),
  resolve: async ({ name, type, server }) => {
    const resolver = new Resolver({ timeout: 500, tries: 2 });
    resolver.setServers([server]);
    return resolver.resolve(name, type).catch((error) => error.code);
  },
};

http.listen(8080, () => echo.bind(8053, () => console.log('{"id":0}')));
const input = createInterface({ input: process.stdin });
input.on('line', async (line) => {
  const { id, command, ...rest } = JSON.parse(line);
  console.log(JSON.stringify({ id, result: await commands[command](rest) }));
});
input.on('close', () => process.exit(0));
