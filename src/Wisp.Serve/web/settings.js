// The panel of model and settings, and the list of keys.

import { $, h, iconButton } from './dom.js';

const RANGES = [
  { name: 'temperature', label: 'Temperature', min: 0, max: 2, step: 0.05, hint: '0 takes the likeliest token; higher is wilder' },
  { name: 'topP', label: 'Top-p', min: 0, max: 1, step: 0.01, hint: 'Only the likeliest tokens that hold this share together' },
  { name: 'topK', label: 'Top-k', min: 0, max: 200, step: 1, hint: 'Only so many of the likeliest tokens; 0 means all' },
  { name: 'minP', label: 'Min-p', min: 0, max: 1, step: 0.01, hint: 'Only tokens at least this likely, beside the likeliest' },
  { name: 'repeatPenalty', label: 'Repeat penalty', min: 0.8, max: 2, step: 0.01, hint: 'Above 1, tokens of late become less likely' },
];

// change(settings) is called at every change, keep(settings) to make them the default.
export function openSettings(state, settings, change, keep) {
  const dialog = $('settings');
  let now = { ...settings };
  const set = (name, value) => {
    if (value === null || value === '' || Number.isNaN(value)) delete now[name]; else now[name] = value;
    change(now);
  };
  const draw = () => {
    const model = h('select', { autofocus: true, onchange: event => set('model', event.target.value) },
      state.models.map(one => h('option', { value: one.id, selected: one.id === (now.model ?? state.model) }, one.id + (one.loaded ? '' : ' (not loaded)'))));
    const system = h('textarea', { rows: 3, value: now.system ?? '', placeholder: 'What the model is told before the conversation', onchange: event => set('system', event.target.value) });
    dialog.replaceChildren(h('form', { method: 'dialog' },
      h('header', null, h('h2', null, 'Settings'), iconButton('close', 'Close (Esc)', () => dialog.close())),
      field('Model', model), field('System message', system),
      RANGES.map(range => slider(range)),
      h('div', { className: 'pair' }, number('maxTokens', 'Most tokens', 1, 'a quarter of the context'), number('seed', 'Seed', null, 'another each time')),
      h('label', { className: 'switch' }, h('input', { type: 'checkbox', checked: now.tools !== false, onchange: event => set('tools', event.target.checked ? null : false) }),
        h('span', null, 'Tools', h('small', null, 'Sums are worked out exactly, and folders that you mounted can be read'))),
      h('footer', null, h('button', { type: 'button', className: 'quiet', onclick: () => { now = now.model ? { model: now.model } : {}; change(now); draw(); } }, 'Reset'),
        h('button', { type: 'button', className: 'quiet', onclick: event => { keep(now); event.target.textContent = 'Kept'; } }, 'Use for new conversations'))));
  };
  draw();
  if (!dialog.open) dialog.showModal();

  function field(label, input, hint) {
    return h('label', { className: 'field' }, h('span', null, label), input, hint && h('small', null, hint));
  }

  function slider({ name, label, min, max, step, hint }) {
    const value = now[name] ?? state.sampling[name];
    const text = h('input', { type: 'number', min, step, value: rounded(value), ariaLabel: label, onchange: event => take(event.target.valueAsNumber) });
    const bar = h('input', { type: 'range', min, max, step, value, tabIndex: -1, ariaLabel: label, oninput: event => { text.value = event.target.value; mark(); }, onchange: event => take(event.target.valueAsNumber) });
    const box = h('div', { className: 'field range', title: hint }, h('span', null, label), bar, text);
    const mark = () => box.classList.toggle('changed', Number(text.value) !== rounded(state.sampling[name]));
    const take = number => {
      const fine = Number.isNaN(number) ? null : Math.max(min, number);
      text.value = bar.value = fine ?? rounded(state.sampling[name]);
      set(name, fine === rounded(state.sampling[name]) ? null : fine);
      mark();
    };
    mark();
    return box;
  }

  function number(name, label, min, placeholder) {
    return field(label, h('input', { type: 'number', step: 1, min, placeholder, value: now[name] ?? '', onchange: event => set(name, event.target.value === '' ? null : Math.trunc(event.target.valueAsNumber)) }));
  }
}

const rounded = value => Math.round(value * 1000) / 1000;

const KEYS = [
  ['Enter', 'Send'], ['Shift Enter', 'New line'], ['Esc', 'Stop the answer, close'], ['/', 'Write'],
  ['Ctrl Shift O', 'New conversation'], ['Ctrl K', 'Search conversations'], ['Alt ↑  Alt ↓', 'Conversation before, after'],
  ['e', 'Edit the last message'], ['r', 'Answer anew'], ['t', 'How sure it was of each token'], ['c', 'Copy the last answer'],
  ['←  →', 'Between versions, between tokens'], [',', 'Settings'], ['[', 'Show or hide conversations'], ['d', 'Light or dark'], ['?', 'These keys'],
];

export function openKeys() {
  const dialog = $('keys');
  dialog.replaceChildren(h('header', null, h('h2', null, 'Keys'), iconButton('close', 'Close (Esc)', () => dialog.close())),
    h('dl', null, KEYS.map(([keys, what]) => h('div', null, h('dt', null, keys.split('  ').map((chord, i) => [i ? ' ' : '', chord.split(' ').map(key => h('kbd', null, key))])), h('dd', null, what)))),
    h('p', { className: 'faint' }, 'Single letters work while you are not writing; Esc leaves the box.'));
  dialog.showModal();
}

for (const id of ['settings', 'keys'])
  $(id).addEventListener('click', event => { if (event.target === event.currentTarget) event.currentTarget.close(); });
