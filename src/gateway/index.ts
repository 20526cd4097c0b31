/** Admits and serves modules: store first, sources behind it, every file checked before anyone has all of it. */
export type { Trace } from '../fetch/index.ts';
export type { AnswerTimes } from './answers.ts';
export type { Actor, Deleted } from './deletion.ts';
export type { Stay } from './evict.ts';
export { type Ask, Gateway, type GatewayDeps, type GatewayLimits } from './gateway.ts';
export type { HandedZip, Intake } from './intake.ts';
export {
  entryOf,
  type StoreStats,
  type UsageEntry,
  type VersionEntry,
  type VersionsPage,
} from './inventory.ts';
export { type Published, Publisher } from './publish.ts';
export { PublishedSource } from './published-source.ts';
export type { PurgedModule, PurgeOptions } from './purge.ts';
export type { AskOptions, BytesReply, Cached, ContentReply, Reply, TransferReply } from './reply.ts';
export { type Route, Router } from './router.ts';
export type { PassedDatabase } from './sumdb-pass.ts';
export type { TransferReader } from './transfer.ts';
export { type Collected, Upkeep, type UpkeepDeps } from './upkeep.ts';
export {
  collectEvents,
  purgeEvents,
  type UpkeepEvent,
  type VerifySum,
  verifyEvents,
} from './upkeep-events.ts';
export type { Judged, Verified, VerifyOptions } from './verify.ts';
