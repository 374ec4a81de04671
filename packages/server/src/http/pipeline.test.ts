import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { fail, ok } from '@parley/protocol'
import { Type } from '@sinclair/typebox'
import { pino } from 'pino'
import { serverLimits } from '../contract/limits.ts'
import type { Call, Operation } from '../contract/operation.ts'
import { GatherFull } from '../foundation/gather.ts'
import type { RequestLine } from '../foundation/log.ts'
import { createPlatform } from '../foundation/platform.ts'
import type { Exchange } from './exchange.ts'
import { createPipeline, type PipelineWorld } from './pipeline.ts'
import { routesOf } from './routes.ts'

const nowMs = Date.UTC(2026, 10, 22, 6, 37, 45)
const accessKey = { slot: 'primary', generation: 2 } as const
const caller = { resourceId: 'r', accessKey, actor: 'a' }
const url = '/things/1?api-version=2026-07-22'

/** What a test sees of a pipeline besides its answers. */
function pipelineOf(changes: Partial<PipelineWorld> = {}) {
  const requestLines: RequestLine[] = []
  const logLines: Readonly<Record<string, unknown>>[] = []
  const observed: unknown[] = []
  const pipeline = createPipeline({
    platform: createPlatform({ now: () => nowMs, monotonicNow: () => 0, randomBytes }),
    log: pino(
      { base: null, timestamp: false },
      { write: (text) => logLines.push(JSON.parse(text)) },
    ),
    logRequests: (lines) => requestLines.push(...lines),
    metrics: {
      observeRequest: (request) => observed.push(request),
      answeredCount: () => observed.length,
      watch: () => undefined,
      print: async () => '',
      contentType: '',
    },
    authenticate: (arrival) =>
      arrival.headers.authorization === 'good'
        ? ok(caller)
        : fail({ kind: 'caller-refused', reason: 'signature-differs' }),
    node: { isCurrent: () => true, whenCurrent: async () => true },
    showsRefusalReasons: false,
    cors: { narrow: () => undefined },
    ...changes,
  })
  return { ...pipeline, requestLines, logLines, observed }
}

function operationOf(handle: Operation['handle'], changes: Partial<Operation> = {}): Operation {
  return {
    id: 'Things_Do',
    summary: 'Does something.',
    method: 'POST',
    path: '/things/{id}',
    access: 'public',
    versions: { since: '2026-07-22' },
    reply: { status: 200 },
    handle,
    ...changes,
  }
}

/** A request on its way into the pipeline, and what came back over its connection. */
interface Visit {
  readonly exchange: Exchange
  /** `undefined` until it is answered. */
  readonly answer: () => Answer | undefined
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Empty where there is none. */
  readonly body: Readonly<Record<string, unknown>> & { readonly error?: { readonly code: string } }
}

interface Asked {
  readonly version?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Called with each piece of the answer that is written. */
  readonly onWrite?: () => void
}

/** Node's own request and response, on a connection that leads nowhere. */
function visitOf(operation: Operation, asked: Asked = {}): Visit {
  const { version = '2026-07-22', headers = {}, body = '', onWrite } = asked
  let text = ''
  const connection = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      text += String(chunk)
      onWrite?.()
      done()
    },
  }) as unknown as Socket
  const request = new IncomingMessage(connection)
  const head = { host: 'parley.example', 'content-type': 'application/json', ...headers }
  const protocol = { httpVersionMajor: 1, httpVersionMinor: 1 }
  Object.assign(request, { ...protocol, method: 'POST', url, headers: head })
  const response = new ServerResponse(request)
  response.assignSocket(connection)
  const [route] = routesOf([operation])
  assert.ok(route !== undefined)
  const query = { 'api-version': version }
  const bytes = Buffer.from(body)
  return {
    exchange: {
      request,
      response,
      route,
      params: { id: '1' },
      query,
      body: bytes,
      scheme: 'https',
    },
    answer: () => (text === '' ? undefined : parseAnswer(text)),
  }
}

function parseAnswer(text: string): Answer {
  const [head = '', body = ''] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = lines.map((line) => line.split(': ') as [string, string])
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
    body: body === '' ? {} : JSON.parse(body),
  }
}

/** Headers of somebody who is known. */
const known = { authorization: 'good' }

const quick = operationOf(() => ok({}))

/** An operation that is answered when the test says so. */
function heldOperation() {
  const finishers: (() => void)[] = []
  const operation = operationOf(
    () => new Promise((resolve) => finishers.push(() => resolve(ok({})))),
  )
  return { operation, finishNext: () => finishers.shift()?.() }
}

