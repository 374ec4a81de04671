import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measureCalls } from './calls.ts'
import { measureCandidates } from './candidates.ts'
import { measureChat } from './chat.ts'
import { measureChatSockets } from './chat-sockets.ts'

import { measureCorridor } from './corridor.ts'
import { measureCreate } from './create.ts'
import { measureFollowers } from './followers.ts'
import { measureFootprint } from './footprint.ts'
import { type Bench, type Claim, type Series, startLoad } from './harness.ts'
import { measureIntrospect } from './introspect.ts'
import { measureIssue } from './issue.ts'
import { measureLive } from './live.ts'
import { measurePeers } from './peers.ts'
import { measurePurge } from './purge.ts'
import { measureRegenerate } from './regenerate.ts'
import { createReport, printReport, printSeries, readMachineFacts } from './report.ts'
import { measureWorkers } from './workers.ts'

/**
 * Runs the scripts of the bench, all of them or those named, and prints a table of their claims.
 *
 *     node bench/dist/run.js [--rounds 5] [--seconds 2] [--json FILE] [--gate] [name ...]
 *
 * It ends with 0 whatever was measured; with `--gate` a missed claim makes it 1. Linux only, since
 * costs are read from `/proc`.
 */
const scripts: Readonly<Record<string, (bench: Bench) => Promise<Claim[]>>> = {
  peers: measurePeers,
  issue: measureIssue,
  create: measureCreate,
  introspect: measureIntrospect,
  corridor: measureCorridor,
  followers: measureFollowers,
  footprint: measureFootprint,
  candidates: measureCandidates,
  regenerate: measureRegenerate,
  purge: measurePurge,
  live: measureLive,
  workers: measureWorkers,
  'chat-sockets': measureChatSockets,
  chat: measureChat,
  calls: measureCalls,
}

/** Scripts that print a table of their own: they measure inside one process, without a server. */
const inProcess = ['verify', 'instructions']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'string' },
    gate: { type: 'boolean', default: false },
  },
})

const loadAverageBefore = loadavg()[0] ?? Number.NaN
const load = startLoad()
const claims: Claim[] = []
const allSeries: Series[] = []
const note = (text: string) => void process.stdout.write(`${text}\n`)
const bench: Bench = {
  pace: {
    rounds: Number(values.rounds),
    warmUpMs: 400,
    measureMs: Number(values.seconds) * 1000,
  },
  load,
  note,
  report: (series) => {
    allSeries.push(series)
    note(printSeries(series))
  },
}

try {
  for (const name of positionals.length === 0 ? Object.keys(scripts) : positionals) {
    if (inProcess.includes(name)) continue
    const measure = scripts[name]
    if (measure === undefined) throw new Error(`no script is called ${name}`)
    note(`${name}: minimum / median / maximum per request`)
    claims.push(...(await measure(bench)))
  }
} finally {
  load.stop()
}

const report = createReport(readMachineFacts(loadAverageBefore), claims, allSeries)
note(`\n${printReport(report)}`)
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
let isMissedInProcess = false
for (const name of positionals.length === 0 ? inProcess : positionals) {
  if (!inProcess.includes(name)) continue
  const path = fileURLToPath(new URL(`./${name}.js`, import.meta.url))
  note(`\n${name}:`)
  const { status } = spawnSync(process.execPath, [path], { stdio: 'inherit' })
  if (status !== 0) isMissedInProcess = true
}
if (values.gate && isMissedInProcess) process.exitCode = 1
if (values.gate && report.claims.some(({ isMet }) => !isMet)) process.exitCode = 1
