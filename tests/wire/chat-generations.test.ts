import { ChatClient as Client160 } from '@azure/communication-chat'
import { ChatClient as Client120 } from 'communication-chat-1.2.0'
import { ChatClient as Client132 } from 'communication-chat-1.3.2'
import { type ChatGeneration, specifyChat } from './chat-client.ts'

/** The older ones are used as the newest one is; where they know less, they are asked less. */
function connectWith(Client: unknown): ChatGeneration['connect'] {
  const Known = Client as typeof Client160
  return (endpoint, credential) => new Known(endpoint, credential)
}

specifyChat({ version: '1.6.0', connect: connectWith(Client160), hasRetention: true })
specifyChat({ version: '1.3.2', connect: connectWith(Client132), hasRetention: false })
specifyChat({ version: '1.2.0', connect: connectWith(Client120), hasRetention: false })
