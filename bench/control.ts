import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exchangeOnce, type Reply } from './connection.ts'
import { plainRequest, type Request } from './requests.ts'
import type { ParleyServer } from './servers.ts'

/** The control plane of a server, by its admin token. */
export interface Control {
  /** Creates a resource and gives its id and primary key. */
  readonly create: (name: string) => Promise<ControlledResource>
  /** The request that deletes a resource. */
  readonly deletion: (name: string) => Buffer
  /** The request that regenerates the primary key of a resource. */
  readonly regeneration: (name: string) => Buffer
  /** How far the purge of a resource is; absent before its deletion. */
  readonly findPurge: (resourceId: string) => Promise<Purge | undefined>
}

/** A resource with the key that the bench signs with. */
export interface ControlledResource {
  readonly resourceId: string
  readonly accessKey: Buffer
}

/** The report of a purge. */
export interface Purge {
  readonly resourceId: string
  readonly identitiesDeleted: number
  readonly tokensDeleted: number
  readonly finishedOn?: string
}

/** Reads the admin token where a first start wrote it. */
export function controlOf(parley: ParleyServer, dataDirectory: string): Control {
  const file = readFileSync(join(dataDirectory, 'parley.env'), 'utf8')
  const read = (name: string) => new RegExp(`^${name}='(.*)'$`, 'm').exec(file)?.[1] ?? ''
  const authorization = `authorization: Bearer ${read('PARLEY_ADMIN_TOKEN')}`
  const group = `/subscriptions/${read('PARLEY_SUBSCRIPTION_ID')}/resourceGroups/bench`
  const pathOf = (name: string, action = '') =>
    `${group}/providers/Microsoft.Communication/communicationServices/${name}${action}` +
    '?api-version=2023-04-01'
  const printed = (request: Request) => plainRequest(parley.http, request, [authorization])
  const ask = async <Body>(request: Request): Promise<Body> => {
    const { status, body }: Reply = await exchangeOnce(parley.http, printed(request))
    if (status >= 300) throw new Error(`${request.method} ${request.path}: ${status} ${body}`)
    return JSON.parse(body.toString()) as Body
  }
  return {
    async create(name) {
      const body = '{"location":"global","properties":{"dataLocation":"Europe"}}'
      const { properties } = await ask<{ properties: { immutableResourceId: string } }>({
        method: 'PUT',
        path: pathOf(name),
        body,
      })
      const path = pathOf(name, '/listKeys')
      const { primaryKey } = await ask<{ primaryKey: string }>({ method: 'POST', path })
      const accessKey = Buffer.from(primaryKey, 'base64')
      return { resourceId: properties.immutableResourceId, accessKey }
    },
    deletion: (name) => printed({ method: 'DELETE', path: pathOf(name) }),
    regeneration: (name) =>
      printed({
        method: 'POST',
        path: pathOf(name, '/regenerateKey'),
        body: '{"keyType":"Primary"}',
      }),
    async findPurge(resourceId) {
      const path = '/parley/purges?maxPageSize=1000'
      const { value } = await ask<{ value: readonly Purge[] }>({ method: 'GET', path })
      return value.find((purge) => purge.resourceId === resourceId)
    },
  }
}
