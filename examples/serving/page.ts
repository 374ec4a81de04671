import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

/** A page as it is sent: three files, and pictures. */
export interface Page {
  readonly html: string
  readonly script: string
  readonly style: string
  /** The `*.svg` of its folder, by their paths. */
  readonly pictures: Readonly<Record<string, string>>
}

const examples = join(import.meta.dirname, '..', '..')

/**
 * Bundles the page of an example: `page/main.ts` with the official SDK, and `page/style.css`.
 *
 * The token endpoint's server half would refuse to be in here: see `browser` in its package.json.
 *
 * @param example - the folder below `examples/`.
 */
export async function bundlePage(example: string): Promise<Page> {
  const folder = join(examples, example, 'page')
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'main.ts'), join(folder, 'style.css')],
    outdir: folder,
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  })
  const textOf = (ending: string) =>
    outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? ''
  const html = await readFile(join(folder, 'index.html'), 'utf8')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.svg'))
  const read = async (name: string) => [`/${name}`, await readFile(join(folder, name), 'utf8')]
  const pictures = Object.fromEntries(await Promise.all(names.map(read)))
  return { html, script: textOf('.js'), style: textOf('.css'), pictures }
}