/** Lets one turn of the event loop pass. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Sends one request through a pipeline of its own. */
async function send(operation: Operation, asked: Asked = {}, changes: Partial<PipelineWorld> = {}) {
  const pipeline = pipelineOf(changes)
  const visit = visitOf(operation, asked)
  pipeline.push(visit.exchange)
  await turn()
  return { ...pipeline, answer: visit.answer() }
}

const envelope = (code: string, message: string) => ({ error: { code, message } })
const denied = envelope('Denied', 'Denied by the resource provider.')
const broken = envelope('InternalServerError', 'The server met an unexpected condition.')
const unavailable = envelope(
  'ServiceUnavailable',
  'The server is currently unable to handle the request.',
)

describe('a request', () => {
  test('is handed to its operation as a call, and answered with what that gives', async () => {
    const calls: Call[] = []
    const operation = operationOf((call) => {
      calls.push(call)
      return ok({ id: 'ä€' })
    })
    const { answer } = await send(operation)
    const version = '2026-07-22'
    const requestId = answer?.headers['x-ms-request-id'] ?? ''
    const params = { id: '1' }
    const query = { 'api-version': version }
    const headers = { host: 'parley.example', 'content-type': 'application/json' }
    assert.deepEqual(calls, [
      { caller: undefined, params, query, headers, body: {}, version, nowMs, requestId },
    ])
    assert.deepEqual([answer?.status, answer?.body], [200, { id: 'ä€' }])
    const { 'x-ms-request-id': _id, date: _date, ...others } = answer?.headers ?? {}
    assert.match(requestId, /^[0-9a-f-]{36}$/)
    assert.deepEqual(others, {
      'api-supported-versions': '2026-07-22, 2026-09-23',
      'content-type': 'application/json; charset=utf-8',
      'content-length': '14',
      connection: 'keep-alive',
    })
  })

  test('may be answered later, and without a body', async () => {
    const operation = operationOf(async () => ok(undefined), { reply: { status: 204 } })
    const { answer } = await send(operation)
    assert.deepEqual([answer?.status, answer?.body], [204, {}])
  })

  test('is answered with the fault that its handler gives', async () => {
    const fault = { kind: 'identity-not-owned' } as const
    for (const handle of [() => fail(fault), async () => fail(fault)]) {
      const { answer, requestLines } = await send(operationOf(handle))
      const body = envelope('IdentityNotOwned', "Provided identity doesn't exist.")
      assert.deepEqual([answer?.status, answer?.body], [401, body])
      assert.equal(requestLines[0]?.fault, 'identity-not-owned')
    }
  })

  test('for holders of a key tells its handler who signed it', async () => {
    const callers: unknown[] = []
    const operation = operationOf(
      (call) => {
        callers.push(call.caller)
        return ok({})
      },
      { access: 'resource' },
    )
    const { answer, requestLines } = await send(operation, { headers: known })
    assert.deepEqual([answer?.status, callers], [200, [caller]])
    assert.equal(requestLines[0]?.resourceId, 'r')
  })

  test('is logged and counted once, by what it was and how it ended', async () => {
    const { answer, requestLines, observed, logLines } = await send(quick)
    const [{ durationMs, ...line } = { durationMs: undefined }] = requestLines
    assert.deepEqual(line, {
      operation: 'Things_Do',
      status: 200,
      requestId: answer?.headers['x-ms-request-id'],
      resourceId: undefined,
      fault: undefined,
      reason: undefined,
    })
    assert.ok(durationMs !== undefined && durationMs >= 0)
    assert.deepEqual(observed, [{ operation: 'Things_Do', status: 200, durationMs }])
    assert.deepEqual([requestLines.length, logLines], [1, []])
  })
})

