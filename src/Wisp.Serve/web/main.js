// The page: which conversation is open, what is typed, which answer is being written.

import { $, h, icon, iconButton, copy, say, toast } from './dom.js';
import * as api from './api.js';
import { Thread } from './messages.js';
import { openSettings, openKeys } from './settings.js';
import { showTokens } from './tokens.js';

let state = { models: [], defaults: {}, sampling: {} };
let current = null; // the conversation that is open; null is a new one
let settings = {};
const runs = new Map(); // answers that are being written, by conversation: { stop, done, parent, view }
const running = () => runs.get(current?.id);
let conversations = [];

const thread = new Thread($('messages'), {
  edit: (message, text) => send(text, message.parent ?? null),
  regenerate: message => answer(message.parent),
  approve: (ask, yes) => api.approve(ask, yes).catch(fault => banner(fault.message)),
  show: async leaf => {
    thread.leaf = leaf;
    thread.draw();
    const run = running();
    if (run?.parent === leaf) thread.root.append(run.view.element);
    toEnd(false);
    await tried(() => api.change(current.id, { leaf })).catch(() => {});
  },
});

// What the server does not answer to stands in a banner, and is tried again.
async function tried(work) {
  try {
    const result = await work();
    online();
    return result;
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    if (fault instanceof api.ServerGone) gone(); else banner(fault.message);
    throw fault;
  }
}

let waiting = null;
function gone() {
  banner('The server does not answer. What was shown as saved is safe; this page goes on when the server is back.', 'gone');
  waiting ??= setInterval(async () => {
    try { state = await api.state(); } catch { return; }
    online();
    await start(false);
  }, 1500);
}

function online() {
  if (!waiting) return;
  clearInterval(waiting);
  waiting = null;
  banner('');
}

function banner(text, kind = '') {
  const bar = $('banner');
  bar.hidden = !text;
  bar.className = kind;
  bar.replaceChildren(text, text && kind !== 'gone' ? iconButton('close', 'Close', () => banner('')) : '');
}

// --- conversations

async function list() {
  conversations = await tried(() => api.conversations($('search').value.trim()));
  drawList();
}

function drawList() {
  const days = new Map();
  for (const one of conversations) {
    const day = dayOf(one.changed);
    if (!days.has(day)) days.set(day, []);
    days.get(day).push(one);
  }
  const nav = $('list');
  nav.replaceChildren(...[...days].map(([day, ones]) => h('section', null, h('h2', null, day), ones.map(row))));
  if (!conversations.length)
    nav.append(h('p', { className: 'faint' }, $('search').value ? 'Nothing found.' : 'What you talk about will stand here.'));
}

function row(one) {
  const link = h('a', { href: '#/' + one.id, title: one.title, ariaCurrent: current?.id === one.id ? 'page' : null }, one.title || 'New conversation');
  const box = h('div', { className: 'row' + (current?.id === one.id ? ' open' : '') + (runs.has(one.id) ? ' busy' : '') }, link,
    iconButton('edit', 'Rename', () => rename(one, box)), iconButton('trash', 'Delete', () => remove(one)));
  link.addEventListener('dblclick', () => rename(one, box));
  return box;
}

function rename(one, box) {
  const input = h('input', { value: one.title, ariaLabel: 'Title', maxLength: 200 });
  let over = false;
  const end = async keep => {
    if (over) return;
    over = true;
    const title = input.value.trim();
    if (keep && title && title !== one.title) {
      await tried(() => api.change(one.id, { title })).catch(() => {});
      if (current?.id === one.id) current.title = title;
      head();
    }
    await list().catch(() => {});
  };
  input.addEventListener('keydown', event => {
    if (event.key === 'Enter') end(true);
    if (event.key === 'Escape') { event.stopPropagation(); end(false); }
  });
  input.addEventListener('blur', () => end(true));
  box.replaceChildren(input);
  input.focus();
  input.select();
}

async function remove(one) {
  await tried(() => api.remove(one.id));
  if (current?.id === one.id) location.hash = '#/';
  await list();
  toast(`Deleted “${one.title || 'New conversation'}”`, 'Undo', async () => {
    await tried(() => api.restore(one.id));
    await list();
    location.hash = '#/' + one.id;
  }, 10);
}

