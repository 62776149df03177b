// One conversation on the screen: the branch that is shown, answers being written, the tools below each message.

import { h, icon, iconButton, copy } from './dom.js';
import { build } from './markdown.js';
import { showTokens } from './tokens.js';

export class Thread {
  // actions: edit(message, text), regenerate(message), show(leaf), approve(ask, yes)
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.messages = new Map();
    this.leaf = null;
    this.views = new Map();
  }

  set(messages, leaf) {
    this.messages = new Map(messages.map(message => [message.id, message]));
    this.leaf = leaf ?? null;
    this.draw();
  }

  add(message) {
    this.messages.set(message.id, message);
    this.leaf = message.id;
    this.draw();
  }

  keep(message) {
    this.messages.set(message.id, message);
    this.draw();
  }

  get branch() {
    const branch = [];
    for (let at = this.messages.get(this.leaf); at; at = this.messages.get(at.parent)) branch.unshift(at);
    return branch;
  }

  siblings(message) {
    return [...this.messages.values()].filter(other => (other.parent ?? null) === (message.parent ?? null))
      .sort((a, b) => a.id - b.id);
  }

  // The newest end of what follows a message.
  endOf(message) {
    let end = message;
    while (true) {
      const next = [...this.messages.values()].filter(other => other.parent === end.id).sort((a, b) => b.id - a.id)[0];
      if (!next) return end.id;
      end = next;
    }
  }

  get lastQuestion() { return this.branch.findLast(message => message.role === 'user'); }
  get lastAnswer() { return this.branch.findLast(message => message.role === 'assistant'); }

  // Views of messages that did not change stay as they are, with what is open or selected in them.
  draw() {
    const branch = this.branch;
    const views = branch.map(message => {
      const known = this.views.get(message.id);
      const siblings = this.siblings(message).length;
      if (known && known.message === message && known.siblings === siblings) return known;
      const view = { message, siblings, element: message.role === 'user' ? this.question(message) : this.answer(message) };
      this.views.set(message.id, view);
      return view;
    });
    const wanted = views.map(view => view.element);
    for (const child of [...this.root.children]) if (!wanted.includes(child)) child.remove();
    wanted.forEach((element, i) => { if (this.root.children[i] !== element) this.root.insertBefore(element, this.root.children[i] ?? null); });
  }

  question(message) {
    const text = message.parts.map(part => part.text).join('');
    const body = h('div', { className: 'bubble' }, text);
    // A tap gives it the focus, and with that its tools.
    const element = h('article', { className: 'message user', ariaLabel: 'You', tabIndex: -1 }, body,
      h('div', { className: 'tools' }, this.branches(message),
        iconButton('edit', 'Edit (e)', () => this.edit(message)),
        this.copyButton(() => text)));
    element.dataset.id = message.id;
    element.dataset.saved = text.length;
    return element;
  }

  edit(message) {
    const view = this.views.get(message.id);
    if (!view || view.element.classList.contains('editing')) return;
    const text = message.parts.map(part => part.text).join('');
    const area = h('textarea', { value: text, ariaLabel: 'Edit the message', rows: 1 });
    const close = () => { view.element.classList.remove('editing'); form.remove(); };
    const done = () => { const said = area.value; close(); if (said.trim()) this.actions.edit(message, said); };
    const form = h('form', { className: 'editor', onsubmit: event => { event.preventDefault(); done(); } }, area,
      h('div', null, h('button', { type: 'button', className: 'quiet', onclick: close }, 'Cancel'),
        h('button', { type: 'submit', className: 'primary' }, 'Send')));
    area.addEventListener('keydown', event => {
      if (event.key === 'Escape') { event.stopPropagation(); close(); }
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); done(); }
    });
    const grow = () => { area.style.height = 'auto'; area.style.height = area.scrollHeight + 'px'; };
    area.addEventListener('input', grow);
    view.element.classList.add('editing');
    view.element.append(form);
    grow();
    area.focus();
    area.setSelectionRange(text.length, text.length);
  }

  answer(message) {
    const body = h('div', { className: 'body' }, message.parts.map(part => this.part(part)));
    const text = message.parts.filter(part => part.kind === 'text').map(part => part.text).join('');
    const element = h('article', { className: 'message assistant', ariaLabel: message.model ?? 'Answer' }, body,
      this.note(message),
      h('div', { className: 'tools' }, this.branches(message), this.copyButton(() => text),
        iconButton('again', 'Answer anew (r)', () => this.actions.regenerate(message)),
        iconButton('tokens', 'How sure it was of each token (t)', () => showTokens(element, body, message)),
        h('span', { className: 'facts' }, facts(message))));
    element.dataset.id = message.id;
    element.dataset.saved = text.length;
    return element;
  }

  part(part) {
    if (part.kind === 'call') return call(part);
    if (part.kind === 'thought')
      return h('details', { className: 'thought' }, h('summary', null, 'Thoughts'), h('p', null, part.text));
    return h('div', { className: 'markdown' }, (part.blocks ?? []).map(block => build(block)));
  }

  note(message) {
    const note = {
      stopped: 'Stopped.', failed: message.fault ?? 'It failed.',
      writing: 'This answer was cut short: the server ended while it was being written.',
      length: 'Cut at the most tokens an answer may have; the settings can allow more.',
    }[message.state];
    return note && h('p', { className: 'note ' + message.state }, note);
  }

  branches(message) {
    const siblings = this.siblings(message);
    if (siblings.length < 2) return null;
    const at = siblings.findIndex(other => other.id === message.id);
    const go = step => this.actions.show(this.endOf(siblings[at + step]));
    return h('span', { className: 'branches' },
      iconButton('left', 'The version before', () => go(-1), { disabled: at === 0 }),
      `${at + 1}/${siblings.length}`,
      iconButton('right', 'The version after', () => go(1), { disabled: at === siblings.length - 1 }));
  }

  copyButton(text) {
    const button = iconButton('copy', 'Copy', () => copy(text(), button));
    return button;
  }

  // A place for an answer that begins.
  begin(parent) {
    const stream = new Streaming(this, parent);
    // What was shown below the question is another branch now.
    this.leaf = parent;
    this.draw();
    this.root.append(stream.element);
    return stream;
  }
}

