/**
 * A page and a Web Worker follow revocations from another origin, over https, as it is deployed:
 * with preflights, a streamed reply and a credential of their own.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createIdentity, issueToken, postRevoke } from '../calls.ts'
import { makeCredential } from '../credentials.ts'
import { newDataDir, startWorld, type Tenant, type World } from '../world.ts'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}`

const repository = new URL('../../../', import.meta.url)

/** The program of the page and of the worker: it follows, and judges whatever it is asked about. */
const program = `
import { createVerifier, fetchJwks, followRevocations } from '/verifier/index.js'
let judge, following
const begin = async ({ endpoint, credential, acknowledge }) => {
  const keys = await fetchJwks({ url: endpoint + '/.well-known/jwks.json' })
  if (!keys.ok) return 'no keys: ' + keys.fault.kind
  const verifier = createVerifier({ keys: keys.value, issuer: endpoint })
  following = followRevocations(
    { verifier, endpoint, credential, acknowledge, maxStalenessMs: 10000 })
  judge = async (token) => {
    const verdict = await verifier.verify(token)
    return verdict.ok ? 'ok' : verdict.reason
  }
}
const acts = {
  begin,
  ready: () => following.ready.then(() => 'ready'),
  judge: (token) => judge(token),
  fault: () => following.fault()?.kind,
}
export const act = ([name, what]) => acts[name](what)
`
const files: Readonly<Record<string, readonly [string, string]>> = {
  '/program.js': ['text/javascript', program],
  '/worker.js': [
    'text/javascript',
    `import { act } from '/program.js'
    onmessage = async ({ data: { id, asked } }) => postMessage({ id, answer: await act(asked) })
    postMessage('here')`,
  ],
  '/': [
    'text/html',
    `<!doctype html><meta charset="utf-8"><title>following</title><script type="module">
    import { act } from '/program.js'
    const worker = new Worker('/worker.js', { type: 'module' })
    let last = 0
    const waiting = new Map()
    worker.onmessage = ({ data }) => {
      if (data === 'here') globalThis.actors = { page: act, worker: tell }
      else waiting.get(data.id)(data.answer)
    }
    const tell = (asked) => new Promise((resolve) => {
      waiting.set(++last, resolve)
      worker.postMessage({ id: last, asked })
    })
    </script>`,
  ],
}

/** Serves the page and both packages; a worker has no import map, so names become paths here. */
function serve(): Server {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const [, name = '', file = ''] =
      /^\/(verifier|protocol)\/([a-z0-9-]+\.js)$/.exec(pathname) ?? []
    const path = new URL(`packages/${name}/dist/${file}`, repository)
    const own = files[pathname]
    if (own !== undefined) {
      response.writeHead(200, { 'content-type': own[0] }).end(own[1])
    } else if (file !== '' && existsSync(path)) {
      const text = readFileSync(path, 'utf8').replaceAll(
        "'@parley/protocol'",
        "'/protocol/index.js'",
      )
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(text)
    } else response.writeHead(404).end()
  })
}

type Asked = readonly ['begin', object] | readonly ['judge', string] | readonly ['ready' | 'fault']

describe('a follower in Chromium', { skip }, () => {
  const server = serve()
  let browser: Browser
  let origin = ''
  let world: World
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://localhost:${(server.address() as AddressInfo).port}`
    world = await startWorld(newDataDir(), { PARLEY_CORS_ORIGINS: origin })
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run']
    // The authority of the server's certificate is one for development.
    const trusting = ['--ignore-certificate-errors', '--disable-background-networking']
    browser = await chromium.launch({ executablePath, args: [...flags, ...trusting] })
  })
  after(async () => {
    await browser?.close()
    server.close()
  })

  /** Opens the page anew and speaks with one of its actors. */
  async function openActor(actor: 'page' | 'worker', host = 'localhost') {
    const opened: Page = await browser.newPage()
    await opened.goto(`${origin.replace('localhost', host)}/`)
    await opened.waitForFunction(() => 'actors' in globalThis)
    return (...asked: Asked): Promise<unknown> =>
      opened.evaluate(
        ([name, what]) => {
          const { actors } = globalThis as unknown as {
            actors: Record<string, (asked: Asked) => Promise<unknown>>
          }
          return actors[name]?.(what)
        },
        [actor, asked] as const,
      )
  }

  async function beginning(tenant: Tenant, acknowledge = false) {
    const made = await makeCredential(tenant, { expiresInMinutes: 60, mayBeWaitedFor: acknowledge })
    const endpoint = world.parley.endpoint.slice(0, -1)
    return { endpoint, credential: made.secret, acknowledge }
  }

  async function holder(tenant: Tenant) {
    const id = await createIdentity(tenant)
    return { id, token: await issueToken(tenant, id) }
  }

  for (const actor of ['page', 'worker'] as const) {
    test(`learns of a revocation from another origin, as a ${actor}`, async () => {
      const tenant = await world.createTenant()
      const [dead, live] = [await holder(tenant), await holder(tenant)]
      await postRevoke(tenant, dead.id)
      const act = await openActor(actor)
      await act('begin', await beginning(tenant))
      assert.equal(await act('ready'), 'ready')
      assert.deepEqual(
        [await act('judge', dead.token), await act('judge', live.token)],
        ['void', 'ok'],
      )
      await postRevoke(tenant, live.id)
      const startedAt = performance.now()
      while ((await act('judge', live.token)) !== 'void') {
        assert.ok(performance.now() - startedAt < 10_000, 'in vain')
      }
    })

    test(`knows of it when it was answered, if it is waited for, as a ${actor}`, async () => {
      const tenant = await world.createTenant()
      const act = await openActor(actor)
      await act('begin', await beginning(tenant, true))
      await act('ready')
      for (const { id, token } of [await holder(tenant), await holder(tenant)]) {
        const startedAt = performance.now()
        while ((await act('judge', token)) !== 'ok') {
          assert.ok(performance.now() - startedAt < 10_000, 'no lease')
        }
        await postRevoke(tenant, id)
        assert.notEqual(await act('judge', token), 'ok')
      }
    })
  }

  test('hears nothing at an origin that is not allowed, and refuses', async () => {
    const tenant = await world.createTenant()
    const { token } = await holder(tenant)
    const act = await openActor('page', '127.0.0.1')
    await act('begin', await beginning(tenant))
    const startedAt = performance.now()
    while ((await act('fault')) === undefined) {
      assert.ok(performance.now() - startedAt < 10_000, 'in vain')
    }
    assert.deepEqual([await act('fault'), await act('judge', token)], ['unreachable', 'stale'])
  })
})
