/** The page as a whole: holds the text, and what the worker told of it. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { judge, type Thresholds } from '../../../detect/injection/verdict.ts'
import { type ScanSettings, shippedSettings } from '../../../detect/scan-settings.ts'
import { fromFragment } from '../link.ts'
import { type Language, languages, preferred } from '../words/languages.ts'
import { Disguises } from './disguises.tsx'
import type { Entered } from './entered.ts'
import { Examples } from './examples.tsx'
import { Findings } from './findings.tsx'
import { Header } from './header.tsx'
import { Input } from './input.tsx'
import { Marked } from './marked.tsx'
import { Masked } from './masked.tsx'
import { useScan } from './use-scan.ts'
import { Verdict } from './verdict.tsx'

interface Props {
  readonly settings: ScanSettings | undefined
  readonly startWorker: () => Worker
}

/** The playground. */
export function App({ settings: given, startWorker }: Props) {
  const settings = given ?? shippedSettings
  const [language, setLanguage] = useState<Language>(() => preferred(navigator.languages))
  const [entered, setEntered] = useState<Entered>({ text: '', channel: 'user' })
  const [thresholds, setThresholds] = useState<Thresholds>(settings)
  const [isBroken, setBroken] = useState(false)
  const words = languages[language]
  const scan = useScan(startWorker, settings, entered)
  const { result } = scan
  const verdict = useMemo(
    () => result && judge(result.findings, result.channel, thresholds),
    [result, thresholds],
  )
  const enter = useCallback((next: Entered) => {
    setBroken(false)
    setEntered(next)
  }, [])
  useFragment(enter, setBroken)
  useEffect(() => {
    document.documentElement.lang = language
    document.title = `Torwart ${words.title}`
  }, [language, words])
  const resultRef = useRef<HTMLDivElement>(null)

  return (
    <>
      <Header words={words} language={language} onLanguage={setLanguage} resultRef={resultRef} />
      <main>
        <div class="column">
          <Input
            words={words}
            entered={entered}
            onEnter={enter}
            thresholds={thresholds}
            onThresholds={setThresholds}
            isBroken={isBroken}
          />
        </div>
        <div class="column result" ref={resultRef} tabIndex={-1}>
          <Verdict words={words} scan={scan} verdict={verdict} thresholds={thresholds} given={given} />
          {result && (
            <>
              <Marked words={words} result={result} />
              <Findings words={words} result={result} key={result.id} />
              <Disguises words={words} result={result} />
              <Masked words={words} result={result} key={-result.id} />
            </>
          )}
        </div>
        <div class="column">
          <Examples words={words} language={language} onEnter={enter} />
        </div>
      </main>
    </>
  )
}

/** Enters the text of a link, now and whenever the fragment changes. */
function useFragment(enter: (entered: Entered) => void, setBroken: (isBroken: boolean) => void): void {
  useEffect(() => {
    const read = async () => {
      const { hash } = location
      if (hash.length <= 1) return
      const linked = await fromFragment(hash)
      if (hash !== location.hash) return
      if (linked) enter(linked)
      else setBroken(true)
    }
    const onChange = () => void read()
    onChange()
    addEventListener('hashchange', onChange)
    return () => removeEventListener('hashchange', onChange)
  }, [enter, setBroken])
}
