// From the server's tree of Markdown to elements. Only these tags and attributes are ever made; a text is a text node.
// So whatever a model writes, nothing is loaded, nothing runs, and a link leads only to the web or to mail.

import { h, icon, copy } from './dom.js';

const PLAIN = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'li', 'blockquote', 'hr', 'em', 'strong', 'del',
  'code', 'br', 'div', 'tr']);

const MAX_DEPTH = 100;

export function build(node, depth = 0) {
  if (typeof node === 'string') return document.createTextNode(node);
  const [tag, attributes, ...children] = node;
  if (depth > MAX_DEPTH) return document.createTextNode(words(node));
  const inner = () => children.map(child => build(child, depth + 1));
  if (PLAIN.has(tag)) return h(tag, null, ...inner());
  switch (tag) {
    case 'ol': return h('ol', { start: Number(attributes?.start ?? 1) }, ...inner());
    case 'th': case 'td': return h(tag, { className: attributes?.align ? 'to-' + attributes.align : null }, ...inner());
    case 'table': return h('div', { className: 'table' }, h('table', null, ...inner()));
    case 'check': return h('input', { type: 'checkbox', disabled: true, checked: attributes?.checked === 'true' });
    case 'image': return h('span', { className: 'image' }, 'Image: ', ...inner(), address(attributes?.url, ''));
    case 'span': return h('span', null, ...inner(), address(attributes?.url, words(node)));
    case 'a': return link(attributes?.href, inner(), words(node));
    case 'pre': return code(attributes?.lang, children.join(''));
    default: return document.createTextNode(words(node));
  }
}

function link(url, inner, text) {
  let parsed;
  try { parsed = new URL(url); } catch { return h('span', null, ...inner); }
  if (!['https:', 'http:', 'mailto:'].includes(parsed.protocol)) return h('span', null, ...inner);
  return h('span', null,
    h('a', { href: parsed.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...inner), address(url, text));
}

// What a link says proves nothing, so its address stands beside it where the two differ.
function address(url, text) {
  if (!url || url === text || url === 'mailto:' + text) return null;
  return h('span', { className: 'address' }, ` (${url.length > 80 ? url.slice(0, 79) + '…' : url})`);
}

function code(language, text) {
  const button = h('button', { type: 'button', className: 'icon', title: 'Copy', ariaLabel: 'Copy code',
    onclick: () => copy(text, button) }, icon('copy'));
  return h('div', { className: 'code' },
    h('div', { className: 'bar' }, h('span', null, (language ?? '').slice(0, 40)), button),
    h('pre', { tabIndex: 0 }, h('code', null, text)));
}

function words(node) {
  if (typeof node === 'string') return node;
  return node.slice(2).map(words).join('');
}
