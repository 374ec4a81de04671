/**
 * An example as a newcomer has it: the one command of its README, and Chromium that trusts the
 * server's certificate, as somebody does who has accepted it.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import { type Browser, chromium, type Page } from 'playwright-core'
import { fencesOf, readPage } from './documents/markdown.ts'
import { type Launched, launch, type ProcessEnd } from './server-process.ts'

const { CHROMIUM_PATH: executablePath = '/usr/bin/chromium' } = process.env

/** Why there is no browser to test with; `false` when there is one. */
export const lacksChromium: string | false = existsSync(executablePath)
  ? false
  : `no Chromium at ${executablePath}`

/** An example that runs, with the server that it has started for itself. */
export interface ExampleApp extends Launched {
  readonly url: string
  /** What the server says of itself in `parley.env`. */
  readonly variables: Readonly<Record<string, string>>
  readonly dataDir: string
  /** Asks it to end and waits for that, and for its server. */
  readonly stop: () => Promise<ProcessEnd>
}

const startTimeoutMs = 90_000

/** The commands of an example's README, in their order. */
export function commandsOf(name: string): readonly string[] {
  return fencesOf(readPage(`examples/${name}/README.md`))
    .filter(({ language }) => language === 'sh')
    .map(({ code }) => code.trim())
}

/** Runs the first command of an example's README and waits until it says where it is. */
export async function startExample(name: string, dataDir = newDataDir()): Promise<ExampleApp> {
  const [command = ''] = commandsOf(name)
  const launched = launch(command.split(' '), { dataDir, settings: { PORT: '0' } })
  const url = await urlOf(launched)
  const variables = parseEnvironmentFile(readFileSync(join(dataDir, 'parley.env'), 'utf8'))
  const stop = () => {
    launched.child.kill('SIGTERM')
    return launched.ended
  }
  return { ...launched, url, variables, dataDir, stop }
}

function newDataDir(): string {
  return join(mkdtempSync(join(process.env['PARLEY_TEST_FOLDER'] ?? '', 'example-')), '.parley')
}

async function urlOf({ child, stdout, stderr, ended }: Launched): Promise<string> {
  const limit = AbortSignal.timeout(startTimeoutMs)
  const gone = ended.then(() => 'gone' as const)
  for (;;) {
    const found = /(http:\/\/localhost:\d+\/)\nStop with/.exec(stdout())?.[1]
    if (found !== undefined) return found
    const next = await Promise.race([once(child.stdout ?? child, 'data', { signal: limit }), gone])
    if (next === 'gone') throw new Error(`the example ended\n${stdout()}${stderr()}`)
  }
}

/** Opens Chromium; with an endpoint, it trusts the certificate of that and no other. */
export async function openBrowser(
  endpoint?: string,
  flags: readonly string[] = [],
): Promise<Browser> {
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', ...flags]
  if (endpoint !== undefined) {
    const print = await keyPrintOf(Number(new URL(endpoint).port))
    args.push(`--ignore-certificate-errors-spki-list=${print}`)
  }
  return chromium.launch({ executablePath, args })
}

/** Names the key of a server as Chromium takes it. */
function keyPrintOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const { raw } = socket.getPeerCertificate()
      const key = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' })
      socket.destroy()
      resolve(createHash('sha256').update(key).digest('base64'))
    })
    socket.on('error', reject)
  })
}

/** Opens the page of an example as somebody with a browser of his own. */
export async function openTab(browser: Browser, url: string): Promise<Page> {
  const viewport = { width: 1180, height: 700 }
  const context = await browser.newContext({ viewport, locale: 'en-GB' })
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  await page.goto(url)
  return page
}

/**
 * Takes a picture of a page, into the folder of the tier, or into `PARLEY_SCREENSHOTS` for whoever
 * renews those in `docs/images`.
 */
export async function takePicture(page: Page, name: string): Promise<Buffer> {
  const { PARLEY_SCREENSHOTS, PARLEY_TEST_FOLDER = '' } = process.env
  return page.screenshot({ path: join(PARLEY_SCREENSHOTS ?? PARLEY_TEST_FOLDER, `${name}.png`) })
}

/** Writes a message and sends it. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message').fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}

/** Waits until a text stands on the page. */
export async function reads(page: Page, text: string | RegExp): Promise<void> {
  await page.getByText(text).first().waitFor()
}
