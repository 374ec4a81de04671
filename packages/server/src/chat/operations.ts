import type { Operation } from '../contract/operation.ts'
import { attentionOperations } from './attention-operations.ts'
import { messageOperations } from './message-operations.ts'
import { participantOperations } from './participant-operations.ts'
import { withRate } from './rates.ts'
import type { ChatRoom } from './room.ts'
import { createSendMessage } from './send.ts'
import { threadOperations } from './thread-operations.ts'

/** The operations of chat. */
export function chatOperations(room: ChatRoom): readonly Operation[] {
  return [
    ...threadOperations(room),
    ...participantOperations(room),
    ...messageOperations(room, createSendMessage(room)),
    ...attentionOperations(room),
  ].map(withRate)
}
