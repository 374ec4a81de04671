import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHistogram } from './histogram.ts'
import { createMetrics, type Metrics, metricsContentType, printReadings } from './metrics.ts'

/** The samples of a print by name and labels, and the type of each metric. */
interface Scraped {
  readonly types: ReadonlyMap<string, string>
  readonly samples: ReadonlyMap<string, number>
}

const commentPattern = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/
const samplePattern =
  /^([a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})?) (-?[\d.e+-]+|[+-]Inf)$/

/** Reads as a scraper does: every line is a comment or a sample, no sample stands twice. */
async function scrape(metrics: Metrics): Promise<Scraped> {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  const text = await metrics.print()
  assert.ok(text.endsWith('\n'))
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const comment = commentPattern.exec(line)
    if (comment?.[1] === 'TYPE') types.set(comment[2] ?? '', comment[3] ?? '')
    if (comment !== null) continue
    const [, series = '', value = ''] = samplePattern.exec(line) ?? []
    assert.notEqual(series, '', `not a sample: ${line}`)
    assert.ok(!samples.has(series), `twice: ${series}`)
    samples.set(series, Number(value))
  }
  return { types, samples }
}

const durations = 'parley_request_duration_seconds'
const bounds = ['0.0005', '0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25']
const allBounds = [...bounds, '1', '5', '+Inf']

/** The buckets of an operation from the shortest to `+Inf`. */
function bucketsOf({ samples }: Scraped, operation: string): readonly (number | undefined)[] {
  return allBounds.map((le) =>
    samples.get(`${durations}_bucket{operation="${operation}",le="${le}"}`),
  )
}

function observe(metrics: Metrics, durationsMs: readonly number[]): void {
  for (const durationMs of durationsMs) {
    metrics.observeRequest({ operation: 'Create', status: 201, durationMs })
  }
}

describe('the metrics', () => {
  test('are announced as Prometheus text 0.0.4', () => {
    assert.equal(createMetrics().contentType, 'text/plain; version=0.0.4; charset=utf-8')
  })

  test('have their types', async () => {
    const metrics = createMetrics()
    observe(metrics, [1])
    assert.deepEqual(Object.fromEntries((await scrape(metrics)).types), {
      parley_requests_total: 'counter',
      [durations]: 'histogram',
      process_resident_memory_bytes: 'gauge',
      process_cpu_seconds: 'gauge',
    })
  })

  test('of a new server hold the process alone', async () => {
    const { samples } = await scrape(createMetrics())
    assert.deepEqual([...samples.keys()], ['process_resident_memory_bytes', 'process_cpu_seconds'])
    assert.ok([...samples.values()].every((value) => value > 0))
  })

  test('count requests by operation and status', async () => {
    const metrics = createMetrics()
    const requests = [
      ['Create', 201],
      ['Create', 401],
      ['Create', 201],
      ['Delete', 204],
    ] as const
    for (const [operation, status] of requests) {
      metrics.observeRequest({ operation, status, durationMs: 1 })
    }
    const { samples } = await scrape(metrics)
    const counted = [...samples].filter(([series]) => series.startsWith('parley_requests_total'))
    assert.deepEqual(counted, [
      ['parley_requests_total{operation="Create",status="201"}', 2],
      ['parley_requests_total{operation="Create",status="401"}', 1],
      ['parley_requests_total{operation="Delete",status="204"}', 1],
    ])
  })

  test('put a duration into every bucket that reaches as far, whatever its status', async () => {
    const metrics = createMetrics()
    observe(metrics, [0.25, 7.5])
    metrics.observeRequest({ operation: 'Create', status: 500, durationMs: 30.25 })
    const scraped = await scrape(metrics)
    assert.deepEqual(bucketsOf(scraped, 'Create'), [1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3])
    assert.equal(scraped.samples.get(`${durations}_count{operation="Create"}`), 3)
    assert.equal(scraped.samples.get(`${durations}_sum{operation="Create"}`), 0.038)
  })

  const edges = [
    [0, 12],
    [0.5, 12],
    [0.501, 11],
    [1000, 3],
    [5000, 2],
    [5000.001, 1],
    [1e9, 1],
  ] as const
  for (const [durationMs, bucketCount] of edges) {
    test(`count ${durationMs} ms in ${bucketCount} of 12 buckets, among them +Inf`, async () => {
      const metrics = createMetrics()
      observe(metrics, [durationMs])
      const empty = allBounds.slice(bucketCount).map(() => 0)
      const full = allBounds.slice(0, bucketCount).map(() => 1)
      assert.deepEqual(bucketsOf(await scrape(metrics), 'Create'), [...empty, ...full])
    })
  }

  test('go on rising from one print to the next', async () => {
    const metrics = createMetrics()
    observe(metrics, [1])
    await metrics.print()
    observe(metrics, [1, 1])
    const { samples } = await scrape(metrics)
    assert.equal(samples.get('parley_requests_total{operation="Create",status="201"}'), 3)
  })

  test('print what somebody else counts, as it is when it is asked for', async () => {
    const metrics = createMetrics()
    let count = 1
    const histogram = createHistogram([10, 100])
    metrics.watch([
      { name: 'plain', help: 'One.', type: 'gauge', read: () => count },
      {
        name: 'apart',
        help: 'Two.',
        type: 'counter',
        read: () => [
          { labels: { stage: 'issue' }, value: count },
          { labels: { stage: 'probe' }, value: 7 },
        ],
      },
      { name: 'took', help: 'Three.', type: 'histogram', histogram },
    ])
    count = 5
    for (const durationMs of [10, 10.5, 400]) histogram.observe(durationMs)
    const { samples, types } = await scrape(metrics)
    assert.deepEqual(
      ['plain', 'apart', 'took'].map((name) => types.get(name)),
      ['gauge', 'counter', 'histogram'],
    )
    const watched = [...samples].filter(([series]) => /^(?:plain|apart|took)/.test(series))
    assert.deepEqual(watched, [
      ['plain', 5],
      ['apart{stage="issue"}', 5],
      ['apart{stage="probe"}', 7],
      ['took_bucket{le="0.01"}', 1],
      ['took_bucket{le="0.1"}', 2],
      ['took_bucket{le="+Inf"}', 3],
      ['took_sum', 0.4205],
      ['took_count', 3],
    ])
  })

  test('of several workers are apart by a label, and announced once', async () => {
    const [one, other] = [createMetrics(), createMetrics()]
    observe(one, [1])
    observe(other, [1, 2])
    const readings = new Map([
      ['1', await one.read()],
      ['2', await other.read()],
    ])
    // They come from another process.
    const print = () => printReadings(structuredClone(readings))
    const { samples, types } = await scrape({ ...one, print })
    assert.equal(types.get('parley_requests_total'), 'counter')
    const counted = [...samples].filter(([series]) => /^parley_requests_total|_count/.test(series))
    assert.deepEqual(counted, [
      ['parley_requests_total{operation="Create",status="201",worker="1"}', 1],
      ['parley_requests_total{operation="Create",status="201",worker="2"}', 2],
      [`${durations}_count{operation="Create",worker="1"}`, 1],
      [`${durations}_count{operation="Create",worker="2"}`, 2],
    ])
    assert.equal(metricsContentType, one.contentType)
  })

  test('of two servers in one process are apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()]
    observe(one, [1])
    assert.ok((await scrape(one)).samples.size > (await scrape(other)).samples.size)
  })
})
