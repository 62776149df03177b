// How sure the model was: each token of an answer, shaded by its share; a click on one shows what else it might have been.

import { h, iconButton } from './dom.js';
import * as api from './api.js';

const percent = share => share >= 0.0995 ? `${Math.round(share * 100)} %` : share >= 0.001 ? `${(share * 100).toFixed(1)} %` : '< 0.1 %';

// Spaces and line ends that a token holds, made visible.
const visible = text => text.replace(/\n/g, '↵').replace(/\t/g, '⇥').replace(/^ | $/g, '␣') || '∅';

export async function showTokens(article, body, message) {
  const open = article.querySelector('.tokens');
  if (open) {
    open.remove();
    body.hidden = false;
    return;
  }
  let tokens;
  try {
    tokens = await api.tokens(message.id);
  } catch (fault) {
    tokens = [];
    article.querySelector('.facts').textContent = fault.message;
    return;
  }
  const detail = h('div', { className: 'alternatives', role: 'status' },
    h('p', { className: 'faint' }, 'The darker the ground of a token, the less sure the model was of it. Choose one to see what else it might have written. Shares are the model\'s own, before temperature and cuts.'));
  const text = h('p', { className: 'run' });
  const buttons = tokens.map(token => {
    const button = h('span', { role: 'button', tabIndex: 0, className: 'token', title: percent(token.share), onclick: () => choose(button, token) });
    button.style.setProperty('--share', Math.pow(token.share, 0.5).toFixed(3));
    button.append(token.text.replace(/\n/g, '↵') || '∅');
    return [button, /\n/.test(token.text) ? h('br') : null];
  }).flat();
  text.append(...buttons.filter(Boolean));
  text.addEventListener('keydown', event => {
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); document.activeElement.click(); return; }
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...text.querySelectorAll('.token')];
    const next = all[all.indexOf(document.activeElement) + step];
    if (next) { event.preventDefault(); next.focus(); next.click(); }
  });
  const panel = h('div', { className: 'tokens' },
    h('div', { className: 'bar' }, h('span', null, 'Token by token'), iconButton('close', 'Back to the text', () => showTokens(article, body, message))),
    text, detail);
  body.hidden = true;
  body.after(panel);
  panel.scrollIntoView({ block: 'nearest' });

  function choose(button, token) {
    text.querySelector('.chosen')?.classList.remove('chosen');
    button.classList.add('chosen');
    const all = token.best.some(other => other.text === token.text) ? token.best : [...token.best, token];
    const rest = Math.max(0, 1 - all.reduce((sum, other) => sum + other.share, 0));
    detail.replaceChildren(h('table', null, ...all.map(other => row(other, other.text === token.text)),
      rest >= 0.0005 ? row({ text: 'all others', share: rest }, false, true) : ''));
    detail.scrollIntoView({ block: 'nearest' });
  }

  function row(other, chosen, rest = false) {
    const bar = h('i');
    bar.style.width = `${Math.max(0.5, other.share * 100)}%`;
    return h('tr', { className: chosen ? 'is' : null },
      h('td', null, rest ? h('em', null, other.text) : h('code', null, visible(other.text))),
      h('td', { className: 'share' }, percent(other.share)), h('td', { className: 'line' }, bar));
  }
}
