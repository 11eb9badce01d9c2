// Connections that are passed on: what the server has sent before it left reaches the client, however late that reads it.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { bind } from '../../../src/apiserver/http/upgrade.js';
import { until } from '../../suites/until.js';
import { ManualClock } from '../client/fakes.js';

const opened: Socket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** Both ends of a connection, whom it was opened by last. Half-closed ones stay so, but for a server's end that the API server sees. */
async function connection(allowHalfOpen: boolean): Promise<readonly [accepted: Socket, opened: Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const socket = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1', allowHalfOpen });
  const ends = [((await accepted) as [Socket])[0], socket] as const;
  server.close();
  for (const end of ends) end.on('error', () => undefined);
  opened.push(...ends);
  return ends;
}

async function joined() {
  const clock = new ManualClock();
  const [toClient, client] = await connection(true);
  const [server, toServer] = await connection(false);
  expect(bind(toClient, toServer, clock)).toBe(true);
  toClient.pipe(toServer).pipe(toClient);
  return { clock, client, server, toClient, toServer };
}

it('a client that takes its time still gets all that was sent before the server left', async () => {
  const [server, toServer] = await connection(false);
  const got: string[] = [];
  let taken = () => {};
  const client = new Duplex({
    read: () => {},
    write(chunk, _encoding, done) {
      got.push(String(chunk));
      taken = done;
    },
  });
  bind(client, toServer, new ManualClock());
  toServer.pipe(client);
  server.write('first');
  await until('the first is on its way', () => got.length === 1);
  server.end('last');
  await once(toServer, 'close');
  taken();
  await until('the last is there', () => got.join(' ') === 'first last');
  taken();
  await once(client, 'finish');
});

it('a server that breaks off leaves no client waiting', async () => {
  const { client, server } = await joined();
  server.write('half of it');
  expect(String(await once(client, 'data'))).toBe('half of it');
  server.resetAndDestroy();
  client.resume();
  await once(client, 'end');
});

it('a client that does not leave after the server is left', async () => {
  const { clock, client, server, toClient, toServer } = await joined();
  client.resume();
  server.end('all');
  server.resume();
  await once(client, 'end');
  if (!toServer.closed) await once(toServer, 'close');
  // Half-closed: it might go on sending for ever.
  await until('the server waits for it to leave', () => clock.pending > 0);
  expect(toClient.destroyed).toBe(false);
  await clock.advance(10_000);
  expect(toClient.destroyed).toBe(true);
});

it('nothing is kept for a client that has left', async () => {
  const { client, toServer } = await joined();
  client.resetAndDestroy();
  await once(toServer, 'close');
});
