/**
 * Proves what the README promises a newcomer: `node scripts/fresh-clone.mjs`.
 *
 * Clones the repository at HEAD into an empty folder and, with an empty npm cache and nothing else
 * of this machine's, runs `npm ci && npm start`, waits for the banner, runs the program that the
 * banner prints, and stops the server. Once as whoever calls it and, for root, once more as an
 * ordinary user made for it. What cannot be tried is skipped by name, and is a failure where CI is
 * set.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { CI = '' } = process.env
const isCi = !['', '0', 'false'].includes(CI)

/** Longest time for each step, milliseconds. The first start compiles and makes a database. */
const limits = {
  clone: 60_000,
  install: 600_000,
  banner: 180_000,
  program: 30_000,
  stop: 30_000,
  end: 5000,
}

/** Time between two looks; what was printed is complete when this long nothing followed it. */
const quietMs = 300

/** What npm may need to reach its registry, and nothing else, comes from this machine. */
const inherited = /^(?:PATH|LANG|TZ|NODE_EXTRA_CA_CERTS|(?:HTTPS?|NO)_PROXY)$/i

let failureCount = 0
await prove(`as ${userInfo().username}`, undefined)
if (process.getuid?.() === 0) await proveAsOrdinaryUser()
else leaveOut('as root', 'this is not root')
process.exitCode = failureCount === 0 ? 0 : 1

/** Names what was not tried. */
function leaveOut(name, reason) {
  if (isCi) failureCount += 1
  console.log(`fresh clone ${name}: ${isCi ? 'FAILED' : 'SKIPPED'}, ${reason}`)
}

async function proveAsOrdinaryUser() {
  const name = `parley-fresh-${process.pid}`
  const made = spawnSync('useradd', ['--no-create-home', '--shell', '/bin/sh', name])
  if (made.status !== 0) return leaveOut('as an ordinary user', 'useradd made none')
  try {
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout),
    )
    const account = { uid, gid }
    // A Node below root's home, as version managers put it, is out of reach for everybody else.
    if (spawnSync('node', ['--version'], { ...account, cwd: '/' }).status !== 0) {
      return leaveOut('as an ordinary user', 'node is not within its reach')
    }
    await prove('as an ordinary user', account)
  } finally {
    // Refuses as long as the user has a process, so it says whether something was left behind.
    const removed = spawnSync('userdel', [name], { encoding: 'utf8' })
    if (removed.status !== 0) {
      failureCount += 1
      console.log(`fresh clone: ${removed.stderr.trim()}`)
    }
  }
}

/** Walks the newcomer's way once and prints the time of each step. */
async function prove(name, account) {
  const home = mkdtempSync(join(tmpdir(), 'parley-fresh-'))
  const times = []
  const timed = async (step, act) => {
    const startedAtMs = performance.now()
    const result = await act()
    times.push(`${step} ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`)
    return result
  }
  let server
  try {
    const place = await timed('clone', () => clone(home, account))
    await timed('npm ci', () => run('npm ci', 'npm', ['ci'], limits.install, place))
    server = startServer(place)
    const banner = await timed('banner', () => bannerOf(server))
    await timed('program', () => runProgram(banner, place))
    await timed('stop', () => stop(server, banner, place))
    console.log(`fresh clone ${name}: passed (${times.join(', ')})`)
  } catch (error) {
    failureCount += 1
    console.log(`fresh clone ${name}: FAILED after ${times.join(', ') || 'nothing'}`)
    console.log(withoutKeys(String(error.message)).replaceAll(/^/gm, '    '))
  } finally {
    if (server !== undefined) await endServer(server)
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Clones HEAD; says where everything is and what a command there is run with. */
async function clone(home, account) {
  const folder = join(home, 'parley')
  // git refuses a repository that another account owns unless this file says otherwise.
  writeFileSync(join(home, '.gitconfig'), '[safe]\n\tdirectory = *\n')
  const env = { ...newcomersEnvironment(), HOME: home }
  const { stdout } = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' })
  env.npm_config_registry = stdout.trim()
  env.npm_config_cache = join(home, 'npm-cache')
  // Hard links would hand the objects of this repository to the other account.
  const words = ['clone', '--quiet', '--no-hardlinks', root, folder]
  await run('git clone', 'git', words, limits.clone, { folder: home, env })
  if (account !== undefined) {
    const owner = `${account.uid}:${account.gid}`
    await run('chown', 'chown', ['-R', owner, home], limits.clone, { folder: home, env })
  }
  chmodSync(home, 0o755)
  return { folder, env, account, dataDirectory: join(home, 'data') }
}

function newcomersEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => inherited.test(name)))
}

