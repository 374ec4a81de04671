/**
 * Who may do what: by the scopes of the token, and in the call of a room by the role there.
 *
 * `voip` opens everything. `voip.join` comes to calls that others have begun: it answers, it joins
 * one in progress, and it joins the call of a room that it is on the list of, or starts that. It
 * never rings anybody and never dials, because those reach people and cost money.
 *
 * @source ACS, identity model: what the scopes of calling grant.
 */
import type { CallRole, ClientCallFrame, Scope } from '@parley/protocol'
import type { RoomWindow } from '../rooms/model.ts'

/** Scopes of tokens that open calls. */
export const voipScopes: readonly Scope[] = ['voip', 'voip.join']

const fullScopeTypes: readonly ClientCallFrame['type'][] = ['call.start', 'call.add']

/** Decides whether scopes allow a frame. */
export function mayBeAsked(type: ClientCallFrame['type'], scopes: readonly Scope[]): boolean {
  if (scopes.includes('voip')) return true
  return scopes.includes('voip.join') && !fullScopeTypes.includes(type)
}

/** What a leg may send and do; engines are given it. */
export interface LegPermissions {
  readonly canSend: boolean
  readonly canReceive: boolean
}

/** What a role lets a leg send. */
export function permissionsFor(role: CallRole): LegPermissions {
  return { canSend: role !== 'Consumer', canReceive: true }
}

/** Whether a role may call others in, and send them out. */
export function mayAdmit(role: CallRole): boolean {
  return role === 'Presenter' || role === 'Collaborator'
}

/** Whether a room can be joined at an instant. */
export function isOpenAt({ validFromMs, validUntilMs }: RoomWindow, atMs: number): boolean {
  return atMs >= validFromMs && atMs < validUntilMs
}
