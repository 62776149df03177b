// The label page. Whatever a model or a data file says is put on the page as text and never as markup.
const $ = id => document.getElementById(id)
const token = location.hash.slice(1)
const SETTLE = 250 // milliseconds: nobody has read a new comparison by then, so the key was meant for the last one

let current = null // the comparison on the screen, or null
let places = []    // its places, best first, as far as they are chosen
let busy = false   // a request is on its way
let clock = null   // when the comparison was last seen to appear; null while the page is hidden
let seen = 0       // milliseconds it was visible before that
let shownAt = 0

// ---------------------------------------------------------------- the program

async function ask(path, body) {
  const response = await fetch('/api/' + path, {
    method: body ? 'POST' : 'GET',
    headers: { 'X-Wisp-Token': token, ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error)
  return answer
}

async function send(path, body) {
  if (busy) return
  busy = true
  $('main').setAttribute('aria-busy', 'true')
  try {
    let answer = await ask(path, body)
    for (;;) {
      warn(answer.saved === false ? 'That one was dealt with in another window; here is the next.' : '')
      show(answer)
      if (answer.state !== 'waiting') break
      answer = await ask('current')
    }
  } catch (fault) {
    warn(fault instanceof TypeError
      ? 'wisp does not answer. What you have judged is saved: start wisp label again and open the address it shows.'
      : fault.message)
    places = []
    if (current) draw()
  } finally {
    busy = false
    $('main').setAttribute('aria-busy', 'false')
  }
}

const seconds = () => (seen + (clock === null ? 0 : performance.now() - clock)) / 1000

const judge = () => send('judgment', { id: current.id, places, seconds: seconds() })

// ---------------------------------------------------------------- what a person does

const actions = {
  place(place) {
    if (!current || place >= current.candidates.length) return
    const at = places.indexOf(place)
    if (at >= 0) places.splice(at, 1)
    else places.push(place)
    draw()
    if (places.length >= current.candidates.length - 1) judge() // the last place follows from the others
    else say(at >= 0 ? `${place + 1} taken back` : `${place + 1} is number ${places.length}`)
  },
  rest() {
    if (current) judge()
  },
  back() {
    if (!places.length) return
    places.pop()
    draw()
  },
  skip() {
    if (current) send('skip', { id: current.id, seconds: seconds() })
  },
  undo() {
    if (places.length) actions.back()
    else if (!$('keys').querySelector('[data-do=undo]').disabled) send('undo', {})
  },
}

const keys = {
  ' ': actions.rest, Enter: actions.rest, Backspace: actions.back, ArrowLeft: actions.back, Escape: actions.back,
  s: actions.skip, u: actions.undo,
}

addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return
  const own = document.activeElement
  // On a button that was reached by Tab, space and Enter press that button.
  if ((event.key === ' ' || event.key === 'Enter') && own instanceof HTMLButtonElement) return
  const action = keys[event.key] ?? keys[event.key.toLowerCase()]
  const isPlace = /^[1-4]$/.test(event.key)
  if (!action && !isPlace) return
  event.preventDefault()
  if (busy || performance.now() - shownAt < SETTLE) return
  if (isPlace) actions.place(event.key - 1)
  else action()
})

$('keys').addEventListener('click', event => {
  const button = event.target.closest('button')
  if (button && !busy) actions[button.dataset.do]()
})

addEventListener('visibilitychange', () => {
  if (document.hidden && clock !== null) [seen, clock] = [seen + performance.now() - clock, null]
  else if (!document.hidden && current && clock === null) clock = performance.now()
})

// ---------------------------------------------------------------- the screen

function make(tag, className, text) {
  const element = document.createElement(tag)
  element.className = className
  if (text !== undefined) element.textContent = text
  return element
}

function turnBody(turn) {
  const parts = []
  const texts = (name, text) => {
    const element = make('div', name, text)
    element.dir = 'auto'
    parts.push(element)
  }
  if (turn.thought) texts('thought', turn.thought)
  if (turn.text) texts('text', turn.text)
  for (const call of turn.calls) parts.push(make('div', 'call', `${call.name} ${call.arguments}`))
  return parts
}

