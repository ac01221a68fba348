/**
 * The files of the console, as the build puts them into `dist/console/`: one page, which shows what its address says, with
 * scripts and styles that are named by their digests; and the playground, which may connect to nothing.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { SessionFinder } from '../signed-in.ts'

/** Where the build puts the files. */
export const builtPages = fileURLToPath(new URL('../../../../dist/console/', import.meta.url))

const assets = /^assets\/[\w.-]{1,200}$/
/** What is under these names is no page. */
const noPage = /^(?:api|assets)(?:\/|$)/
const playgroundFile = /^(?:page|worker)\.js$|^page\.css$/

/** Of the playground's page and of its worker, which takes its own from its response. */
const playgroundPolicy = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'"],
      'worker-src': ["'self'"],
      'connect-src': ["'none'"],
      'img-src': ["'none'"],
      'form-action': ["'none'"],
      'base-uri': ["'none'"],
      'frame-ancestors': ["'none'"],
    },
  },
}

/** Registers the routes of the files. @param folder where they are */
export function registerPages(app: FastifyInstance, finder: SessionFinder, folder: string): void {
  app.register(fastifyStatic, { serve: false, root: folder, cacheControl: false, index: false })

  const sendPage = (reply: FastifyReply, page: string) => {
    if (!existsSync(`${folder}${page}`))
      return reply.code(404).send({ error: 'The console is not built. Run `npm run build`.' })
    return reply.type('text/html; charset=utf-8').send(readFileSync(`${folder}${page}`))
  }

  app.get('/console', async (_request, reply) => reply.redirect('/console/', 308))
  app.get('/console/', async (_request, reply) => sendPage(reply, 'index.html'))
  app.get<{ Params: { '*': string } }>('/console/*', async ({ params }, reply) => {
    const path = params['*']
    if (assets.test(path)) return sendLasting(reply, path)
    return noPage.test(path) ? reply.callNotFound() : sendPage(reply, 'index.html')
  })

  for (const path of ['/console/playground', '/console/playground/'])
    app.get(path, { helmet: playgroundPolicy }, async (request, reply) => {
      const session = finder.of(request)
      if (session === undefined || session === 'over') return reply.redirect('/console/', 302)
      return sendPage(reply, 'playground/index.html')
    })
  app.get<{ Params: { file: string } }>(
    '/console/playground/:file',
    { helmet: playgroundPolicy },
    async ({ params: { file } }, reply) =>
      playgroundFile.test(file) ? sendLasting(reply, `playground/${file}`) : reply.callNotFound(),
  )
}

/** Sends a file whose address changes with what is in it. */
function sendLasting(reply: FastifyReply, path: string): FastifyReply {
  return reply.header('cache-control', 'public, max-age=31536000, immutable').sendFile(path)
}
