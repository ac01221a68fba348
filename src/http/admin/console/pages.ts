/**
 * The files of the console, as the build puts them into `dist/console/`: one page, which shows what its address says, with
 * scripts and styles that are named by their digests; and the playground, which may connect to nothing.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { settingsOf, withSettings } from '../../../policy/playground.ts'
import type { Policy } from '../../../policy/policy.ts'
import type { SessionFinder } from '../signed-in.ts'

/** Where the build puts the files. */
export const builtPages = fileURLToPath(new URL('../../../../dist/console/', import.meta.url))

const assetName = /^[\w.-]{1,200}$/
/** What is under these names is no page. */
const noPage = /^(?:api|assets|playground)(?:\/|$)/
/** Of scripts and styles, which do not care, but for a worker: it takes its policy from its own response. */
const assetPolicy = {
  contentSecurityPolicy: { useDefaults: false, directives: { 'default-src': ["'none'"] } },
}

/** Of the playground's page. */
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

/** What the pages need. */
export interface PagesParts {
  readonly finder: SessionFinder
  /** Where they are. */
  readonly folder: string
  /** In force: the playground shows what its guards find. */
  policy(): Policy
}

/** Registers the routes of the files. */
export function registerPages(app: FastifyInstance, { finder, folder, policy }: PagesParts): void {
  app.register(fastifyStatic, { serve: false, root: folder, cacheControl: false, index: false })

  const sendPage = (reply: FastifyReply, page: string, fill = (html: string) => html) => {
    if (!existsSync(`${folder}${page}`))
      return reply.code(404).send({ error: 'The console is not built. Run `npm run build`.' })
    return reply.type('text/html; charset=utf-8').send(fill(readFileSync(`${folder}${page}`, 'utf8')))
  }

  app.get('/console', async (_request, reply) => reply.redirect('/console/', 308))
  app.get('/console/', async (_request, reply) => sendPage(reply, 'index.html'))
  app.get<{ Params: { file: string } }>(
    '/console/assets/:file',
    { helmet: assetPolicy },
    async ({ params: { file } }, reply) =>
      assetName.test(file) ? sendLasting(reply, `assets/${file}`) : reply.callNotFound(),
  )
  app.get<{ Params: { '*': string } }>('/console/*', async ({ params }, reply) =>
    noPage.test(params['*']) ? reply.callNotFound() : sendPage(reply, 'index.html'),
  )

  for (const path of ['/console/playground', '/console/playground/'])
    app.get(path, { helmet: playgroundPolicy }, async (request, reply) => {
      const session = finder.of(request)
      if (session === undefined || session === 'over') return reply.redirect('/console/', 302)
      // The operator's own packs are for those who may read the policy.
      const settings = settingsOf(policy(), session.principal.rights.has('read'))
      return sendPage(reply, 'playground/index.html', (html) => withSettings(html, settings))
    })
}

/** Sends a file whose address changes with what is in it. */
function sendLasting(reply: FastifyReply, path: string): FastifyReply {
  return reply.header('cache-control', 'public, max-age=31536000, immutable').sendFile(path)
}