/** Runs a command to its end; throws its output when it fails or takes too long. */
function run(title, command, words, limitMs, place) {
  const child = spawn(command, words, spawnOptions(place))
  const output = gather(child)
  return new Promise((done, fail) => {
    const limit = setTimeout(() => {
      signalGroup(child, 'SIGKILL')
      fail(new Error(`${title} is not over after ${limitMs / 1000} s\n${output.text}`))
    }, limitMs)
    child.once('error', fail)
    child.once('close', (code, signal) => {
      clearTimeout(limit)
      if (code === 0) done()
      else fail(new Error(`${title} ended by ${signal ?? code}\n${output.text}`))
    })
  })
}

function spawnOptions({ folder, env, account }) {
  const stdio = ['ignore', 'pipe', 'pipe']
  return { cwd: folder, env, stdio, detached: true, ...account }
}

/** Collects what a process prints, both streams in `text`, standard output alone in `stdout`. */
function gather(child) {
  const output = { text: '', stdout: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output.text += chunk
    output.stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    output.text += chunk
  })
  return output
}

function startServer(place) {
  const env = {
    ...place.env,
    PARLEY_DATA_DIR: place.dataDirectory,
    PARLEY_HTTPS_PORT: '0',
    PARLEY_HTTP_PORT: '0',
    PARLEY_MANAGEMENT_PORT: '0',
  }
  const child = spawn('npm', ['start'], spawnOptions({ ...place, env }))
  return { child, output: gather(child) }
}

/**
 * Waits until the banner stands complete on standard output.
 *
 * Its lines, in this order: `endpoint=...` (the connection string), one that sets
 * `NODE_EXTRA_CA_CERTS=<file>`, one that ends in `program.mjs:`, and the program, each line of it
 * indented by four spaces.
 */
async function bannerOf({ child, output }) {
  const deadlineMs = performance.now() + limits.banner
  let seen = ''
  while (performance.now() < deadlineMs) {
    await pause()
    if (child.exitCode !== null) {
      throw new Error(`npm start ended by ${child.exitCode} before its banner\n${output.text}`)
    }
    const banner = parseBanner(output.stdout)
    if (banner !== undefined && seen === output.stdout) return banner
    seen = output.stdout
  }
  throw new Error(`no banner after ${limits.banner / 1000} s\n${output.text}`)
}

function pause() {
  return new Promise((done) => setTimeout(done, quietMs))
}

function parseBanner(stdout) {
  const endpoint = /^endpoint=(https?:\/\/[^;/]+)/m.exec(stdout)?.[1]
  const [, ca] = /\bNODE_EXTRA_CA_CERTS=['"]?([^'"\n]+)/.exec(stdout) ?? []
  const [, indented] = /program\.mjs:\n\n*((?: {4}.*\n|\n)+)/.exec(stdout) ?? []
  if (endpoint === undefined || ca === undefined || indented === undefined) return undefined
  return { endpoint, ca: ca.trim(), program: indented.replaceAll(/^ {4}/gm, '') }
}

function runProgram(banner, place) {
  const file = join(place.folder, 'program.mjs')
  writeFileSync(file, banner.program)
  const env = { ...place.env, NODE_EXTRA_CA_CERTS: resolve(place.folder, banner.ca) }
  return run('program.mjs', 'node', [file], limits.program, { ...place, env })
}

/** Asks the server to end, as a service manager does, and looks for what it left running. */
async function stop({ child, output }, banner, place) {
  const ended = new Promise((done) => child.once('exit', (code, signal) => done(signal ?? code)))
  const late = new Promise((done) => setTimeout(() => done('the limit'), limits.stop).unref())
  child.kill('SIGTERM')
  const cause = await Promise.race([ended, late])
  if (cause !== 0) throw new Error(`npm start ended by ${cause} after SIGTERM\n${output.text}`)
  if (signalGroup(child, 0)) throw new Error('npm start ended, but a process of it did not')
  if (await isListening(banner.endpoint)) throw new Error(`${banner.endpoint} still answers`)
  const left = readdirSync(place.dataDirectory, { recursive: true, encoding: 'utf8' })
  if (left.some((path) => path.endsWith('postmaster.pid'))) {
    throw new Error('the embedded database was not stopped')
  }
}

/** Ends what a failed proof left running: its database must not outlive its folder. */
async function endServer({ child }) {
  const deadlineMs = performance.now() + limits.end
  while (signalGroup(child, 'SIGTERM') && performance.now() < deadlineMs) await pause()
  signalGroup(child, 'SIGKILL')
}

function isListening(endpoint) {
  const { hostname, port } = new URL(endpoint)
  return new Promise((done) => {
    const socket = connect(Number(port), hostname)
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Signals a process and all it started; says whether any was there. */
function signalGroup(child, signal) {
  try {
    return process.kill(-child.pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
    return false
  }
}

/** A throw-away key is a key: logs of CI are read by many. */
function withoutKeys(text) {
  return text.replaceAll(/accesskey=[^\s'"]+/gi, 'accesskey=(hidden)')
}
