import type { Database } from './database/connect.ts'
import { listEventsAfter } from './events/store.ts'
import type { Metrics } from './foundation/metrics.ts'
import type { OpenNode } from './nodes/open.ts'
import type { ResourceDirectory } from './resources/directory.ts'

/** What a carrier is given when the rooms are there. */
export interface CarrierWorld {
  readonly db: Database
  readonly node: OpenNode
  readonly installation: { readonly customIdKey: Parameters<Start>[0]['key'] }
  readonly resources: Pick<ResourceDirectory, 'find'>
  readonly metrics: Pick<Metrics, 'watch'>
}

type Start = NonNullable<OpenNode['carrier']>['start']

/** Starts what carries events beside the database, where there is something. */
export function startCarrier({ db, node, installation, resources, metrics }: CarrierWorld): void {
  const { carrier } = node
  if (carrier === undefined) return
  carrier.start({
    ...node,
    key: installation.customIdKey,
    isResource: (resourceId) => resources.find(resourceId) !== undefined,
    readPage: (afterSeq, eventsMax) => listEventsAfter(db, afterSeq, eventsMax),
  })
  metrics.watch(carrier.watched)
}
