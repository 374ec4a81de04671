import { run } from '../serving/run.ts'
import { readSettings } from '../serving/settings.ts'
import { startWebChat } from './app.ts'

await run('web-chat', () => startWebChat(readSettings(process.env)))