describe('a request that is not let in', () => {
  const isNotCalled = () => assert.fail('the handler is not called')
  const schema = Type.Object({ count: Type.Integer() })
  const body = { schemas: { 'application/json': schema }, isRequired: true }
  const operation = operationOf(isNotCalled, { access: 'resource', body })

  const refusals: readonly (readonly [what: string, Asked, status: number, code: string])[] = [
    ['its version, whoever calls', { version: '1999-01-01' }, 400, 'UnsupportedApiVersion'],
    ['a version that is missing', { version: '' }, 400, 'ApiVersionUnspecified'],
    ['its caller, whatever the body', { body: '{' }, 401, 'Denied'],
    ['its body', { body: '{', headers: known }, 422, 'UnprocessableEntity'],
    ['a field', { body: '{"count":"1"}', headers: known }, 400, 'ValidationError'],
    [
      'its media type',
      { headers: { ...known, 'content-type': 'a/b' } },
      415,
      'UnsupportedMediaType',
    ],
  ]
  for (const [what, asked, status, code] of refusals) {
    test(`is refused for ${what}, with ${status}`, async () => {
      const { answer } = await send(operation, asked)
      assert.deepEqual([answer?.status, answer?.body.error?.code], [status, code])
    })
  }

  test('for its version learns its own address', async () => {
    const { answer } = await send(operation, { version: '1999-01-01' })
    const message =
      "The HTTP resource that matches the request URI 'https://parley.example/things/1' " +
      "does not support the API version '1999-01-01'."
    assert.deepEqual(answer?.body, envelope('UnsupportedApiVersion', message))
  })

  for (const showsRefusalReasons of [false, true]) {
    const place = showsRefusalReasons ? 'in a header as well' : 'in the log alone'
    test(`for its caller has its reason ${place}`, async () => {
      const headers = { authorization: 'bad' }
      const { answer, requestLines } = await send(operation, { headers }, { showsRefusalReasons })
      assert.deepEqual([answer?.status, answer?.body], [401, denied])
      const shown = answer?.headers['x-parley-reason']
      assert.equal(shown, showsRefusalReasons ? 'signature-differs' : undefined)
      assert.equal(answer?.headers['www-authenticate'], 'HMAC-SHA256')
      const [line] = requestLines
      assert.deepEqual([line?.fault, line?.reason], ['caller-refused', 'signature-differs'])
    })
  }
})

describe('an operation that fails', () => {
  const handlers: readonly (readonly [how: string, (error: Error) => Operation['handle']])[] = [
    ['at once', (error) => () => assert.fail(error)],
    ['later', (error) => () => Promise.reject(error)],
  ]
  for (const [how, handlerOf] of handlers) {
    test(`${how} is answered 500, and logged under the id of the answer`, async () => {
      const operation = operationOf(handlerOf(new Error('a secret detail')))
      const { answer, logLines, requestLines } = await send(operation)
      assert.deepEqual([answer?.status, answer?.body], [500, broken])
      const { err, ...line } = logLines[0] ?? {}
      assert.deepEqual(line, {
        level: 50,
        requestId: answer?.headers['x-ms-request-id'],
        operation: 'Things_Do',
        msg: 'an operation failed',
      })
      assert.equal((err as Error).message, 'a secret detail')
      assert.deepEqual([logLines.length, requestLines[0]?.fault], [1, 'server-broken'])
    })

    test(`${how} for want of room is answered 503, and no error to the log`, async () => {
      const { answer, logLines } = await send(operationOf(handlerOf(new GatherFull('full'))))
      assert.deepEqual([answer?.status, answer?.body], [503, unavailable])
      assert.equal(answer?.headers['retry-after'], '1')
      assert.deepEqual(logLines, [])
    })
  }

  const codes = [
    ['57P01', 503],
    ['57P03', 503],
    ['08006', 503],
    ['40001', 503],
    ['53300', 503],
    ['ECONNREFUSED', 503],
    ['ECONNRESET', 503],
    ['EPIPE', 503],
    ['CONNECTION_CLOSED', 503],
    ['CONNECT_TIMEOUT', 503],
    ['23505', 500],
    ['22P02', 500],
    ['42P01', 500],
    ['XX000', 500],
    ['ERR_INVALID_ARG_TYPE', 500],
  ] as const
  for (const [code, status] of codes) {
    test(`with the error ${code} of a database is answered ${status}, and logged`, async () => {
      const error = Object.assign(new Error('database'), { code })
      const { answer, logLines } = await send(operationOf(() => Promise.reject(error)))
      const body = status === 503 ? unavailable : broken
      assert.deepEqual([answer?.status, answer?.body], [status, body])
      assert.equal(answer?.headers['retry-after'], status === 503 ? '1' : undefined)
      assert.equal(logLines.length, 1)
    })
  }

  test('leaves the others of its turn alone', async () => {
    const pipeline = pipelineOf()
    const failing = visitOf(operationOf(() => Promise.reject(new Error('broken'))))
    const visits = [visitOf(quick), failing, visitOf(quick)]
    for (const visit of visits) pipeline.push(visit.exchange)
    await turn()
    assert.deepEqual(
      visits.map((visit) => visit.answer()?.status),
      [200, 500, 200],
    )
  })
})

