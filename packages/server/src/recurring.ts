/**
 * What the rooms do by themselves while the server runs.
 */
import { type ChatWork, startChatWork } from './chat/recurring.ts'
import { type KeyWork, startKeyWork } from './keys/recurring.ts'
import { startUsageWork, type UsageWork } from './usage/recurring.ts'

/**
 * Starts the recurring work of every room, each with a first round.
 *
 * @returns what ends it, the last first.
 */
export async function startWork(
  world: KeyWork & UsageWork & ChatWork,
): Promise<readonly (() => Promise<void>)[]> {
  return [await startKeyWork(world), await startUsageWork(world), await startChatWork(world)]
}
