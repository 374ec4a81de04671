import { CommunicationIdentityClient as Client131 } from '@azure/communication-identity'
import { CommunicationIdentityClient as Client100 } from 'communication-identity-1.0.0'
import { CommunicationIdentityClient as Client120 } from 'communication-identity-1.2.0'
import { specify } from './identity-client.ts'

specify({ version: '1.3.1', connect: (text) => new Client131(text), takesLifetime: true })
specify({ version: '1.2.0', connect: (text) => new Client120(text), takesLifetime: true })
specify({ version: '1.0.0', connect: (text) => new Client100(text), takesLifetime: false })
