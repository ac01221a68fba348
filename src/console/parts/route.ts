/** Which page an address names. Links are plain links; a click on one changes the address without loading anything. */
import { useEffect, useState } from 'preact/hooks'

const base = '/console'

/** The page of an address, and what of it is meant. */
export interface Route {
  /** Empty: the start page. */
  readonly page: string
  readonly id: string | undefined
  readonly query: URLSearchParams
}

/** Returns the address of a page. */
export function pathTo(page: string, id?: string): string {
  return `${base}/${page}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`
}

/** Goes to a page. @param replaces leaves no trace of the page before */
export function go(path: string, replaces = false): void {
  if (replaces) history.replaceState(null, '', path)
  else history.pushState(null, '', path)
  dispatchEvent(new PopStateEvent('popstate'))
}

/** Returns the page in the address bar, and renders again when it changes. */
export function useRoute(): Route {
  const [route, setRoute] = useState(currentRoute)
  useEffect(() => {
    const follow = () => setRoute(currentRoute())
    addEventListener('popstate', follow)
    document.addEventListener('click', followLink)
    return () => {
      removeEventListener('popstate', follow)
      document.removeEventListener('click', followLink)
    }
  }, [])
  return route
}

function currentRoute(): Route {
  const [page = '', id] = location.pathname.slice(base.length + 1).split('/')
  return { page, id: id ? decoded(id) : undefined, query: new URLSearchParams(location.search) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What opens elsewhere, or is no page of the console, is left to the browser. */
function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return
  if (!link.pathname.startsWith(`${base}/`) || link.pathname.startsWith(`${base}/playground`)) return
  event.preventDefault()
  go(link.pathname + link.search)
}