function dayOf(time) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (time >= midnight) return 'Today';
  if (time >= midnight - 864e5) return 'Yesterday';
  if (time >= midnight - 6 * 864e5) return 'This week';
  return new Date(time).toLocaleDateString(undefined, { month: 'long', year: 'numeric' });
}

// --- the open conversation

async function open() {
  const id = Number(location.hash.slice(2)) || null;
  document.body.classList.remove('sided');
  if (id === null) {
    current = null;
    settings = { ...state.defaults };
    thread.set([], null);
  } else {
    let whole;
    try {
      whole = await tried(() => api.conversation(id));
    } catch (fault) {
      if (fault.status === 404) location.hash = '#/';
      return;
    }
    if ((Number(location.hash.slice(2)) || null) !== id) return; // another one was opened meanwhile
    current = whole.conversation;
    settings = current.settings;
    const run = runs.get(id);
    if (run) {
      // It is still being written, by this page.
      thread.set(whole.messages.filter(message => message.id !== Number(run.view.element.dataset.id)), run.parent);
      thread.root.append(run.view.element);
    } else thread.set(whole.messages, current.leaf);
  }
  busy();
  $('text').value = draft();
  grow();
  head();
  drawList();
  toEnd(false);
  if (matchMedia('(hover: hover)').matches) $('text').focus();
}

function head() {
  const title = current?.title || (current ? 'New conversation' : '');
  $('title').textContent = title;
  document.title = title ? `${title} – Wisp` : 'Wisp';
  const model = settings.model ?? state.model ?? '';
  $('model-name').textContent = model;
  const empty = !thread.leaf;
  document.body.classList.toggle('empty', empty);
  document.querySelector('.welcome')?.remove();
  if (empty)
    $('messages').append(h('div', { className: 'welcome' }, h('img', { src: 'icon.svg', width: 56, height: 56, alt: '' }),
      h('h2', null, 'What shall we talk about?'),
      h('p', null, 'Everything stays on this machine: the model, what you write, what it answers.'),
      h('div', { className: 'ideas' }, ['Hello! How are you?', 'What is 384 * 27?', 'Tell me a story about a fox.'].map(idea =>
        h('button', { type: 'button', onclick: () => send(idea, null) }, idea)))));
}

async function send(text, parent) {
  banner('');
  let message;
  try {
    if (!current) {
      current = await tried(() => api.create(settings));
      history.replaceState(null, '', '#/' + current.id);
    }
    message = await tried(() => api.say(current.id, parent, text));
  } catch {
    if (!$('text').value) $('text').value = draft(text); // nothing of it is lost
    grow();
    return;
  }
  document.querySelector('.welcome')?.remove();
  document.body.classList.remove('empty');
  thread.add(message);
  toEnd(true);
  if (!current.title) { current.title = message.parts[0].text.split('\n')[0].slice(0, 60); head(); }
  list().catch(() => {});
  await answer(message.id);
}

async function answer(parent) {
  const [conversation, at] = [current.id, thread];
  const before = runs.get(conversation);
  if (before) { before.stop(); await before.done; }
  const control = new AbortController();
  let finished;
  const view = at.begin(parent);
  runs.set(conversation, { stop: () => control.abort(), done: new Promise(resolve => { finished = resolve; }), parent, view });
  busy();
  drawList();
  toEnd(true);
  let ended = null, context = null, fault = null;
  try {
    for await (const news of api.answer(parent, control.signal)) {
      const stay = nearEnd();
      if (news.type === 'begin') context = news;
      if (news.type === 'end') ended = news.message;
      else if (news.type === 'error') fault = new Error(news.message);
      else view.take(news);
      if (stay) toEnd(false);
    }
    online();
  } catch (thrown) {
    fault = thrown;
  }
  view.end();
  runs.delete(conversation);
  busy();
  drawList();
  try {
    if (current?.id === conversation) await settle();
  } finally {
    finished();
  }

  async function settle() {
    const stay = nearEnd();
    if (ended) {
      if (at.leaf === parent) at.add(ended); else at.keep(ended); // somebody may look at another version by now
      say('The answer is complete.');
      if (context?.leftOut)
        at.root.append(h('p', { className: 'note' }, `The context of ${context.context} tokens is full: the model no longer sees the first ${context.leftOut} message${context.leftOut === 1 ? '' : 's'}.`));
      state.models.forEach(one => { if (one.id === ended.model) one.loaded = true; });
    } else if (fault?.name === 'AbortError') {
      await reload(conversation, parent);
    } else if (fault instanceof api.ServerGone) {
      gone();
      problem(at, parent, fault.message);
    } else {
      problem(at, parent, fault?.message ?? 'The answer ended without a reason.', fault?.code);
    }
    if (stay || !ended) toEnd(false);
  }
}

