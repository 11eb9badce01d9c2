// A container of the engine made, and taken away, whatever an agent before this one left in the way.
import type Docker from 'dockerode';
import { call } from './docker-errors.js';
import { RuntimeError } from './runtime.js';

/** A name can be taken by what an agent that was killed had just created: that one never ran, and makes way. */
export async function createContainer(docker: Docker, options: Docker.ContainerCreateOptions): Promise<string> {
  try {
    return (await call(docker.createContainer(options))).id;
  } catch (error) {
    const holder = error instanceof RuntimeError && error.code === 409 ? /by container "?([0-9a-f]{12,64})/.exec(error.message) : null;
    if (!holder) throw error;
    await call(docker.getContainer(holder[1]!).remove({ v: true }), 404);
    return (await call(docker.createContainer(options))).id;
  }
}

/** None is there: nothing to do. */
export async function removeContainer(docker: Docker, id: string): Promise<void> {
  // A removal that is already under way is a conflict: it may fail yet, so whoever asks again learns how it ended.
  await call(docker.getContainer(id).remove({ v: true, force: true }), 404);
}
