/** Protocol routes and replies. Left out: TLS and HTTP/2, identity, the console's API. */

export { AccessLog } from './access.ts';
export { AdminHandler } from './api/admin.ts';
export { Handler, type HandlerDeps } from './handler.ts';
export { HotCache } from './hot.ts';
export { Listener } from './listener.ts';
export { Pages, type PagesDeps, type PartState } from './pages.ts';
export { Uses } from './uses.ts';
