/**
 * Who calls, by whatever credential an operation takes.
 */

import type { IncomingHttpHeaders } from 'node:http'
import { fail, isGuid, ok, type Result, type Scope } from '@parley/protocol'
import type { SyncVerifier } from '@parley/verifier/node'
import type { Fault, RefusalReason } from '../contract/faults.ts'
import type { Access, Caller, ResourceCaller } from '../contract/operation.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { ActiveAccessKey } from '../keys/model.ts'
import type { ResourceDirectory } from '../resources/directory.ts'
import type { CheckCredential } from '../revocations/credentials.ts'
import { authenticateAccessKey } from './access-key.ts'
import { authenticateUser } from './access-token.ts'
import type { IsAdminToken } from './admin-token.ts'
import { authenticateBearer, type CheckBearer } from './bearer.ts'
import { type Place, placeOf } from './place.ts'
import { authenticateVerifier, isVerifierCredential } from './verifier-credential.ts'

/** A request as far as it says who calls. */
export interface Arrival {
  readonly method: string
  /** Path and query exactly as they arrived. */
  readonly pathAndQuery: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Parameters of the path. */
  readonly params: Readonly<Record<string, string>>
  /** What stays the same from one request of a connection to the next. */
  readonly connection: object
  readonly nowMs: number
}

/**
 * Decides who calls.
 *
 * @param scopes - of operations for users: those that open it.
 * @returns at once for an access key or an access token; later for a bearer of another issuer, who
 *   may have to be asked.
 * @faults `caller-refused`, `caller-not-allowed`, `user-not-allowed`, `issuer-unreachable`.
 */
export type Authenticate = (
  arrival: Arrival,
  access: Exclude<Access, 'public'>,
  scopes?: readonly Scope[],
) => Result<Caller, Fault> | Promise<Result<Caller, Fault>>

/** What callers are judged by. */
export interface AuthenticationWorld {
  readonly keyRing: KeyRing
  readonly resources: ResourceDirectory
  readonly domain: string | undefined
  readonly publicHosts: readonly string[]
  /** Two keys of nobody, random. */
  readonly decoyKeys: readonly ActiveAccessKey[]
  readonly checkBearer: CheckBearer
  readonly isAdminToken: IsAdminToken
  readonly checkCredential: CheckCredential
  readonly verifier: Pick<SyncVerifier, 'verify'>
}

const bearerPattern = /^bearer +([\x21-\x7e]+)$/i

/** Creates the function that knows callers. */
export function createAuthenticator(world: AuthenticationWorld): Authenticate {
  const { resources, domain, publicHosts } = world
  const places = { domain, publicHosts, findByName: resources.findByName }
  /**
   * The key that signed last on a connection signs again. Only one that is tried without this as
   * well is remembered: else a resource beyond those would be known or not as its client happens to
   * spread its requests over connections.
   */
  const lastSigners = new WeakMap<object, ActiveAccessKey>()
  return (arrival, asked, scopes) => {
    // Whoever may do anything with a resource may follow it.
    const access = asked === 'follower' || asked === 'resource-or-user' ? 'resource' : asked
    const place = placeOf(arrival.headers.host ?? '', places)
    const token = tokenOf(arrival, access)
    if (token !== undefined) {
      if (access === 'user') return authenticateUser({ token, place, scopes }, world)
      const { params, nowMs } = arrival
      if (asked === 'resource-or-user') {
        const user = authenticateUser({ token, place, scopes }, world)
        // What is no token of ours may be a bearer of an issuer that is trusted.
        if (user.ok || !isForeign(user.fault)) return user
      }
      if (asked === 'follower' && isVerifierCredential(token)) {
        return authenticateVerifier({ token, place, nowMs }, world)
      }
      return authenticateBearer(
        { token, access, place, params, nowMs },
        { ...world, resources: resources.list() },
      )
    }
    if (access !== 'resource') return refuse(reasonWithoutBearer(arrival))
    const signed = authenticateAccessKey(arrival, {
      candidates: candidatesFor(world, arrival, {
        place,
        lastSigner: lastSigners.get(arrival.connection),
      }),
      publicHosts,
      nowMs: arrival.nowMs,
    })
    if (place.kind === 'nowhere') return refuse('host-unknown')
    if (!signed.ok) return refuse(signed.fault)
    const { connection, nowMs } = arrival
    const { value: signer } = signed
    const isNews = place.kind === 'anywhere' && lastSigners.get(connection) !== signer
    if (isNews && world.keyRing.candidates().includes(signer)) lastSigners.set(connection, signer)
    return admitSigner(world, signer, nowMs)
  }
}

/** The realtime client of chat names its token in a header of its own. */
function tokenOf({ headers }: Arrival, access: Access): string | undefined {
  const bearer = bearerPattern.exec(headers.authorization ?? '')?.[1]
  const { 'x-skypetoken': own } = headers
  return bearer ?? (access === 'user' && typeof own === 'string' ? own : undefined)
}

function reasonWithoutBearer(arrival: Arrival): RefusalReason {
  return arrival.headers.authorization === undefined ? 'authorization-missing' : 'bearer-not-taken'
}

function admitSigner(
  world: AuthenticationWorld,
  key: ActiveAccessKey,
  nowMs: number,
): Result<ResourceCaller, Fault> {
  const { resourceId, slot, generation, actor } = key
  const resource = world.resources.find(resourceId)
  if (resource === undefined) return refuse('resource-deleted')
  if (resource.isLocalAuthDisabled) return refuse('local-auth-disabled')
  if (!resource.isSubscriptionEnabled) return refuse('subscription-disabled')
  world.keyRing.noteUse(key, nowMs)
  return ok({ resourceId, accessKey: { slot, generation }, actor })
}

const identityIdPrefix = '8:acs:'
const guidCharacters = 36

/**
 * The keys that may have signed, the likeliest first. Where one address stands for many resources,
 * an identity in the path names its resource, and who signed last on this connection most likely
 * signed again; all the others are tried after them, so that order costs time and never an answer.
 */
function candidatesFor(
  world: AuthenticationWorld,
  arrival: Arrival,
  known: { readonly place: Place; readonly lastSigner: ActiveAccessKey | undefined },
): Iterable<ActiveAccessKey> {
  const { keyRing, decoyKeys } = world
  const { place, lastSigner } = known
  // Whoever asks for a host that does not exist waits as long as one with a wrong key.
  if (place.kind === 'nowhere') return decoyKeys
  if (place.kind === 'resource') return keyRing.keysOf(place.resource.resourceId)
  return { [Symbol.iterator]: () => likeliestFirst(keyRing, arrival.params['id'], lastSigner) }
}

function* likeliestFirst(
  keyRing: KeyRing,
  id = '',
  lastSigner?: ActiveAccessKey,
): Generator<ActiveAccessKey> {
  if (id.startsWith(identityIdPrefix)) {
    const named = id.slice(identityIdPrefix.length, identityIdPrefix.length + guidCharacters)
    if (isGuid(named)) yield* keyRing.keysOf(named)
  }
  if (lastSigner !== undefined) yield* keyRing.keysOf(lastSigner.resourceId)
  yield* keyRing.candidates()
}

function isForeign(fault: Fault): boolean {
  return fault.kind === 'caller-refused' && fault.reason === 'access-token-invalid'
}

function refuse(reason: RefusalReason): Result<never, Fault> {
  return fail({ kind: 'caller-refused', reason })
}
