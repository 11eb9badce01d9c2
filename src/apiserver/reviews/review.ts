// defineReview: a question that is asked by a POST and answered in its own body. One question, one file; index.ts lists them.
import type { AnyKind, Mutable } from '../../kinds/define.js';
import type { ApiContext } from '../context.js';
import type { UserInfo } from '../options.js';

export interface ReviewRequest<T> {
  /** With its defaults, and validated. */
  readonly body: Mutable<T>;
  readonly user: UserInfo;
  /** Of the path: the object that a subresource's question is about. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export interface Review<T> {
  /** Of the question itself, or of the object whose subresource it is. */
  readonly kind: AnyKind;
  readonly subresource?: string;
  defaults?(body: Mutable<T>, context: ApiContext): void;
  /** The body's status. Rejects with a StatusError where it refuses. */
  answer(request: ReviewRequest<T>, context: ApiContext): Promise<object>;
}

// biome-ignore lint/suspicious/noExplicitAny: a review is used with its own body only, which a list of reviews cannot say.
export type AnyReview = Review<any>;

export const defineReview = <T>(review: Review<T>): Review<T> => review;
