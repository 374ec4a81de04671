import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { createVerifier, fetchJwks, Jwks, Verdict } from '@parley/verifier'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { TokenCase } from '../vectors/cases.ts'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}`
if (skip !== false) console.log(`skipped: the verifier in a browser (${skip}; set CHROMIUM_PATH)`)

const repository = new URL('../../../', import.meta.url)
const vectors = JSON.parse(
  readFileSync(new URL('tests/vectors/tokens.json', repository), 'utf8'),
) as { readonly issuer: string; readonly keys: Jwks; readonly cases: readonly TokenCase[] }

const imports = {
  '@parley/verifier': '/verifier/index.js',
  '@parley/protocol': '/protocol/index.js',
}
const page = `<!doctype html><meta charset="utf-8"><title>verifier</title>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
  import * as verifier from '@parley/verifier'
  globalThis.verifier = verifier
</script>`

/** What the page has under `globalThis`. */
interface Loaded {
  readonly verifier: {
    readonly createVerifier: typeof createVerifier
    readonly fetchJwks: typeof fetchJwks
  }
}

/** Serves the page, the two packages as they are built, and the keys; notes what was asked for. */
function serve(asked: string[]): Server {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    asked.push(pathname)
    const [, name = '', file = ''] =
      /^\/(verifier|protocol)\/([a-z0-9-]+\.js)$/.exec(pathname) ?? []
    const path = new URL(`packages/${name}/dist/${file}`, repository)
    const answer = (type: string, body: string | Buffer) =>
      response.writeHead(200, { 'content-type': type }).end(body)
    if (pathname === '/') answer('text/html', page)
    else if (pathname === '/keys') answer('application/json', JSON.stringify(vectors.keys))
    else if (file !== '' && existsSync(path)) answer('text/javascript', readFileSync(path))
    else response.writeHead(404).end()
  })
}

// Playwright writes the function out as text, so it takes nothing from around it.
async function judgeInPage({ issuer, keys, cases }: typeof vectors): Promise<readonly Verdict[]> {
  const { createVerifier } = (globalThis as unknown as Loaded).verifier
  const verdicts: Verdict[] = []
  for (const { token, nowMs, audience, clockToleranceSeconds = 0, cutOffs = [] } of cases) {
    const owner = audience === undefined ? {} : { audience }
    const now = () => nowMs
    const verifier = createVerifier({ issuer, keys, clockToleranceSeconds, now, ...owner })
    for (const cutOff of cutOffs) verifier.apply(cutOff)
    verdicts.push(await verifier.verify(token))
  }
  return verdicts
}

describe('the verifier in Chromium', { skip }, () => {
  const asked: string[] = []
  const faults: string[] = []
  const server = serve(asked)
  let browser: Browser
  let opened: Page

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
    ]
    const quiet = [
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ]
    browser = await chromium.launch({ executablePath, args: [...flags, ...quiet] })
    opened = await browser.newPage()
    opened.on('pageerror', (error) => faults.push(error.message))
    // WebCrypto is there for localhost, as it is for https.
    await opened.goto(`http://localhost:${port}/`)
    await opened.waitForFunction(() => 'verifier' in globalThis)
  })

  after(async () => {
    await browser?.close()
    server.close()
  })

  test('gives the verdict of the vectors on every token', async () => {
    const verdicts = await opened.evaluate(judgeInPage, vectors)
    assert.equal(verdicts.length, vectors.cases.length)
    for (const [index, { what, verdict }] of vectors.cases.entries()) {
      const { claims: _, ...spelledOut } = verdicts[index] as Verdict & { readonly claims?: object }
      assert.deepEqual(spelledOut, verdict, what)
    }
  })

  test('fetches the key set of the server that it came from', async () => {
    const fetched = await opened.evaluate(
      (url) => (globalThis as unknown as Loaded).verifier.fetchJwks({ url }),
      new URL('/keys', opened.url()).href,
    )
    assert.deepEqual(fetched, { ok: true, value: vectors.keys })
  })

  test('loads nothing but itself and the protocol, and nothing for Node', () => {
    assert.deepEqual(faults, [])
    const scripts = asked.filter((path) => path.endsWith('.js'))
    assert.ok(scripts.includes('/verifier/index.js') && scripts.includes('/protocol/index.js'))
    for (const path of scripts) assert.match(path, /^\/(verifier|protocol)\/[a-z0-9-]+\.js$/)
    assert.equal(scripts.includes('/verifier/node.js'), false)
    const others = asked.filter((path) => !path.endsWith('.js') && path !== '/favicon.ico')
    assert.deepEqual(others, ['/', '/keys'])
  })
})
