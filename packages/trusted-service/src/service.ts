import type { Scope } from '@parley/protocol'

/** An identity as the official client names it. */
export interface ServiceUser {
  communicationUserId: string
}

/** What every call of the service can be given. */
export interface ServiceCallOptions {
  /** Ends the call early. */
  abortSignal?: AbortSignal
  /** Headers of this one request. */
  requestOptions?: { customHeaders?: Record<string, string> }
}

/** An access token and its end, as the official client returns them. */
export interface IssuedToken {
  token: string
  expiresOn: Date
}

/**
 * The part of an identity service that an app's server needs. `CommunicationIdentityClient` of
 * `@azure/communication-identity` is one as it stands, whatever service it is connected to.
 */
export interface IdentityService {
  createUser(options?: ServiceCallOptions): Promise<ServiceUser>
  getToken(
    user: ServiceUser,
    scopes: Scope[],
    options?: ServiceCallOptions & { tokenExpiresInMinutes?: number },
  ): Promise<IssuedToken>
  revokeTokens(user: ServiceUser, options?: ServiceCallOptions): Promise<void>
  deleteUser(user: ServiceUser, options?: ServiceCallOptions): Promise<void>
}

/** Time that one call of the service may take, the retries of its client included. */
export const serviceTimeoutMs = 15_000

/** Options of one call: an end, and what else is given. */
export function timed(options: Omit<ServiceCallOptions, 'abortSignal'> = {}): ServiceCallOptions {
  return { ...options, abortSignal: AbortSignal.timeout(serviceTimeoutMs) }
}

/**
 * Says whether an error of the client means that the identity is not there any more. Deleted,
 * unknown and foreign identities look alike, so a client that is connected to another resource
 * than the one the identity is of is told the same.
 *
 * @source ACS Identity 2023-10-01: 401 `IdentityNotOwned`; 404 from gateways and older versions.
 */
export function meansGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { statusCode, code } = error as Error & { statusCode?: number; code?: string }
  return statusCode === 404 || (statusCode === 401 && code === 'IdentityNotOwned')
}

const customIdHeader = 'x-parley-custom-id'
const customIdVersion = '2025-03-02-preview'

/** A request of Azure's pipeline, as far as the policy below touches it. */
interface PipelineRequest {
  url: string
  body?: unknown
  headers: {
    get(name: string): string | undefined
    set(name: string, value: string): void
    delete(name: string): void
  }
}

/** A policy as `additionalPolicies` of the official clients takes it. */
export interface CustomIdPolicy {
  readonly position: 'perCall'
  readonly policy: {
    readonly name: string
    sendRequest<Request extends PipelineRequest, Response>(
      request: Request,
      next: (request: Request) => Promise<Response>,
    ): Promise<Response>
  }
}

/**
 * Teaches the official client `customId`, which it has no option for yet: creating twice with the
 * same one gives the same identity, so that a creation whose answer was lost can be repeated.
 *
 * For `additionalPolicies` of the client whose mapping has `customIds: true`. It changes no other
 * request, and stands before the one that signs.
 *
 * @source ACS Identity 2025-03-02-preview, `CommunicationIdentity_Create`; Parley has it in every
 * version from there on.
 */
export const customIdPolicy: CustomIdPolicy = {
  position: 'perCall',
  policy: {
    name: 'parleyCustomId',
    sendRequest: (request, next) => {
      const customId = request.headers.get(customIdHeader)
      if (customId !== undefined) {
        const url = new URL(request.url)
        url.searchParams.set('api-version', customIdVersion)
        request.url = url.href
        request.body = JSON.stringify({ customId })
        request.headers.delete(customIdHeader)
        request.headers.set('content-type', 'application/json')
      }
      return next(request)
    },
  },
}

/** Options that make `customIdPolicy` send a `customId` with the request. */
export function withCustomId(customId: string): ServiceCallOptions {
  return timed({ requestOptions: { customHeaders: { [customIdHeader]: customId } } })
}
