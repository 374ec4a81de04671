/**
 * What is kept for an identity, by room, in the order in which it is exported. A room that keeps
 * something for somebody adds it here; the export and the receipt of a deletion go by this list.
 */
import { callHoldings } from './calls/holding-store.ts'
import { chatHoldings } from './chat/holdings-store.ts'
import { endpointHolding } from './chat/realtime/holding-store.ts'
import type { Holding } from './identities/holdings.ts'
import { numberHolding } from './phones/holding-store.ts'
import { relayHolding } from './relays/holding-store.ts'
import { roomHolding } from './rooms/holding-store.ts'
import { tokenHolding } from './tokens/holding.ts'

/** The holdings of every room. */
export const identityHoldings: readonly Holding[] = [
  tokenHolding,
  ...chatHoldings,
  endpointHolding,
  roomHolding,
  relayHolding,
  numberHolding,
  ...callHoldings,
]
