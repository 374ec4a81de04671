import { readFileSync, statfsSync } from 'node:fs'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { type Claim, median, type Series } from './harness.ts'

/** What a figure means nothing without. */
export interface MachineFacts {
  readonly cpu: string
  readonly cpuCount: number
  readonly memoryGigabytes: number
  readonly kernel: string
  readonly node: string
  /** Whether data directories lie in memory, where durable writes cost nothing. */
  readonly isDataInMemory: boolean
  readonly loadAverageBefore: number
  readonly loadAverageAfter: number
}

/** Everything that one run of the bench found. */
export interface Report {
  readonly machine: MachineFacts
  readonly claims: readonly (Claim & { readonly measured: number; readonly isMet: boolean })[]
  readonly series: readonly Series[]
}

const tmpfsType = 0x01021994

/** Reads what the machine is, after a run that started at `loadAverageBefore`. */
export function readMachineFacts(loadAverageBefore: number): MachineFacts {
  const processors = cpus()
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cpuCount: processors.length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    node: process.version,
    isDataInMemory: statfsSync(tmpdir()).type === tmpfsType,
    loadAverageBefore,
    loadAverageAfter: loadavg()[0] ?? Number.NaN,
  }
}

/** Puts the pieces of a run together and judges the claims. */
export function createReport(
  machine: MachineFacts,
  claims: readonly Claim[],
  series: readonly Series[],
): Report {
  const judged = claims.map((claim) => {
    const measured = median(claim.figures)
    return { ...claim, measured, isMet: claim.limit === undefined || measured <= claim.limit }
  })
  return { machine, claims: judged, series }
}

/** One line about what a contender cost: minimum, median and maximum of its rounds. */
export function printSeries({ name, microseconds, perSecond }: Series): string {
  const figures = [Math.min(...microseconds), median(microseconds), Math.max(...microseconds)]
  const [low, middle, high] = figures.map((figure) => digits(figure).padStart(7))
  const rate = Math.round(median(perSecond)).toString().padStart(7)
  return `  ${name.padEnd(58)}${low} /${middle} /${high} us CPU  ${rate} per s`
}

/** The table of claims and the machine below it. */
export function printReport({ machine, claims }: Report): string {
  const rows = claims.map(({ text, figures, measured, unit, limit, isMet }) => [
    text,
    `${digits(measured)} ${unit}`,
    `${digits(Math.min(...figures))} - ${digits(Math.max(...figures))}`,
    limit === undefined ? '-' : `${digits(limit)} ${unit}`,
    limit === undefined ? '' : isMet ? 'ok' : 'MISSED',
  ])
  const head = ['claim', 'median', 'range', 'limit', '']
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  )
  const table = [head, ...rows].map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, column))
      .join('  ')
      .trimEnd(),
  )
  return [...table, '', printMachine(machine)].join('\n')
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 || column === 4 ? cell.padEnd(width) : cell.padStart(width)
}

function printMachine(machine: MachineFacts): string {
  const { cpu, cpuCount, memoryGigabytes, kernel, node } = machine
  const { loadAverageBefore, loadAverageAfter, isDataInMemory } = machine
  const data = isDataInMemory ? '; DATA IN MEMORY: durable writes are free here' : ''
  return [
    `${cpuCount} x ${cpu}, ${memoryGigabytes} GB, Linux ${kernel}, Node ${node}${data}`,
    `load average ${digits(loadAverageBefore)} before, ${digits(loadAverageAfter)} after`,
  ].join('\n')
}

function digits(figure: number): string {
  return figure.toFixed(Math.abs(figure) < 10 ? 2 : 1)
}
