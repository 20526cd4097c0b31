/** Admits and serves modules: store first, sources behind it, every file checked before anyone has all of it. */
export type { Trace } from '../fetch/index.ts';
export type { AnswerTimes } from './answers.ts';
export { type Ask, Gateway, type GatewayDeps, type GatewayLimits } from './gateway.ts';
export type { HandedZip, Intake } from './intake.ts';
export type { AskOptions, BytesReply, Cached, ContentReply, Reply, TransferReply } from './reply.ts';
export { type Route, Router } from './router.ts';
export type { PassedDatabase } from './sumdb-pass.ts';
export type { TransferReader } from './transfer.ts';
