import type { AdminAccess } from '../environment.ts'

/** What the commands ask the control plane with. */
export const managementVersion = 'api-version=2025-09-01'

/** A resource as the control plane prints it, as far as the commands show it. */
export interface ArmResource {
  readonly name: string
  readonly properties: {
    readonly provisioningState: string
    readonly hostName?: string
    readonly immutableResourceId: string
    readonly dataLocation: string
  }
}

/** The path of the resources of a subscription, or of one of them in its group. */
export function armPath({ subscriptionId, resourceGroup }: AdminAccess, rest = ''): string {
  const scope = rest === '' ? '' : `/resourceGroups/${encodeURIComponent(resourceGroup)}`
  const provider = 'providers/Microsoft.Communication/communicationServices'
  const [name = '', action] = rest.split('/')
  const tail = [...(rest === '' ? [] : [encodeURIComponent(name)]), ...(action ? [action] : [])]
  const path = [`/subscriptions/${subscriptionId}${scope}/${provider}`, ...tail].join('/')
  return `${path}?${managementVersion}`
}
