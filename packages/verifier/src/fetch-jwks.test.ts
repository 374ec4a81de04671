import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fetchJwks, type Jwks } from './index.ts'

const file = new URL('../../../tests/vectors/tokens.json', import.meta.url)
const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { readonly keys: Jwks }

const url = 'https://parley.example/.well-known/jwks.json'
const answering =
  (body: string | Uint8Array<ArrayBuffer> | null, status = 200): typeof fetch =>
  async () =>
    new Response(body, { status })

const faultOf = async (fetch: typeof globalThis.fetch, timeoutMs = 1000) => {
  const fetched = await fetchJwks({ url, fetch, timeoutMs })
  return fetched.ok ? 'none' : fetched.fault.kind
}

describe('a key set that is fetched', () => {
  test('is the one published there', async () => {
    const fetched = await fetchJwks({ url, fetch: answering(JSON.stringify(keys)) })
    assert.deepEqual(fetched, { ok: true, value: keys })
  })

  test('is asked for without following redirects or sending cookies', async () => {
    const asked: unknown[] = []
    const fetch: typeof globalThis.fetch = async (input, init) => {
      asked.push(input, init?.redirect, init?.credentials)
      return new Response(JSON.stringify(keys))
    }
    await fetchJwks({ url, fetch })
    assert.deepEqual(asked, [url, 'error', 'omit'])
  })

  test('may come in pieces', async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(keys))
    const body = new ReadableStream({
      start: (controller) => {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })
    assert.equal(await faultOf(async () => new Response(body)), 'none')
  })

  const bodies: readonly (readonly [string, string | Uint8Array<ArrayBuffer> | null, string])[] = [
    ['nothing', null, 'not-a-key-set'],
    ['a page', '<!doctype html>', 'not-a-key-set'],
    ['a list', '[]', 'not-a-key-set'],
    ['keys twice', '{"keys":[],"keys":[]}', 'not-a-key-set'],
    ['bytes that are not UTF-8', Uint8Array.of(0xff), 'not-a-key-set'],
    ['no key', '{"keys":[]}', 'no-usable-key'],
    ['a secret key', '{"keys":[{"kty":"oct","k":"AA","kid":"a"}]}', 'no-usable-key'],
    ['65 keys', `{"keys":[${Array(65).fill('{}').join()}]}`, 'too-many-keys'],
    ['one kid twice', JSON.stringify({ keys: [...keys.keys, ...keys.keys] }), 'kid-used-twice'],
    ['64 KiB and a byte', JSON.stringify(keys).padEnd(64 * 1024 + 1), 'too-large'],
    ['64 KiB', JSON.stringify(keys).padEnd(64 * 1024), 'none'],
  ]
  for (const [what, body, fault] of bodies) {
    test(`that is ${what} has the fault ${fault}`, async () => {
      assert.equal(await faultOf(answering(body)), fault)
    })
  }

  test('is not looked at under another status than 200', async () => {
    const fetch = answering(JSON.stringify(keys), 203)
    const fault = { kind: 'wrong-status', status: 203 }
    assert.deepEqual(await fetchJwks({ url, fetch }), { ok: false, fault })
  })

  test('is unreachable when the connection fails, before or in the answer', async () => {
    const cause = new TypeError('fetch failed')
    const refusing: typeof fetch = () => Promise.reject(cause)
    const fault = { kind: 'unreachable', cause }
    assert.deepEqual(await fetchJwks({ url, fetch: refusing }), { ok: false, fault })
    const body = new ReadableStream({ pull: (controller) => controller.error(cause) })
    assert.equal(await faultOf(async () => new Response(body)), 'unreachable')
  })

  test('is waited for no longer than asked, by a fetch that obeys its signal', async () => {
    const obedient: typeof fetch = (_, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      })
    assert.equal(await faultOf(obedient, 1), 'timed-out')
  })

  test('is waited for no longer than asked, by a fetch or an answer that does not', async () => {
    assert.equal(await faultOf(() => new Promise(() => {}), 1), 'timed-out')
    const silent = async () => new Response(new ReadableStream({}))
    assert.equal(await faultOf(silent, 1), 'timed-out')
  })

  const urls = [
    ['https://parley.example/keys', true],
    ['http://localhost:4480/keys', true],
    ['http://127.0.0.1/keys', true],
    ['http://[::1]:4480/keys', true],
    ['http://parley.example/keys', false],
    ['http://localhost.example/keys', false],
    ['http://127.0.0.1.example/keys', false],
    ['file:///keys.json', false],
    ['data:application/json,{}', false],
    ['keys.json', false],
    ['', false],
  ] as const
  for (const [address, accepted] of urls) {
    test(`${accepted ? 'may' : 'may not'} come from ${JSON.stringify(address)}`, async () => {
      const fetched = fetchJwks({ url: address, fetch: answering(JSON.stringify(keys)) })
      if (accepted) assert.equal((await fetched).ok, true)
      else await assert.rejects(fetched, TypeError)
    })
  }

  for (const timeoutMs of [0, -1, 60_001, Number.NaN]) {
    test(`may not be waited for ${timeoutMs} ms`, async () => {
      await assert.rejects(fetchJwks({ url, fetch: answering(''), timeoutMs }), TypeError)
    })
  }
})
