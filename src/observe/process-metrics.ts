/** The families of the process and of Node. */
// A file of its own: the names of a CommonJS package can be imported statically only, once it is in a bundle.
import { collectDefaultMetrics, Registry } from 'prom-client';

export function collectProcess(): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return () => registry.metrics();
}
