/**
 * What `npm run example:<name>` runs: an app of `examples/`, beside the server that it needs.
 *
 * A server that runs already is used; without one, it is started here and stopped with the app.
 * What the app has to know stands in `parley.env`. It is a process of its own because Node reads
 * `NODE_EXTRA_CA_CERTS` only when it starts.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const app = join(root, 'examples', 'dist', process.argv[2] ?? '', 'main.js')
const dataDirectory = resolve(process.env.PARLEY_DATA_DIR || '.parley')
const file = join(dataDirectory, 'parley.env')
const startLimitMs = 60_000

const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const build = spawnSync(process.execPath, [compiler, '-b'], { cwd: root, encoding: 'utf8' })
if (build.status !== 0) {
  console.error(`${build.stdout}${build.stderr}\nThis does not compile; nothing was started.`)
  process.exit(1)
}
if (!existsSync(app)) {
  console.error(
    'usage: npm run example:web-chat | npm run example:web-call | npm run example:clinic',
  )
  process.exit(2)
}

let server
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => ending.abort())
try {
  if (!(await isRunning())) server = await startServer()
  process.exitCode = ending.signal.aborted ? 0 : await runApp()
} finally {
  if (server !== undefined) await end(server)
}

function variables() {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)='(.*)'$/gm)].map((found) => found.slice(1)),
  )
}

/** Whether somebody listens where the file says that the server is. */
function isRunning() {
  const { PARLEY_ADMIN_ENDPOINT: endpoint } = variables()
  if (endpoint === undefined) return false
  const { hostname, port } = new URL(endpoint)
  return new Promise((done) => {
    const socket = connect(Number(port || 443), hostname)
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Starts a server and waits for the last line of its banner. */
async function startServer() {
  console.log(`Starting Parley with its data in ${dataDirectory}`)
  const main = join(root, 'packages', 'server', 'dist', 'main.js')
  const env = { PARLEY_LOG_LEVEL: 'warn', ...process.env, PARLEY_DATA_DIR: dataDirectory }
  // In a group of its own: Ctrl+C is for the app first, which has something to tell the server.
  const child = spawn(process.execPath, [main], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const limit = setTimeout(() => child.kill('SIGTERM'), startLimitMs)
  const ended = new Promise((done) => child.once('exit', () => done(false)))
  const up = new Promise((done) => {
    let banner = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      banner += chunk
      if (banner.includes('Stop with Ctrl+C.')) done(true)
    })
  })
  const isUp = await Promise.race([up, ended])
  clearTimeout(limit)
  if (!isUp) throw new Error('Parley did not start; what it said stands above.')
  return child
}

/** Runs the app until it ends or is asked to; gives its exit code. */
function runApp() {
  const child = spawn(process.execPath, [app], {
    env: { ...process.env, ...variables(), PARLEY_DATA_DIR: dataDirectory },
    stdio: 'inherit',
    detached: true,
  })
  ending.signal.addEventListener('abort', () => child.kill('SIGTERM'))
  if (ending.signal.aborted) child.kill('SIGTERM')
  return new Promise((done) => child.once('exit', (code) => done(code ?? 1)))
}

function end(child) {
  if (child.exitCode !== null) return undefined
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  return ended
}
