export type { Authorize } from './access-key-signature.ts'
export type { Carrier, CarrierEar, CarrierLine } from './carrier.ts'
export * from './fetch-jwks.ts'
export { type Following, followRevocations } from './follow.ts'
export type {
  FollowAnswer,
  FollowBody,
  FollowFetch,
  FollowReader,
  FollowRequest,
} from './follow-fetch.ts'
export type { FollowingVerifier, FollowOptions } from './follow-options.ts'
export type { FollowFault } from './follow-way.ts'
export type { Jwk, Jwks, KeySetFault } from './keys.ts'
export {
  createOpenings,
  type OpenedUnder,
  type Openings,
  type OpeningVerifier,
} from './openings.ts'
export type { VerifierOptions } from './options.ts'
export type { CutOffSnapshot } from './snapshot.ts'
export type {
  Accepted,
  Expired,
  NotYetValid,
  PlainRefusal,
  Reason,
  Refused,
  Verdict,
  Void,
} from './verdicts.ts'
export { createVerifier, type Verifier } from './verifier.ts'
