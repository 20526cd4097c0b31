/** How the gateway is seen from outside: logs, metrics, request ids, and the clock that they read. */
export { type Clock, systemClock } from './clock.ts';
export {
  exposition,
  type FamilySnapshot,
  type ProcessFamily,
  type SampleSnapshot,
  type Snapshot,
} from './exposition.ts';
export {
  createLogger,
  type LogDestination,
  type Logger,
  type LoggerOptions,
  lineWriter,
} from './logger.ts';
export {
  type Counter,
  type CounterCell,
  type Gauge,
  type GaugeCell,
  type Histogram,
  type HistogramCell,
  Metrics,
} from './metrics.ts';
export { liveness, type Owner, ownerOf, ownerPrefix, self } from './owner.ts';
export { acceptRequestId, RequestIds } from './request-id.ts';
