/**
 * Callers that come with a bearer (RFC 6750): owners and contributors of a resource,
 * administrators, and people with an Entra token of their own.
 *
 * A bearer names no resource, so the host does; where it does not, the one resource at which the
 * bearer's roles hold is meant, or else the first of the server.
 *
 * @source ACS authentication with Entra ID; RFC 6750 section 2.1.
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { Fault, RefusalReason } from '../contract/faults.ts'
import type { Access, Caller, EntraToken } from '../contract/operation.ts'
import type { RoleAssignment } from '../foundation/role.ts'
import { printResourcePath, type Resource } from '../resources/model.ts'
import type { IsAdminToken } from './admin-token.ts'
import type { Place } from './place.ts'
import { isAllowed } from './roles.ts'

/** Whose bearer it is. */
export interface BearerPrincipal {
  /** `bearer/<issuer>/<subject>`. */
  readonly actor: string
  readonly roles: readonly RoleAssignment[]
  readonly entraToken: EntraToken
}

/** Checks a JWT of a trusted issuer. */
export type CheckBearer = (
  token: string,
  nowMs: number,
) => Promise<Result<BearerPrincipal, RefusalReason>>

/** What bearers are judged by. */
export interface BearerWorld {
  readonly checkBearer: CheckBearer
  readonly isAdminToken: IsAdminToken
  readonly resources: Iterable<Resource>
}

/** A request as far as a bearer needs it. */
export interface BearerRequest {
  readonly token: string
  readonly access: Access
  /** Where it goes in the data plane. */
  readonly place: Place
  /** Parameters of the path, which say where it goes in the control plane. */
  readonly params: Readonly<Record<string, string>>
  readonly nowMs: number
}

/** Decides who came with a bearer. */
export async function authenticateBearer(
  request: BearerRequest,
  world: BearerWorld,
): Promise<Result<Caller, Fault>> {
  const { token, access, nowMs } = request
  const isControl = access === 'administrator' || access === 'reader'
  if (token.split('.').length !== 3) {
    if (!isControl) return refuse('bearer-malformed')
    return world.isAdminToken(token) ? ok({ actor: 'admin-token' }) : refuse('admin-token-differs')
  }
  const checked = await world.checkBearer(token, nowMs)
  if (!checked.ok) {
    const reason = checked.fault
    // Whether the bearer is good nobody knows, so it is not called bad: the client may come again.
    if (reason === 'bearer-issuer-unreachable') return fail({ kind: 'issuer-unreachable', reason })
    return refuse(reason)
  }
  const principal = checked.value
  if (isControl) return admitToControl(request, principal)
  return admitToResource(request, principal, world)
}

function admitToControl(request: BearerRequest, principal: BearerPrincipal): Result<Caller, Fault> {
  const { actor, roles } = principal
  const isAdmitted = isAllowed(roles, request.access, controlPlace(request.params))
  return isAdmitted ? ok({ actor }) : fail({ kind: 'caller-not-allowed', actor })
}

/** The place that the path of a control-plane operation names. */
function controlPlace(params: Readonly<Record<string, string>>): string {
  const { subscriptionId, resourceGroupName, communicationServiceName: name } = params
  if (subscriptionId === undefined) return ''
  if (resourceGroupName === undefined) return `/subscriptions/${subscriptionId}`
  if (name === undefined)
    return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroupName}`
  return printResourcePath({ subscriptionId, resourceGroup: resourceGroupName, name })
}

function admitToResource(
  request: BearerRequest,
  principal: BearerPrincipal,
  world: BearerWorld,
): Result<Caller, Fault> {
  const { access, place } = request
  const { actor, roles, entraToken } = principal
  const mayReach = (resource: Resource) => isAllowed(roles, access, printResourcePath(resource))
  const isPerson = access === 'entra-user'
  const resource = resourceAt(place, world.resources, isPerson ? undefined : mayReach)
  if (resource === undefined) return refuse('host-unknown')
  if (!resource.isSubscriptionEnabled) return refuse('subscription-disabled')
  const { resourceId } = resource
  if (isPerson) return ok({ resourceId, entraToken })
  if (!mayReach(resource)) return refuse('bearer-role-missing')
  return ok({ resourceId, accessKey: undefined, actor })
}

/** Two places, then no more: enough to know that there is not only one. */
function resourceAt(
  place: Place,
  resources: Iterable<Resource>,
  mayReach: ((resource: Resource) => boolean) | undefined,
): Resource | undefined {
  if (place.kind === 'resource') return place.resource
  if (place.kind === 'nowhere') return undefined
  let first: Resource | undefined
  let reachable: Resource | undefined
  let reachableCount = 0
  for (const resource of resources) {
    first ??= resource
    if (mayReach === undefined) break
    if (!mayReach(resource)) continue
    reachable ??= resource
    reachableCount += 1
    if (reachableCount > 1) break
  }
  return reachableCount === 1 ? reachable : first
}

function refuse(reason: RefusalReason): Result<never, Fault> {
  return fail({ kind: 'caller-refused', reason })
}
