// Elements without HTML: everything on the page is made here or by markdown.js, from a tag, attributes and children.

export const $ = id => document.getElementById(id);

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== 'list') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', '#i-' + name);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

export const iconButton = (name, label, onclick, attributes = {}) =>
  h('button', { type: 'button', className: 'icon', title: label, ariaLabel: label, onclick, ...attributes }, icon(name));

// Copies a text and shows for a moment that it did.
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https browsers have no clipboard but the selection's.
    const area = h('textarea', { className: 'unseen', value: text });
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  const before = button.querySelector('use').getAttribute('href');
  button.querySelector('use').setAttribute('href', '#i-check');
  button.classList.add('done');
  setTimeout(() => {
    button.querySelector('use').setAttribute('href', before);
    button.classList.remove('done');
  }, 1200);
}

export function toast(text, action, run, seconds = 8) {
  const box = h('div', { className: 'toast' }, h('span', null, text),
    action && h('button', { type: 'button', className: 'link', onclick: () => { box.remove(); run(); } }, action),
    iconButton('close', 'Close', () => box.remove()));
  $('toasts').append(box);
  setTimeout(() => box.remove(), seconds * 1000);
  return box;
}

// For those who cannot see it.
export const say = text => { $('status').textContent = text; };
