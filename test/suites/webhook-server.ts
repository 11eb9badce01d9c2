// An admission webhook for tests: a real HTTPS server whose answers the test decides, and which remembers what it was asked.
import type { ServerResponse } from 'node:http';
import type { AdmissionRequest, AdmissionResponse } from '../../src/kinds/types/admission_v1.js';
import { type HttpsServer, startHttpsServer } from './https-server.js';

interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: AdmissionRequest;
}

export type Decision = Partial<AdmissionResponse> | ((response: ServerResponse, review: Review) => void);

export interface WebhookServer extends HttpsServer {
  /** In the order in which they came. */
  readonly reviews: Review[];
  /** Of the path `/name`: what to answer; absent paths allow. */
  readonly decide: Map<string, (request: AdmissionRequest) => Decision>;
  clientConfig(name: string): { readonly url: string; readonly caBundle: string };
}

export async function startWebhookServer(): Promise<WebhookServer> {
  const reviews: Review[] = [];
  const decide: WebhookServer['decide'] = new Map();
  const server = await startHttpsServer((request, body, response) => {
    const review = JSON.parse(body) as Review;
    reviews.push(review);
    const name = new URL(request.url!, 'https://x').pathname.slice(1);
    const decision = decide.get(name)?.(review.request) ?? {};
    if (typeof decision === 'function') return decision(response, review);
    const { apiVersion, kind } = review;
    const answer = { apiVersion, kind, response: { uid: review.request.uid, allowed: true, ...decision } };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  });
  const clientConfig = (name: string) => ({ url: `https://127.0.0.1:${server.port}/${name}`, caBundle: server.caBundle });
  return { ...server, reviews, decide, clientConfig };
}

/** A JSON patch as a response has it. */
export const patchOf = (...operations: readonly object[]) => ({
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