function show(answer) {
  progress(answer.progress)
  const isNew = answer.state === 'judge' && answer.id !== current?.id
  current = answer.state === 'judge' ? answer : null
  for (const id of ['prompt', 'question', 'answers']) $(id).hidden = !current
  $('notice').hidden = !!current
  for (const name of ['rest', 'skip']) $('keys').querySelector(`[data-do=${name}]`).disabled = !current
  places = []
  if (!current) return notice(answer)
  if (!isNew) return draw()

  const who = { user: 'asked', assistant: 'answered', system: 'told beforehand', tool: 'result of the call' }
  $('prompt').replaceChildren(...current.prompt.map(turn => {
    const element = make('div', `turn ${turn.role}`)
    element.append(make('div', 'who', who[turn.role]), ...turnBody(turn))
    return element
  }))
  const count = current.candidates.length
  $('question').textContent = count === 2 ? 'Which answer is better?' : 'Put the answers in order, the best first.'
  $('answers').dataset.count = count
  $('answers').replaceChildren(...current.candidates.map((candidate, place) => {
    const card = make('article', 'answer')
    const pick = make('button', 'pick')
    pick.type = 'button'
    pick.append(make('kbd', '', place + 1), make('span', '', count === 2 ? 'is better' : ''), make('span', 'rank', ''))
    pick.setAttribute('aria-label', `Answer ${place + 1}${count === 2 ? ' is better' : ''}`)
    pick.addEventListener('click', () => { if (!busy) actions.place(place) })
    const body = make('div', 'body')
    body.append(...turnBody(candidate))
    if (candidate.cut) body.append(make('div', 'cut', 'It was cut off here, at the limit of its length.'))
    card.append(pick, body)
    return card
  }))
  document.activeElement?.blur()
  scrollTo(0, 0)
  shownAt = performance.now()
  ;[seen, clock] = [0, document.hidden ? null : shownAt]
  say(`${$('count').textContent}. ${$('question').textContent}`)
  draw()
}

function draw() {
  const names = ['best', 'second', 'third']
  const count = current.candidates.length
  for (const [place, card] of [...$('answers').children].entries()) {
    const at = places.indexOf(place)
    card.classList.toggle('placed', at >= 0)
    card.querySelector('.rank').textContent = at >= 0 && count > 2 ? names[at] : ''
    if (count > 2) card.querySelector('.pick span').textContent = at >= 0 ? '' : places.length ? `${names[places.length]}?` : 'best?'
  }
  $('rest').textContent = places.length ? 'the rest are equal' : 'equally good'
  $('keys').querySelector('[data-do=back]').hidden = count === 2 || !places.length
}

function progress(state) {
  const share = state.total ? Math.min(1, state.done / state.total) : 1
  $('fill').style.width = `${100 * share}%`
  $('fill').parentElement.setAttribute('aria-valuemax', state.total)
  $('fill').parentElement.setAttribute('aria-valuenow', state.done)
  $('count').textContent = `${Math.min(state.done + (share < 1), state.total)} of ${state.total}`
  $('keys').querySelector('[data-do=undo]').disabled = !state.canUndo
  $('self').textContent = agreements(state).map(line => line.join(' ')).join(' · ')
}

const kappa = figures => figures.kappa === null ? ''
  : ` (kappa ${figures.kappa.toFixed(2)}, ${figures.kappa_low.toFixed(2)} to ${figures.kappa_high.toFixed(2)})`

const agreements = state => [
  ...(state.self?.pairs ? [['you agree with yourself on', `${state.self.same} of ${state.self.pairs}${kappa(state.self)}`]] : []),
  ...state.others.map(other => [`with ${other.name} on`, `${other.same} of ${other.pairs}${kappa(other)}`]),
]

function notice(answer) {
  const state = answer.progress
  const lines = make('dl', '')
  for (const [name, value] of [['judged', state.judgments], ['skipped', state.skips], ...agreements(state)])
    lines.append(make('dt', '', name), make('dd', '', value))
  const parts = {
    waiting: [make('h2', 'dots', 'The model is answering'), make('p', '', 'It works ahead while you read, and this is the first.')],
    done: [make('h2', '', 'That was all. Thank you!'), lines,
      make('p', '', `Everything is saved in ${state.file}. Stop wisp label with Ctrl-C, or take the last one back with U.`)],
    failed: [make('h2', '', 'The candidates cannot be made'), make('p', '', answer.error),
      make('p', '', 'What you have judged is saved.')],
  }
  $('notice').replaceChildren(...parts[answer.state])
  say($('notice').innerText)
}

function warn(text) {
  $('alert').textContent = text
  $('alert').hidden = !text
}

const say = text => { $('said').textContent = text }

send('current')
