declare module 'opossum-prometheus' {
  import type { EventEmitter } from 'node:events';

  /** What the test uses of the package, which has no types of its own. */
  class PrometheusMetrics {
    constructor(options: { circuits?: EventEmitter[]; registry?: object; metricPrefix?: string });
    add(circuits: EventEmitter | EventEmitter[]): void;
    readonly metrics: string;
  }
  export = PrometheusMetrics;
}
