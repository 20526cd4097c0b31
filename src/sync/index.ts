/** Work that many wait for is done once, and ends when the last of them has left. */
export { checkAborted, Flights, orAbort } from './flights.ts';
export { Shared } from './shared.ts';
