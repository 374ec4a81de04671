import { Gauge, type Metric, Registry } from 'prom-client'
import { createHistogram, type Histogram } from './histogram.ts'

/** What the server counts. */
export interface Metrics {
  readonly observeRequest: (request: {
    readonly operation: string
    readonly status: number
    readonly durationMs: number
  }) => void
  /** How many requests were answered so far. */
  readonly answeredCount: () => number
  /** Prints numbers that somebody else counts: they are read when they are asked for. */
  readonly watch: (numbers: readonly Watched[]) => void
  /** Prometheus text format 0.0.4. */
  readonly print: () => Promise<string>
  readonly contentType: string
  /** The same as data, to be printed by another process. */
  readonly read: () => Promise<readonly MetricReading[]>
}

/** A metric as it was read. */
export interface MetricReading {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly MetricValue[]
}

/** A number that is read when it is printed. */
export interface WatchedNumber {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  /** One value, or several apart by their labels. */
  readonly read: () => number | readonly LabelledValue[]
}

/** A value of a number that has several. */
export interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Durations that somebody else observes. */
export interface WatchedHistogram {
  readonly name: string
  readonly help: string
  readonly type: 'histogram'
  readonly histogram: Histogram
}

/** What is read when it is printed. */
export type Watched = WatchedNumber | WatchedHistogram

/**
 * Creates the metrics of one server: each has its own registry, so that two servers in one
 * process do not share counters.
 *
 * The library prints; what is counted is counted in plain numbers here.
 */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const series = new Map<string, OperationSeries>()
  let answeredCount = 0
  registry.registerMetric(
    metricOf({ name: requestsName, help: 'Requests answered.', type: 'counter' }, () =>
      [...series].flatMap(([operation, { statuses }]) =>
        [...statuses].map(([status, value]) => ({ labels: { operation, status }, value })),
      ),
    ),
  )
  registry.registerMetric(
    metricOf({ name: durationsName, help: durationsHelp, type: 'histogram' }, () =>
      [...series].flatMap(([operation, { durations }]) =>
        histogramValues(durationsName, durations, { operation }),
      ),
    ),
  )
  watchProcess(registry)
  return {
    answeredCount: () => answeredCount,
    watch(numbers) {
      for (const watched of numbers) {
        registry.registerMetric(metricOf(watched, () => valuesOf(watched)))
      }
    },
    observeRequest({ operation, status, durationMs }) {
      answeredCount += 1
      let one = series.get(operation)
      if (one === undefined) {
        one = { statuses: new Map(), durations: createHistogram(bucketsMs) }
        series.set(operation, one)
      }
      one.statuses.set(status, (one.statuses.get(status) ?? 0) + 1)
      one.durations.observe(durationMs)
    },
    print: async () => registry.metrics(),
    contentType: registry.contentType,
    read: async () => {
      const readings = await registry.getMetricsAsJSON()
      return readings.map(({ name, help, type, values }) => ({
        ...{ name, help, values: values as readonly MetricValue[] },
        // The library numbers the types in some versions; ours are given by their names.
        type: String(type),
      }))
    },
  }
}

/**
 * Prints what several workers have read, each apart by its label `worker`: a lease or a duration of
 * one node says nothing in a sum, and whoever wants sums has them from the labels.
 */
export async function printReadings(
  workers: ReadonlyMap<string, readonly MetricReading[]>,
): Promise<string> {
  const registry = new Registry()
  const merged = new Map<string, MetricReading>()
  for (const [worker, readings] of workers) {
    for (const reading of readings) {
      const labelled = reading.values.map((value) => ({
        ...value,
        labels: { ...value.labels, worker },
      }))
      const values = [...(merged.get(reading.name)?.values ?? []), ...labelled]
      merged.set(reading.name, { ...reading, values })
    }
  }
  for (const { values, ...about } of merged.values()) {
    registry.registerMetric(metricOf(about, () => values))
  }
  return registry.metrics()
}

/** What `Metrics.contentType` is everywhere. */
export const metricsContentType = Registry.PROMETHEUS_CONTENT_TYPE

const requestsName = 'parley_requests_total'
const durationsName = 'parley_request_duration_seconds'
const durationsHelp = 'Time from taking up a request to its answer.'
const bucketsMs = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000, 5000] as const

/** What is known of one operation. */
interface OperationSeries {
  readonly statuses: Map<number, number>
  readonly durations: Histogram
}

interface MetricValue {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly metricName?: string
}

/** A metric in the form that the registry prints. */
function metricOf(
  { name, help, type }: { readonly name: string; readonly help: string; readonly type: string },
  values: () => readonly MetricValue[],
): Metric {
  const about = { name, help, type }
  const get = async () => ({ ...about, aggregator: 'sum', values: values() })
  return { ...about, get } as unknown as Metric
}

function valuesOf(watched: Watched): readonly MetricValue[] {
  if (watched.type === 'histogram') return histogramValues(watched.name, watched.histogram)
  const read = watched.read()
  return typeof read === 'number' ? [{ labels: {}, value: read }] : read
}

/** The series of a histogram: cumulative buckets, sum and count, in seconds. */
function histogramValues(
  name: string,
  { boundsMs, counted }: Histogram,
  labels: Readonly<Record<string, string>> = {},
): readonly MetricValue[] {
  let below = 0
  const metricName = `${name}_bucket`
  const buckets = counted.buckets.map((count, index) => {
    below += count
    const le = (boundsMs[index] ?? 0) / 1000
    return { labels: { ...labels, le }, value: below, metricName }
  })
  const { count: value, sumMs } = counted
  return [
    ...buckets,
    { labels: { ...labels, le: '+Inf' }, value, metricName },
    { labels, value: sumMs / 1000, metricName: `${name}_sum` },
    { labels, value, metricName: `${name}_count` },
  ]
}

/**
 * The library's own default metrics are left out: they keep a 10 ms timer and a garbage-collection
 * observer running, which costs an idle server more than everything else it does.
 */
function watchProcess(registry: Registry): void {
  const memory: Gauge = new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the server process.',
    registers: [registry],
    collect: () => memory.set(process.memoryUsage.rss()),
  })
  const cpu: Gauge = new Gauge({
    name: 'process_cpu_seconds',
    help: 'User and system time of the server process since its start.',
    registers: [registry],
    collect: () => {
      const { user, system } = process.cpuUsage()
      cpu.set((user + system) / 1e6)
    },
  })
}
