/**
 * The server of this tier: one process for all files, and what every client sees of it.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after } from 'node:test'
import { type ServerProcess, startServer } from '../server-process.ts'
import { serverFolder } from './environment.ts'

let started: Promise<ServerProcess> | undefined

/** The relays that it tells of; they are only named. */
export const relayUrls = ['turn:relay.test:3478', 'stun:relay.test:3478'] as const

/** The server of this tier; started at the first call, stopped after the last test. */
export function theServer(): Promise<ServerProcess> {
  const settings = { PARLEY_TURN_URLS: relayUrls.join(',') }
  started ??= startServer({ dataDir: join(tierFolder(), serverFolder), settings })
  return started
}

after(async () => {
  if (started === undefined) return
  assert.deepEqual(await (await started).stop(), { code: 0, signal: null })
})

/** The folder of this tier, which is removed afterwards. */
export function tierFolder(): string {
  const { PARLEY_TEST_FOLDER } = process.env
  assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
  return PARLEY_TEST_FOLDER
}

/** Asks the server which of the tokens are live. */
export async function areLive(
  server: ServerProcess,
  tokens: readonly string[],
): Promise<readonly boolean[]> {
  const { status, body } = await server.call({
    method: 'POST',
    path: '/introspect',
    body: { tokens },
  })
  assert.equal(status, 200)
  return body.value.map((answer: { readonly active: boolean }) => answer.active)
}

/** The error that a client threw, by what programs look at. */
export async function refusalOf(
  call: Promise<unknown>,
): Promise<{ readonly name: string; readonly statusCode: number; readonly code: string }> {
  try {
    await call
  } catch (error) {
    assert.ok(error instanceof Error)
    const { name, statusCode, code } = error as Error & {
      readonly statusCode: number
      readonly code: string
    }
    return { name, statusCode, code }
  }
  return assert.fail('the call was not refused')
}
