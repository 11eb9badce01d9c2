// A way to the API server that tells how each request over it came out.
import { StatusError } from '../src/apimachinery/status.js';
import type { ApiRequest, Transport } from '../src/client/client.js';

/** `told`: the method, and the code of the answer. */
export function countedTransport(transport: Transport, told: (method: string, code: string) => void): Transport {
  // Bodies come without their codes; but what succeeds has these.
  const succeeded = ({ method }: ApiRequest) => told(method, method === 'POST' ? '201' : '200');
  const failed = ({ method }: ApiRequest, error: unknown) => told(method, error instanceof StatusError ? String(error.code) : '<error>');
  return {
    async request(request) {
      try {
        const answer = await transport.request(request);
        succeeded(request);
        return answer;
      } catch (error) {
        failed(request, error);
        throw error;
      }
    },
    async *watch(request, signal) {
      try {
        yield* transport.watch(request, signal);
        succeeded(request);
      } catch (error) {
        failed(request, error);
        throw error;
      }
    },
  };
}
