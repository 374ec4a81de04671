/**
 * What the rooms do by themselves while the server runs, each at its own pace.
 */
import { type ChatWork, startChatWork } from './chat/recurring.ts'
import { startKeyWork } from './keys/recurring.ts'
import { startUsageWork } from './usage/recurring.ts'

/** What the work of the rooms needs. */
export type RoomWork = ChatWork & Parameters<typeof startKeyWork>[0]

/**
 * Starts the work of the rooms.
 *
 * @returns ends it, the last first, each after what it is at.
 */
export async function startRoomWork(world: RoomWork): Promise<() => Promise<void>> {
  const closers = [
    await startKeyWork(world),
    await startUsageWork(world),
    await startChatWork(world),
  ]
  return async () => {
    for (const close of closers.reverse()) await close()
  }
}