// An answer while it is written.
class Streaming {
  constructor(thread, parent) {
    this.thread = thread;
    this.parent = parent;
    this.parts = [];
    this.body = h('div', { className: 'body' });
    this.facts = h('span', { className: 'facts' });
    this.element = h('article', { className: 'message assistant writing', ariaBusy: 'true' }, this.body,
      h('div', { className: 'tools' }, this.facts));
    this.body.append(h('span', { className: 'dots' }, h('i'), h('i'), h('i')));
  }

  take(news) {
    if (news.type === 'begin') {
      this.body.replaceChildren();
      this.element.dataset.id = news.id;
      this.element.dataset.saved = 0;
      this.begun = news;
    } else if (news.type === 'part') {
      const made = this.thread.part(news.part);
      if (news.part.kind === 'thought') made.open = true;
      this.put(news.index, made);
    } else if (news.type === 'blocks') {
      const holder = this.parts[news.index] ?? h('div', { className: 'markdown' });
      while (holder.children.length > news.from) holder.lastChild.remove();
      holder.append(...news.blocks.map(block => build(block)));
      this.put(news.index, holder);
    } else if (news.type === 'ask') {
      this.ask(news);
    } else if (news.type === 'saved') {
      this.element.dataset.saved = news.characters;
    } else if (news.type === 'pace') {
      this.facts.textContent = `${news.seconds.toFixed(1)} s`;
    }
  }

  // What a person has to say yes or no to before it goes on; without a number it is settled.
  ask(news) {
    this.card?.remove();
    this.card = null;
    if (news.number === undefined) return;
    const say = yes => {
      card.querySelectorAll('button').forEach(button => { button.disabled = true; });
      this.thread.actions.approve(news.number, yes);
    };
    const card = this.card = h('div', { className: 'ask', role: 'alertdialog', ariaLabel: 'A question' }, h('p', null, news.text),
      h('div', null, h('button', { type: 'button', className: 'primary', onclick: () => say(true) }, 'Yes'),
        h('button', { type: 'button', className: 'quiet', onclick: () => say(false) }, 'No')));
    this.body.after(card);
  }

  put(index, element) {
    if (this.parts[index] === element) return;
    if (this.parts[index]) this.parts[index].replaceWith(element);
    else this.body.append(element);
    this.parts[index] = element;
  }

  end() { this.element.remove(); }
}

function call(part) {
  let asked = part.arguments ?? '';
  try {
    const values = Object.values(JSON.parse(asked));
    if (values.length === 1) asked = String(values[0]);
  } catch { /* shown as it is */ }
  const failed = part.text?.startsWith('error:');
  const long = part.text?.length > 300; // a file, say
  return h('div', { className: 'call' + (failed ? ' failed' : '') }, icon('sum'), h('span', null, part.name),
    h('code', null, asked), part.text === undefined ? h('span', null, '…')
      : long ? h('details', null, h('summary', null, `${part.text.length} characters`), h('p', null, part.text))
        : h('span', null, failed ? ' ' : '= ', h('b', null, part.text)));
}

function facts(message) {
  const words = [];
  if (message.model) words.push(message.model);
  if (message.tokens) words.push(`${message.tokens} token${message.tokens === 1 ? '' : 's'}`);
  if (message.speed) words.push(`${message.speed >= 10 ? Math.round(message.speed) : message.speed} a second`);
  return words.join(' · ');
}
