/** Protocol routes and replies, and the API of who runs the gateway. Left out: identity. */
export { AccessLog } from './access.ts';
export { AdminHandler } from './api/admin.ts';
export type { Guard } from './api/guard.ts';
export { Handler, type HandlerDeps } from './handler.ts';
export { Handover } from './handover.ts';
export { HotCache } from './hot.ts';
export { Listener, type ListenerLimits, removeStale } from './listener.ts';
export { Pages, type PagesDeps, type PartState } from './pages.ts';
export { Relay, type RelayOptions } from './relay.ts';
export { RelayServer } from './relay-server.ts';
export { checkTls } from './tls-front.ts';
export { TrustedProxies } from './trusted.ts';
export { LONGEST as LONGEST_UPLOAD, Uploads } from './upload.ts';
export { Uses } from './uses.ts';
