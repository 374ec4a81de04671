/** The way of a node to phones, put together. */
import type { Log } from '../../foundation/log.ts'
import type { Settings } from '../../foundation/settings.ts'
import { connectJanus } from '../janus/connection.ts'
import type { CallWorld } from '../steps.ts'
import { answerPhones } from './calling-in.ts'
import { createPhoneEngine, type PhoneEngine } from './engine.ts'

/** The way to phones. */
export interface Phones {
  readonly engine: PhoneEngine
  /** Is called by phones from now on. @returns what ends it. */
  readonly answer: (calls: CallWorld) => () => Promise<void>
}

/** Opens it; `undefined` where settings name none. */
export function openPhones({
  settings,
  log,
}: {
  readonly settings: Pick<Settings, 'sipEdge' | 'sipJanusUrl' | 'sipJanusSecret'>
  readonly log: Log
}): Phones | undefined {
  const { sipEdge: edge, sipJanusUrl: url, sipJanusSecret: apiSecret } = settings
  if (edge === undefined || url === undefined || apiSecret === undefined) return undefined
  const lines = { connection: connectJanus({ url, apiSecret, log }), edge, log }
  const engine = createPhoneEngine(lines)
  return { engine, answer: (calls) => answerPhones(lines, calls, engine) }
}
