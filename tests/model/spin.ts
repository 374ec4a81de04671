/**
 * Has Spin search a model: every state that can be reached is visited, or the way to one that
 * breaks what ought to hold is told.
 *
 * Spin makes a C program of the model, which does the search. What it prints is read here, and a
 * search that was cut short (by its depth, by memory) is no search: it throws.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** What is to be searched. */
export interface Search {
  /** The model's file. */
  readonly model: string
  /** What the model is compiled with, as `NAME` or `NAME=value`. */
  readonly defined: readonly string[]
  /** Breadth first finds the shortest way to an error, depth first needs far less memory. */
  readonly order: 'breadth-first' | 'depth-first'
}

/** What a search found. */
export interface Found {
  readonly stateCount: number
  readonly transitionCount: number
  readonly seconds: number
  /** What did not hold, as Spin words it; absent when everything held in every state. */
  readonly violation: string | undefined
  /** What happened until then, step by step, in the words of the model. */
  readonly way: readonly string[]
}

/** Megabytes that a search may take; the largest takes 1,100. */
const memoryMaxMegabytes = 3000

/** Steps that a way may have; the longest has some thousands. */
const depthMax = 1_000_000

/** Time after which a search, which takes a minute at most where nothing else runs, is ended. */
const limitMs = 1_200_000

/** Characters that a search may print. */
const outputBytesMax = 16_777_216

/** Searches a model to its end, or to the first thing that does not hold. */
export async function search(asked: Search): Promise<Found> {
  const { PARLEY_TEST_FOLDER } = process.env
  assert.ok(PARLEY_TEST_FOLDER !== undefined, 'run by tests/dist/run.js')
  const cwd = mkdtempSync(join(PARLEY_TEST_FOLDER, 'search-'))
  const options = { cwd, timeout: limitMs, maxBuffer: outputBytesMax }
  const defined = asked.defined.map((name) => `-D${name}`)
  await execute('spin', ['-a', ...defined, asked.model], options)
  const variant = asked.order === 'breadth-first' ? ['-DBFS', '-O1'] : ['-O2']
  const sizes = ['-DSAFETY', '-DNOFAIR', `-DMEMLIM=${memoryMaxMegabytes}`]
  await execute('gcc', [...variant, ...sizes, '-o', 'pan', 'pan.c'], options)
  const { stdout } = await execute('./pan', [`-m${depthMax}`, '-w24'], options)
  const found = parseFound(stdout)
  if (found.violation === undefined) return found
  const [trail] = [`${asked.model.split('/').at(-1)}.trail`]
  assert.ok(existsSync(join(cwd, trail)), `there is no ${trail}`)
  const replayed = await execute('./pan', ['-r', trail, '-S'], options).catch(readAnyway)
  return { ...found, way: parseWay(replayed.stdout) }
}

/** A replay ends in the error that it replays, and says so by its exit code. */
function readAnyway(error: unknown): { readonly stdout: string } {
  assert.ok(error instanceof Error && 'stdout' in error && typeof error.stdout === 'string')
  return { stdout: error.stdout }
}

function parseFound(output: string): Found {
  const violation = /^pan:1: (?!aborting)(.*) \(at depth \d+\)$/m.exec(output)?.[1]
  const errorCount = Number(/\berrors: (\d+)/.exec(output)?.[1])
  assert.equal(errorCount, violation === undefined ? 0 : 1, `not read:\n${output}`)
  const cut = /max search depth too small|out of memory|reached -DMEMLIM/.exec(output)?.[0]
  assert.equal(cut, undefined, `the search was cut short: ${cut}`)
  assert.ok(violation !== undefined || !output.includes('Search not completed'), output)
  return {
    stateCount: Number(/(\S+) states, stored/.exec(output)?.[1]),
    transitionCount: Number(/(\S+) transitions/.exec(output)?.[1]),
    seconds: Number(/elapsed time (\S+) seconds/.exec(output)?.[1]),
    violation,
    way: [],
  }
}

/** The steps of a replay: what the model printed, before Spin prints where it stands. */
function parseWay(output: string): readonly string[] {
  const lines = output.split('\n').map((line) => line.trim())
  const end = lines.findIndex((line) => /^(?:pan:|spin:|#processes)/.test(line))
  return lines.slice(0, end).filter((line) => line !== '')
}
