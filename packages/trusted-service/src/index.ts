export { createTokenCache, type TokenCache, type TokenCacheOptions } from './cache/cache.ts'
export type { TokenRequest } from './cache/model.ts'
export type { CacheSecret, EntryAddress, SealedEntry } from './cache/seal.ts'
export { type Token, type TokenSource, uncachedTokens } from './cache/source.ts'
export * from './cache/stores.ts'
export * from './endpoint/adapters.ts'
export type { RefusalReason } from './endpoint/answers.ts'
export {
  type Connection,
  createTokenEndpoint,
  type EndpointRecord,
  type TokenEndpoint,
  type TokenEndpointOptions,
} from './endpoint/endpoint.ts'
export { type Caller, leastPolicy, type TokenPolicy } from './endpoint/model.ts'
export type { MappingOptions } from './mapping/context.ts'
export type { IdentityRefusal, IdentityVerdict } from './mapping/creation.ts'
export type { ExamineOptions, Finding } from './mapping/doctor.ts'
export type { ErasureReceipt } from './mapping/erasure.ts'
export type { Link } from './mapping/links.ts'
export {
  createMapping,
  type LinkRequest,
  type LinkVerdict,
  type Mapping,
} from './mapping/mapping.ts'
export {
  kyselyMigration,
  type MappingMigration,
  type MigrationOptions,
  mappingMigration,
  printMigration,
} from './mapping/migrations.ts'
export type { Pattern, Place } from './mapping/model.ts'
export type { SweepReport } from './mapping/sweep.ts'
export type { Dialect, UsersColumn } from './mapping/tables.ts'
export type { VisitorVerdict } from './mapping/visitors.ts'
export {
  type CustomIdPolicy,
  customIdPolicy,
  type IdentityService,
  type IssuedToken,
  type ServiceCallOptions,
  type ServiceUser,
} from './service.ts'
