// What the page asks the server for. A fault is an Error with a message for people and, where there is one, a code.

export class ServerGone extends Error {}

// The server may ask for a key; it stays until the tab is closed. keys.ask asks the person for it.
let key = sessionStorage.getItem('key');
export const keys = { ask: null };

async function call(method, path, body, signal) {
  let response;
  const headers = key ? { Authorization: 'Bearer ' + key } : {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    response = await fetch('page' + path, {
      method, signal, headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    throw new ServerGone('The server does not answer.');
  }
  if (response.ok) return response;
  if (response.status === 401 && keys.ask) {
    key = await keys.ask(Boolean(key));
    sessionStorage.setItem('key', key);
    return call(method, path, body, signal);
  }
  let fault = { message: `The server answered with ${response.status}.` };
  try { fault = (await response.json()).error ?? fault; } catch { /* not ours */ }
  throw Object.assign(new Error(fault.message), { code: fault.code, status: response.status });
}

const json = async (...args) => (await call(...args)).json();

export const state = () => json('GET', '/state');
export const conversations = search => json('GET', '/conversations?search=' + encodeURIComponent(search));
export const conversation = id => json('GET', '/conversations/' + id);
export const create = settings => json('POST', '/conversations', { settings });
export const change = (id, changes) => json('PATCH', '/conversations/' + id, changes);
export const remove = id => call('DELETE', '/conversations/' + id);
export const restore = id => call('POST', `/conversations/${id}/restore`, {});
export const say = (conversation, parent, text) => json('POST', '/messages', { conversation, parent, text });
export const tokens = id => json('GET', `/messages/${id}/tokens`);
export const approve = (ask, yes) => call('POST', '/asks', { ask, yes });
export const keepDefaults = settings => call('PUT', '/settings', settings);

// The news of an answer as they come, one JSON document a line.
export async function* answer(message, signal) {
  const response = await call('POST', '/answers', { message }, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines) if (line) yield JSON.parse(line);
    }
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    throw new ServerGone('The connection to the server broke.');
  }
}
