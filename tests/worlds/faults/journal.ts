/** Clients that write down what they did and what they were told. */
import { type Answer, send, signed, type TestRequest } from '../../world.ts'
import type { FleetNode } from './fleet.ts'
import type { Healthy, History, Made, Use, Voiding } from './history.ts'

/** A history that is being written. */
export interface Journal extends History {
  readonly made: Made[]
  readonly voidings: Voiding[]
  readonly uses: Use[]
  readonly healthy: Healthy[]
  /** Tokens that somebody has begun to void. */
  readonly voided: Set<string>
  /** The clients' clock. */
  readonly now: () => number
}

/** An empty history. */
export function emptyJournal(): Journal {
  const now = () => performance.now()
  return { made: [], voidings: [], uses: [], healthy: [], voided: new Set(), now }
}

/** With what a resource is called: the first one, or one of a test's own. */
export interface Caller {
  readonly accessKey?: Buffer
  readonly host?: string
}

/** A client has its own patience: longer than a fault, shorter than a run. */
const patienceMs = 8000

/** Sends a request to whatever stands behind a node now; `undefined` where no answer came. */
export async function ask(
  node: FleetNode,
  caller: Caller,
  request: TestRequest,
): Promise<Answer | undefined> {
  const { httpOrigin } = node.server.banner
  const accessKey = caller.accessKey ?? node.accessKey
  const whole = { ...request, ...caller, accessKey }
  const asked = request.headers?.['authorization'] !== undefined
  const ready = asked ? whole : signed(httpOrigin, whole, Date.now())
  return within(send(httpOrigin, ready))
}

/** What comes in time; what breaks is silence like any other. */
async function within(answering: Promise<Answer>): Promise<Answer | undefined> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs)
  })
  const answered = answering.catch((error: unknown) => {
    // A connection that breaks before the answer is whole; a bug of the test has no code.
    if (error instanceof Error && ('code' in error || error.message === 'aborted')) return undefined
    throw error
  })
  try {
    return await Promise.race([answered, silence])
  } finally {
    clearTimeout(timer)
  }
}

/** Notes something that was made, where it was. */
export async function make(
  journal: Journal,
  making: () => Promise<Answer | undefined>,
  namesOf: (answer: Answer) => readonly Pick<Made, 'kind' | 'name'>[],
): Promise<readonly string[]> {
  const startedAtMs = journal.now()
  const answer = await making()
  const endedAtMs = journal.now()
  if (answer === undefined || answer.status >= 300) return []
  const made = namesOf(answer)
  for (const one of made) journal.made.push({ ...one, startedAtMs, endedAtMs })
  return made.map(({ name }) => name)
}

/** Notes an act that voids tokens; `done` says whether its answer promises that. */
export async function voiding(
  journal: Journal,
  act: Pick<Voiding, 'cause' | 'tokens' | 'deletes'>,
  acting: () => Promise<Answer | undefined>,
  done: (answer: Answer) => boolean = ({ status }) => status < 300,
): Promise<boolean> {
  const startedAtMs = journal.now()
  for (const token of act.tokens) journal.voided.add(token)
  const answer = await acting()
  const endedAtMs = journal.now()
  const outcome = answer !== undefined && done(answer) ? 'acknowledged' : 'unknown'
  journal.voidings.push({ ...act, outcome, startedAtMs, endedAtMs })
  return outcome === 'acknowledged'
}

/** Asks a node about tokens, at most 1,000 in one call, and notes what it says. */
export async function useAt(
  journal: Journal,
  node: FleetNode,
  asked: { readonly caller?: Caller; readonly tokens: readonly string[] },
): Promise<void> {
  const { caller = {}, tokens } = asked
  const startedAtMs = journal.now()
  const request = { method: 'POST', path: '/introspect', body: { tokens } }
  const answer = await ask(node, caller, request)
  if (answer === undefined) return
  const span = { startedAtMs, endedAtMs: journal.now(), at: node.name, staleMs: 0 }
  for (const [index, token] of tokens.entries()) {
    journal.uses.push({ ...span, token, verdict: verdictOf(answer, index) })
  }
}

function verdictOf({ status, body }: Answer, index: number): Use['verdict'] {
  if (status === 401) return 'dead'
  if (status !== 200) return 'refused'
  return body.value[index]?.active === true ? 'live' : 'dead'
}
