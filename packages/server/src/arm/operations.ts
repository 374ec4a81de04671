import type { Operation } from '../contract/operation.ts'
import type { ControlPlane } from './control-plane.ts'
import { accessKeyOperations } from './key-operations.ts'
import { listOperations } from './list-operations.ts'
import { notServedOperations } from './not-served.ts'
import { providerOperations } from './provider-operations.ts'
import { resourceOperations } from './resource-operations.ts'
import { subscriptionOperations } from './subscription-operations.ts'

/** The operations of the control plane: resources, their access keys, subscriptions. */
export function controlPlaneOperations(plane: ControlPlane): readonly Operation[] {
  return [
    ...resourceOperations(plane),
    ...accessKeyOperations(plane),
    ...listOperations(plane),
    ...providerOperations(plane),
    ...subscriptionOperations(plane),
    ...notServedOperations,
  ]
}
