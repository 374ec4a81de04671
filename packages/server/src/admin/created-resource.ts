import { ok } from '@parley/protocol'
import { type ControlPlane, putResource } from '../arm/control-plane.ts'
import type { Database } from '../database/connect.ts'
import type { Sealer } from '../foundation/seal.ts'
import { openAccessKey } from '../keys/model.ts'
import { findAccessKeys } from '../keys/store.ts'
import { defaultSettings, firstResource, type Resource } from '../resources/model.ts'
import { type ConnectionStrings, connectionStrings, type SlotTexts } from './reachable.ts'

/** A resource and how its owner reaches it. */
export interface CreatedResource extends ConnectionStrings {
  readonly resource: Resource
}

/** Creates a resource as a PUT in the control plane does, like the first one but for its name. */
export async function createNamedResource(
  plane: ControlPlane,
  asked: { readonly name: string; readonly subscriptionId: string; readonly atMs: number },
): Promise<CreatedResource> {
  const { name, subscriptionId, atMs } = asked
  const { resourceGroup, dataLocation } = firstResource
  const by = { actor: 'server', operation: 'Parley_CreateResource', requestId: '', atMs }
  const place = { subscriptionId, resourceGroup, name }
  const decide = () => ok({ dataLocation, settings: defaultSettings })
  const put = await putResource(plane, place, { decide, by })
  if (!put.ok) throw new Error(`no resource ${name}: ${put.fault.kind}`)
  const { resource } = put.value
  const keys = await slotTexts(plane.db, resource.resourceId, plane.sealer)
  return { resource, ...connectionStrings(plane.endpointFor(name), keys) }
}

/** The keys of a resource in the clear, for whoever is told them; empty where there is none. */
export async function slotTexts(
  db: Database,
  resourceId: string | undefined,
  sealer: Sealer,
): Promise<SlotTexts> {
  const texts = { primary: '', secondary: '' }
  if (resourceId === undefined) return texts
  for (const { current } of await findAccessKeys(db, resourceId)) {
    texts[current.slot] = openAccessKey(current, sealer)?.toString('base64') ?? ''
  }
  return texts
}
