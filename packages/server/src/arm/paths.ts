import type { ServiceVersions } from '../contract/versions.ts'
import type { ResourcePlace } from '../resources/model.ts'

/** Every version of the control plane. */
export const everyVersion = { service: 'management', since: '2020-08-20' } as const

const provider = '/providers/Microsoft.Communication'
const inSubscription = `/subscriptions/{subscriptionId}${provider}`
const inGroup = `/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}${provider}`

/** The templates of the control plane. @source ACS management, paths. */
export const paths = {
  provider,
  inSubscription,
  inGroup,
  resource: `${inGroup}/communicationServices/{communicationServiceName}`,
} as const

/** Where the path of a call leads. */
export function placeIn(params: Readonly<Record<string, string>>): ResourcePlace {
  return {
    subscriptionId: params['subscriptionId'] ?? '',
    resourceGroup: params['resourceGroupName'] ?? '',
    name: params['communicationServiceName'] ?? '',
  }
}

/** The versions in which e-mail and what belongs to it exists. */
export const emailVersions: ServiceVersions = { service: 'management', since: '2023-03-31' }