describe('the requests of one turn', () => {
  /** Three requests to an operation; what happens to them is written down. */
  function threeVisits(handle: Operation['handle'], events: string[]): readonly Visit[] {
    const operation = operationOf((call) => {
      events.push('handled')
      return handle(call)
    })
    return [1, 2, 3].map(() => {
      const visit = visitOf(operation, { onWrite: () => events.push('written') })
      const { query } = visit.exchange
      const exchange = {
        ...visit.exchange,
        get query() {
          events.push('let in')
          return query
        },
      }
      return { ...visit, exchange }
    })
  }

  const handlers: readonly (readonly [how: string, Operation['handle']])[] = [
    ['at once', () => ok({})],
    ['in one statement', async () => ok({})],
  ]
  for (const [how, handle] of handlers) {
    test(`are all let in, then all handled, then all written, answered ${how}`, async () => {
      const events: string[] = []
      const logRequests = (lines: readonly RequestLine[]) => events.push(`${lines.length} logged`)
      const pipeline = pipelineOf({ logRequests })
      for (const { exchange } of threeVisits(handle, events)) pipeline.push(exchange)
      await turn()
      const stages = events.filter((event, index) => event !== events[index - 1])
      assert.deepEqual(stages, ['let in', 'handled', 'written', '3 logged'])
      assert.equal(events.filter((event) => event === 'handled').length, 3)
    })
  }

  test('do not wait for one that takes its time', async () => {
    const pipeline = pipelineOf()
    const { operation, finishNext } = heldOperation()
    const [slow, other] = [visitOf(operation), visitOf(quick)]
    for (const visit of [slow, other]) pipeline.push(visit.exchange)
    await turn()
    assert.deepEqual([slow.answer(), other.answer()?.status], [undefined, 200])
    finishNext()
    await turn()
    assert.equal(slow.answer()?.status, 200)
  })

  test(`are ${serverLimits.requestsInTurnMax} at most; the others come in the next`, async () => {
    const pipeline = pipelineOf()
    const count = serverLimits.requestsInTurnMax + 1
    const visits = Array.from({ length: count }, () => visitOf(quick))
    for (const visit of visits) pipeline.push(visit.exchange)
    const answered = () => visits.filter((visit) => visit.answer() !== undefined).length
    assert.equal(answered(), 0)
    await turn()
    assert.equal(answered(), count - 1)
    await turn()
    assert.equal(answered(), count)
  })
})

describe('a pipeline that is drained', () => {
  test('is empty at once where nothing is in flight', async () => {
    const pipeline = pipelineOf()
    pipeline.push(visitOf(quick).exchange)
    await turn()
    assert.equal(await pipeline.drain(0), true)
  })

  test('tells whoever comes to come again, over another connection', async () => {
    const pipeline = pipelineOf()
    await pipeline.drain(0)
    const visit = visitOf(operationOf(() => assert.fail('the handler is not called')))
    pipeline.push(visit.exchange)
    await turn()
    const { status, body, headers } = visit.answer() ?? {}
    assert.deepEqual([status, body], [503, unavailable])
    assert.deepEqual([headers?.['retry-after'], headers?.['connection']], ['1', 'close'])
    assert.equal(pipeline.requestLines[0]?.fault, 'server-stopping')
  })

  test('refuses what arrived in the same turn and was not let in yet', async () => {
    const pipeline = pipelineOf()
    const visit = visitOf(quick)
    pipeline.push(visit.exchange)
    assert.equal(await pipeline.drain(1000), true)
    assert.equal(visit.answer()?.status, 503)
  })

  test('waits until all that is in flight is answered, and closes its connections', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const pipeline = pipelineOf()
    const { operation, finishNext } = heldOperation()
    const visits = [visitOf(operation), visitOf(operation)]
    for (const visit of visits) pipeline.push(visit.exchange)
    await turn()
    const drained = pipeline.drain(1000)
    finishNext()
    assert.equal(await Promise.race([drained, turn()]), undefined)
    finishNext()
    assert.equal(await drained, true)
    assert.deepEqual(
      visits.map((visit) => [visit.answer()?.status, visit.answer()?.headers['connection']]),
      [
        [200, 'close'],
        [200, 'close'],
      ],
    )
  })

  test('gives up after the timeout, and says so', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const pipeline = pipelineOf()
    pipeline.push(visitOf(heldOperation().operation).exchange)
    await turn()
    const drained = pipeline.drain(1000)
    t.mock.timers.tick(999)
    assert.equal(await Promise.race([drained, turn()]), undefined)
    t.mock.timers.tick(1)
    assert.equal(await drained, false)
  })
})
