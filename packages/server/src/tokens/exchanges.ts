import { fail } from '@parley/protocol'
import type { Operation } from '../contract/operation.ts'
import type { VersionRange } from '../contract/versions.ts'

const teamsExtension = { since: '2025-03-02-preview' } as const
const entraPreview = { since: '2025-03-02-preview', until: '2025-03-02-preview' } as const

/**
 * The exchanges of Teams and Entra tokens, which exist in the contract and are not served: they
 * say so, instead of a 404 that would look like a wrong path.
 */
export const exchangeOperations: readonly Operation[] = [
  notServed('CommunicationIdentity_ExchangeTeamsUserAccessToken', {
    method: 'POST',
    path: '/teamsUser/:exchangeAccessToken',
    versions: { since: '2021-03-31-preview1' },
  }),
  notServed('TeamsExtensionToken_Exchange', {
    method: 'POST',
    path: '/access/teamsExtension/:exchangeAccessToken',
    versions: teamsExtension,
  }),
  notServed('TeamsExtensionAssignment_Get', teamsExtensionAssignment('GET')),
  notServed('TeamsExtensionAssignment_Upsert', teamsExtensionAssignment('PUT')),
  notServed('TeamsExtensionAssignment_Delete', teamsExtensionAssignment('DELETE')),
  notServed('EntraIdToken_Exchange', {
    method: 'POST',
    path: '/access/entra/:exchangeAccessToken',
    versions: entraPreview,
  }),
  notServed('EntraIdAssignments_List', entraAssignments('GET')),
  notServed('EntraIdAssignments_Update', entraAssignments('PATCH')),
  notServed('EntraIdAssignment_Get', entraAssignment('GET')),
  notServed('EntraIdAssignment_Upsert', entraAssignment('PUT')),
  notServed('EntraIdAssignment_Delete', entraAssignment('DELETE')),
]

interface Place {
  readonly method: Operation['method']
  readonly path: string
  readonly versions: VersionRange
}

function teamsExtensionAssignment(method: Operation['method']): Place {
  const path = '/access/teamsExtension/tenants/{tenantId}/assignments/{objectId}'
  return { method, path, versions: teamsExtension }
}

function entraAssignments(method: Operation['method']): Place {
  return { method, path: '/access/entra/assignments', versions: entraPreview }
}

function entraAssignment(method: Operation['method']): Place {
  return { method, path: '/access/entra/assignments/{objectId}', versions: entraPreview }
}

/** Anybody is told: the exchanges take a bearer that this server could not check. */
function notServed(id: string, place: Place): Operation {
  return {
    ...place,
    id,
    summary: 'Not served.',
    access: 'public',
    reply: { status: 501 },
    handle: () =>
      fail({ kind: 'operation-not-served', what: 'exchanges of Teams or Entra tokens' }),
  }
}
