/** An example that runs. */
export interface App {
  readonly url: string
  close(): Promise<void>
}

/** Starts an example, says where it is, and ends it when its process is asked to end. */
export async function run(name: string, start: () => Promise<App>): Promise<void> {
  const app = await start()
  console.log(`${name}: ${app.url}\nStop with Ctrl+C.`)
  const end = async () => {
    await app.close()
    process.exit(0)
  }
  process.once('SIGINT', end).once('SIGTERM', end)
}
