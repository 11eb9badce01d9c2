// The event recorder's contract: events on objects as `kubectl describe` shows them.
import type { KubeObject } from '../apimachinery/object.js';

export interface EventRecorder {
  /**
   * Never rejects and never waits: an event that cannot be stored is logged and dropped. Same events are counted up. `fieldPath`:
   * the part of the object that it is about, such as `spec.containers{web}`.
   */
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void;
}
