import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  createTokenRefresher,
  TokenRefreshError,
  type TokenRefresher,
  type TokenRefresherOptions,
} from './client.ts'

interface Scene {
  readonly refresh: TokenRefresher
  readonly asked: { readonly url: string; readonly init: RequestInit }[]
  readonly slept: number[]
}

function newScene(answers: readonly Response[], more: TokenRefresherOptions = {}): Scene {
  const waiting = [...answers]
  const asked: Scene['asked'] = []
  const slept: number[] = []
  const refresh = createTokenRefresher({
    fetch: async (url, init = {}) => {
      asked.push({ url: String(url), init })
      return waiting.shift() ?? Response.error()
    },
    sleep: async (ms) => void slept.push(ms),
    ...more,
  })
  return { refresh, asked, slept }
}

const granted = () => Response.json({ token: 'a-token' }, { status: 201 })

function told(status: number, reason: string, retryAfter?: string): Response {
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
  return Response.json({ reason }, { status, headers })
}

describe('a token refresher', () => {
  test('asks its own origin with its cookies, and lets nothing be kept', async () => {
    const { refresh, asked } = newScene([granted()])
    assert.equal(await refresh(), 'a-token')
    const { url, init } = asked[0] ?? { url: '', init: {} }
    const { signal, ...rest } = init
    assert.equal(url, '/api/token')
    assert.ok(signal instanceof AbortSignal)
    assert.deepEqual(rest, {
      method: 'GET',
      headers: { accept: 'application/json', 'x-parley-request': '1' },
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
    })
  })

  test('asks for the headers of the app each time', async () => {
    let count = 0
    const headers = () => {
      count += 1
      return { authorization: `Bearer session-${count}` }
    }
    const { refresh, asked } = newScene([granted(), granted()], { headers })
    await refresh()
    await refresh()
    assert.deepEqual(
      asked.map(({ init }) => new Headers(init.headers).get('authorization')),
      ['Bearer session-1', 'Bearer session-2'],
    )
  })

  test('comes again when it is told when', async () => {
    const scene = newScene([told(429, 'too-many-requests', '3'), told(503, 'x', '1'), granted()])
    assert.equal(await scene.refresh(), 'a-token')
    assert.deepEqual(scene.slept, [3000, 1000])
  })

  const refusals = [
    [[told(401, 'not-authenticated')], 401, 'not-authenticated'],
    [[told(429, 'too-many-requests', '11')], 429, 'too-many-requests'],
    [[told(429, 'too-many-requests')], 429, 'too-many-requests'],
    [[1, 2, 3].map(() => told(503, 'service-unavailable', '0')), 503, 'service-unavailable'],
    [[new Response('<html>', { status: 502 })], 502, 'unknown'],
    [[Response.json({ token: '' })], 200, 'no-token'],
    [[new Response('<html>')], 200, 'no-token'],
  ] as const
  for (const [answers, status, reason] of refusals) {
    test(`rejects with ${status} ${reason}`, async () => {
      await assert.rejects(newScene(answers).refresh(), (error) => {
        assert.ok(error instanceof TokenRefreshError)
        assert.deepEqual([error.status, error.reason], [status, reason])
        return true
      })
    })
  }

  test('ends when it is told to', async () => {
    const abort = new AbortController()
    const sleep = async () => abort.abort(new Error('left the page'))
    const scene = newScene([told(503, 'service-unavailable', '1'), granted()], { sleep })
    await assert.rejects(scene.refresh(abort.signal), /left the page/)
    assert.equal(scene.asked.length, 1)
    assert.equal(scene.asked[0]?.init.signal?.aborted, true)
    const late = newScene([granted()])
    await late.refresh(abort.signal)
    assert.equal(late.asked[0]?.init.signal?.reason, abort.signal.reason)
  })
})
