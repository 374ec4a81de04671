import { join } from 'node:path'
import { exchangeOnce } from './connection.ts'
import { controlOf } from './control.ts'
import { insertBulk, openDatabaseOf } from './database.ts'
import { type Bench, type Claim, median } from './harness.ts'
import { signedRequest } from './requests.ts'
import { createWorkDirectory, type ParleyServer, startParley } from './servers.ts'

const tokens = 1_000_000
const limitMs = 100
const samplesInRound = 20

/**
 * Who can still get in, of a million live tokens: the first page of a resource whose tokens are of
 * 10,000 identities, the first of an identity that has them all, and a page of a million tokens
 * that one revocation voided. Wall time of a request over a connection of its own.
 */
export async function measureLive(bench: Bench): Promise<Claim[]> {
  const work = createWorkDirectory()
  const dataDirectory = join(work.path, 'data')
  const parley = await startParley(dataDirectory)
  try {
    const control = controlOf(parley, dataDirectory)
    const [many, one] = [await control.create('many'), await control.create('one')]
    const db = await openDatabaseOf(parley)
    await insertBulk(db, many.resourceId, { identities: 10_000, tokens })
    await insertBulk(db, one.resourceId, { identities: 1, tokens })
    const [holder] = await db<{ readonly identity_id: string }[]>`
      select identity_id from identity where resource_id = ${one.resourceId}
    `
    const identity = `8:acs:${one.resourceId}_${holder?.identity_id}`
    const path = '/parley/tokens'
    const ofIdentity = `/parley/identities/${identity}/tokens`
    const ofMany = await rounds(bench, parley, { accessKey: many.accessKey, path, listed: 100 })
    const ofOne = await rounds(bench, parley, {
      accessKey: one.accessKey,
      path: ofIdentity,
      listed: 100,
    })
    await db`
      update identity set generation = 2 where resource_id = ${one.resourceId}
    `
    await db`update access_token set identity_generation = 1 where resource_id = ${one.resourceId}`
    await db`vacuum analyze access_token`
    const ofVoid = await rounds(bench, parley, { accessKey: one.accessKey, path, listed: 0 })
    await db.end()
    const claim = (text: string, figures: readonly number[]): Claim => {
      return { text, figures, unit: 'ms', limit: limitMs }
    }
    return [
      claim('first page of 1,000,000 live tokens of a resource', ofMany),
      claim('first page of 1,000,000 live tokens of an identity', ofOne),
      claim('a page of 1,000,000 tokens that are void', ofVoid),
    ]
  } finally {
    await parley.stop()
    work.remove()
  }
}

interface Listing {
  readonly accessKey: Buffer
  readonly path: string
  /** How many tokens the page has. */
  readonly listed: number
}

/** The median of each round. */
async function rounds(bench: Bench, parley: ParleyServer, listing: Listing): Promise<number[]> {
  const medians: number[] = []
  for (let round = 0; round < bench.pace.rounds; round++) {
    const taken: number[] = []
    for (let sample = 0; sample < samplesInRound; sample++) {
      taken.push(await pageMs(parley, listing))
    }
    medians.push(median(taken))
  }
  return medians
}

async function pageMs(
  { http }: ParleyServer,
  { accessKey, path, listed }: Listing,
): Promise<number> {
  const request = signedRequest(http, accessKey, { method: 'GET', path })
  const startedAtMs = performance.now()
  const { status, body } = await exchangeOnce(http, request)
  const tookMs = performance.now() - startedAtMs
  const { value } = JSON.parse(body.toString()) as { readonly value?: readonly unknown[] }
  if (status !== 200 || value?.length !== listed) throw new Error(`${path}: ${status} ${body}`)
  return tookMs
}