// After a stop the server finishes what it keeps; this is what it kept.
async function reload(conversation, parent) {
  for (let attempt = 0; attempt < 20; attempt++) {
    const whole = await tried(() => api.conversation(conversation)).catch(() => null);
    if (!whole || current?.id !== conversation || runs.has(conversation)) return;
    const last = whole.messages.find(message => message.id === whole.conversation.leaf);
    if (last?.state === 'writing') { await new Promise(resolve => setTimeout(resolve, 60)); continue; }
    thread.set(whole.messages, whole.conversation.leaf);
    return;
  }
}

function problem(at, parent, text, code) {
  const full = code === 'context_length_exceeded';
  const question = at.messages.get(parent);
  at.root.append(h('div', { className: 'problem', role: 'alert' }, h('b', null, full ? 'The context is full' : 'No answer'), h('p', null, text),
    h('div', null, h('button', { type: 'button', className: 'quiet', onclick: event => { event.target.closest('.problem').remove(); answer(parent); } }, 'Try again'),
      full && h('button', { type: 'button', className: 'quiet', onclick: event => { event.target.closest('.problem').remove(); at.edit(question); } }, 'Shorten the message'))));
}

function busy() {
  const is = Boolean(running());
  $('send').hidden = is;
  $('stop').hidden = !is;
}

// --- scrolling

const scroller = $('scroll');
const nearEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;

function toEnd(smooth) {
  scroller.scrollTo({ top: scroller.scrollHeight, behavior: smooth && !matchMedia('(prefers-reduced-motion: reduce)').matches ? 'smooth' : 'auto' });
}

scroller.addEventListener('scroll', () => { $('latest').hidden = nearEnd(); }, { passive: true });
$('latest').addEventListener('click', () => toEnd(true));

// --- writing; a draft outlives the page

function draft(text) {
  const key = 'draft ' + (current?.id ?? 'new');
  if (text === undefined) return localStorage.getItem(key) ?? '';
  if (text) localStorage.setItem(key, text); else localStorage.removeItem(key);
  return text;
}

function grow() {
  const area = $('text');
  area.style.height = 'auto';
  area.style.height = Math.min(area.scrollHeight, innerHeight * 0.4) + 'px';
  $('send').disabled = !area.value.trim();
}

$('text').addEventListener('input', () => { draft($('text').value); grow(); });
$('text').addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && matchMedia('(hover: hover)').matches) {
    event.preventDefault();
    $('composer').requestSubmit();
  }
});
$('composer').addEventListener('submit', async event => {
  event.preventDefault();
  const text = $('text').value;
  if (!text.trim()) return;
  $('text').value = '';
  draft('');
  grow();
  const run = running();
  if (run) { run.stop(); await run.done; } // what it has said so far is part of the conversation
  send(text, thread.leaf);
});
$('stop').addEventListener('click', () => running()?.stop());

// --- the rest of the page

$('new').addEventListener('click', fresh);
$('menu').addEventListener('click', side);
$('veil').addEventListener('click', () => document.body.classList.remove('sided'));
$('help').addEventListener('click', openKeys);
$('theme').addEventListener('click', theme);
$('model').addEventListener('click', configure);

let typing;
$('search').addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(() => list().catch(() => {}), 150); });

function fresh() {
  if (location.hash === '#/' || !location.hash) open(); else location.hash = '#/';
  $('text').focus();
}

