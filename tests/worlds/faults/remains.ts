/** What is there when all faults are over: in the database, and as every node tells it. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import type { Scene } from './clients.ts'
import type { FleetNode } from './fleet.ts'
import type { Remains } from './history.ts'
import { ask, useAt } from './journal.ts'
import type { Running } from './postgres-server.ts'

/** Asks every node about every token, one of them fresh from its start; reads what is stored. */
export async function readRemains(scene: Scene, running: Running): Promise<Remains> {
  const { journal, nodes } = scene
  const [fresh] = nodes
  await fresh.kill()
  await fresh.start()
  const tokens = journal.made.filter(({ kind }) => kind === 'token').map(({ name }) => name)
  const own = tokens.filter((token) => resourceOf(token) === resourceOf([...scene.live][0] ?? ''))
  for (const node of nodes) {
    await untilItAnswers(node)
    for (let start = 0; start < own.length; start += 1000) {
      await useAt(journal, node, { tokens: own.slice(start, start + 1000) })
    }
  }
  return readStored(running, tokens)
}

function resourceOf(token: string): unknown {
  return token === '' ? undefined : decodeJwt(token)['resourceId']
}

const comesBackMs = 10_000

async function untilItAnswers(node: FleetNode): Promise<void> {
  const deadlineAt = performance.now() + comesBackMs
  const request = { method: 'POST', path: '/introspect', body: { tokens: ['a'] } }
  for (;;) {
    const answer = await ask(node, {}, request)
    if (answer?.status === 200) return
    assert.ok(
      performance.now() < deadlineAt,
      `${node.name}: ${answer?.status}\n${node.server.stderr().slice(-12000)}`,
    )
    await delay(50)
  }
}

async function readStored(running: Running, tokens: readonly string[]): Promise<Remains> {
  const db = await running.open()
  const identities = await db<{ resource_id: string; identity_id: string }[]>`
    select identity.resource_id, identity_id
    from identity
    join resource using (resource_id)
    where resource.deleted_at is null
  `
  const ledger = await db<{ jti: string }[]>`
    select jti
    from access_token
  `
  await db.end()
  const stored = new Set(ledger.map(({ jti }) => jti))
  return {
    identities: new Set(
      identities.map(({ resource_id, identity_id }) => `8:acs:${resource_id}_${identity_id}`),
    ),
    tokens: new Set(tokens.filter((token) => stored.has(decodeJwt(token).jti ?? ''))),
  }
}
