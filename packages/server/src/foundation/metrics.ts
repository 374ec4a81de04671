import { Gauge, type Metric, Registry } from 'prom-client'

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
  readonly watch: (numbers: readonly WatchedNumber[]) => void
  /** Prometheus text format 0.0.4. */
  readonly print: () => Promise<string>
  readonly contentType: string
}

/** A number that is read when it is printed. */
export interface WatchedNumber {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly read: () => number
}

/**
 * Creates the metrics of one server: each has its own registry, so that two servers in one
 * process do not share counters.
 *
 * The library prints; requests are counted in plain numbers here, because its histogram takes
 * 3 us for each observation (it builds a key of the labels), and a request has some 80 in all.
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
      [...series].flatMap(([operation, one]) => histogramValues(operation, one)),
    ),
  )
  watchProcess(registry)
  return {
    answeredCount: () => answeredCount,
    watch(numbers) {
      for (const { read, ...about } of numbers) {
        registry.registerMetric(metricOf(about, () => [{ labels: {}, value: read() }]))
      }
    },
    observeRequest({ operation, status, durationMs }) {
      answeredCount += 1
      let one = series.get(operation)
      if (one === undefined) {
        one = { statuses: new Map(), buckets: bucketsMs.map(() => 0), sumMs: 0, count: 0 }
        series.set(operation, one)
      }
      one.statuses.set(status, (one.statuses.get(status) ?? 0) + 1)
      one.sumMs += durationMs
      one.count += 1
      const bucket = bucketsMs.findIndex((upToMs) => durationMs <= upToMs)
      if (bucket !== -1) one.buckets[bucket] = (one.buckets[bucket] ?? 0) + 1
    },
    print: async () => registry.metrics(),
    contentType: registry.contentType,
  }
}

const requestsName = 'parley_requests_total'
const durationsName = 'parley_request_duration_seconds'
const durationsHelp = 'Time from taking up a request to its answer.'
const bucketsMs = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000, 5000] as const

/** What is known of one operation. */
interface OperationSeries {
  readonly statuses: Map<number, number>
  /** Requests in each bucket alone, not in those below it. */
  readonly buckets: number[]
  sumMs: number
  count: number
}

interface MetricValue {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly metricName?: string
}

/** A metric in the form that the registry prints. */
function metricOf(
  about: { readonly name: string; readonly help: string; readonly type: string },
  values: () => readonly MetricValue[],
): Metric {
  const get = async () => ({ ...about, aggregator: 'sum', values: values() })
  return { ...about, get } as unknown as Metric
}

/** The series of a histogram: cumulative buckets, sum and count, in seconds. */
function histogramValues(operation: string, series: OperationSeries): readonly MetricValue[] {
  let below = 0
  const buckets = series.buckets.map((count, index) => {
    below += count
    const le = (bucketsMs[index] ?? 0) / 1000
    return { labels: { operation, le }, value: below, metricName: `${durationsName}_bucket` }
  })
  const { count: value, sumMs } = series
  return [
    ...buckets,
    { labels: { operation, le: '+Inf' }, value, metricName: `${durationsName}_bucket` },
    { labels: { operation }, value: sumMs / 1000, metricName: `${durationsName}_sum` },
    { labels: { operation }, value, metricName: `${durationsName}_count` },
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