function side() {
  const phone = matchMedia('(max-width: 760px)').matches;
  document.body.classList.toggle(phone ? 'sided' : 'unsided');
  if (!phone) localStorage.setItem('unsided', document.body.classList.contains('unsided'));
}

// System, light, dark, and around again.
function theme() {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const order = dark ? ['', 'light', 'dark'] : ['', 'dark', 'light'];
  const next = order[(order.indexOf(root.dataset.theme ?? '') + 1) % 3];
  if (next) root.dataset.theme = next; else delete root.dataset.theme;
  localStorage.setItem('theme', next);
  toast({ '': 'Colours as the system has them', light: 'Light', dark: 'Dark' }[next], null, null, 1.5);
}

async function configure() {
  state = await tried(() => api.state());
  openSettings(state, settings, changed => {
    settings = changed;
    head();
    if (current) tried(() => api.change(current.id, { settings })).catch(() => {});
  }, kept => tried(() => api.keepDefaults(kept)).then(() => { state.defaults = { ...kept, system: undefined }; }).catch(() => {}));
}

function beside(step) {
  const at = conversations.findIndex(one => one.id === current?.id);
  const next = conversations[at + step];
  if (next) location.hash = '#/' + next.id;
}

addEventListener('keydown', event => {
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key.toLowerCase() === 'k') { event.preventDefault(); document.body.classList.remove('unsided'); $('search').focus(); $('search').select(); return; }
  if (control && event.shiftKey && event.key.toLowerCase() === 'o') { event.preventDefault(); fresh(); return; }
  if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) { event.preventDefault(); beside(event.key === 'ArrowUp' ? -1 : 1); return; }
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    if (running()) running().stop();
    else if (document.activeElement !== document.body) document.activeElement.blur();
    document.body.classList.remove('sided');
    return;
  }
  if (control || event.altKey || event.target.closest('input, textarea, select')) return;
  const [last, question] = [thread.lastAnswer, thread.lastQuestion];
  const view = last && thread.views.get(last.id)?.element;
  const act = {
    '/': () => $('text').focus(), '?': openKeys, ',': configure, '[': side, d: theme,
    e: () => question && thread.edit(question), r: () => question && answer(question.id),
    t: () => view && showTokens(view, view.querySelector('.body'), last),
    c: () => view?.querySelector('.tools .icon[title="Copy"]')?.click(),
    ArrowLeft: () => view?.querySelector('.branches button:first-child')?.click(),
    ArrowRight: () => view?.querySelector('.branches button:last-child')?.click(),
  }[event.key];
  if (act && !(event.key.startsWith('Arrow') && event.target.closest('.token'))) { event.preventDefault(); act(); }
});

addEventListener('hashchange', open);

// Several requests may find out at once that a key is needed; the person is asked once.
let asking = null;
api.keys.ask = wrong => asking ??= new Promise(resolve => {
  const dialog = $('key');
  const input = h('input', { type: 'password', autocomplete: 'off', ariaLabel: 'Key', autofocus: true });
  dialog.replaceChildren(h('form', { onsubmit: event => {
    event.preventDefault();
    if (!input.value.trim()) return;
    dialog.close();
    asking = null;
    resolve(input.value.trim());
  } }, h('header', null, h('h2', null, 'A key is needed')),
  h('label', { className: 'field' }, h('span', null, wrong ? 'That key does not open this server.' : 'This server was started with --api-key.'), input),
  h('footer', null, h('span'), h('button', { type: 'submit', className: 'primary' }, 'Open'))));
  dialog.addEventListener('cancel', event => event.preventDefault());
  dialog.showModal();
});

async function start(first) {
  if (first) {
    const kept = localStorage.getItem('theme');
    if (kept) document.documentElement.dataset.theme = kept;
    document.body.classList.toggle('unsided', localStorage.getItem('unsided') === 'true');
  }
  try {
    state = await tried(() => api.state());
    $('version').textContent = state.version;
    await list();
    await open();
  } catch {
    head();
  }
  grow();
}

await start(true);
document.body.dataset.ready = 'true';
