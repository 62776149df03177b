// The official client of Ollama against a server: node ollama.cjs http://127.0.0.1:PORT KEY. NODE_PATH says where it is.
'use strict';
const assert = require('node:assert/strict');
const { Ollama } = require('ollama');

const [host, key] = process.argv.slice(2);
const client = new Ollama({ host, headers: { Authorization: `Bearer ${key}` } });
const model = 'wisp-chat';
const messages = [{ role: 'user', content: 'What is 12 times 34?' }];
const options = { seed: 1, num_predict: 20 };

const steps = {
  async list() {
    const { models } = await client.list();
    const found = models.find((one) => one.name === model);
    assert.equal(found.details.family, 'qwen3');
    assert.equal(found.details.quantization_level, 'Q8_0');
  },

  async show() {
    const shown = await client.show({ model });
    assert(shown.capabilities.includes('completion') && shown.capabilities.includes('tools'));
    assert(shown.template.includes('<|im_start|>'));
    await assert.rejects(client.show({ model: 'nobody' }), /not found/);
  },

  async chat() {
    const reply = await client.chat({ model, messages, options });
    assert.equal(reply.message.role, 'assistant');
    assert.equal(reply.done, true);
    assert(reply.eval_count > 0 && reply.prompt_eval_count > 0 && reply.total_duration > 0);
  },

  async stream() {
    const whole = await client.chat({ model, messages, options });
    let text = '', last = null;
    for await (const part of await client.chat({ model, messages, options, stream: true })) {
      text += part.message.content;
      last = part;
    }
    assert.equal(text, whole.message.content);
    assert.equal(last.done, true);
    assert.equal(last.eval_count, whole.eval_count);
  },

  async abort() {
    const stream = await client.chat({ model, messages, options: { num_predict: 300 }, stream: true });
    await assert.rejects(async () => {
      for await (const part of stream) if (part.message.content) stream.abort();
    }, { name: 'AbortError' });
  },

  async schema() {
    const reply = await client.chat({
      model, messages, options: { seed: 1, num_predict: 100 },
      format: { type: 'object', properties: { result: { type: 'integer' } }, required: ['result'], additionalProperties: false },
    });
    assert.deepEqual(Object.keys(JSON.parse(reply.message.content)), ['result']);
    const free = await client.generate({ model, prompt: 'A list:', format: 'json', options: { num_predict: 4 } });
    assert(free.response.trim().startsWith('{'));
  },

  async tools() {
    const tool = {
      type: 'function',
      function: {
        name: 'calculator', description: 'Computes',
        parameters: { type: 'object', properties: { expression: { type: 'string' } }, required: ['expression'] },
      },
    };
    const reply = await client.chat({ model, messages, tools: [tool], options: { temperature: 0, num_predict: 100 } });
    const call = reply.message.tool_calls[0];
    assert.equal(call.function.name, 'calculator');
    assert.equal(typeof call.function.arguments.expression, 'string');
    const answer = await client.chat({
      model, tools: [tool], options,
      messages: [...messages, reply.message, { role: 'tool', content: '408', tool_name: 'calculator' }],
    });
    assert.equal(answer.message.role, 'assistant');
  },

  async generate() {
    const reply = await client.generate({ model, prompt: 'The little fox', raw: true, options });
    assert.equal(reply.done, true);
    assert(reply.response.length > 0);
  },

  async embed() {
    const { embeddings } = await client.embed({ model, input: ['a cat', 'a dog'] });
    assert.equal(embeddings.length, 2);
    const { embedding } = await client.embeddings({ model, prompt: 'a cat' });
    assert.deepEqual(embedding, embeddings[0]);
  },

  async ps() {
    const { models } = await client.ps();
    assert.equal(models[0].name, model);
    assert(new Date(models[0].expires_at) > new Date());
  },

  async version() {
    assert.match((await client.version()).version, /^\d+\.\d+/);
  },

  async errors() {
    await assert.rejects(client.chat({ model: 'nobody', messages }), /not found/);
    await assert.rejects(client.chat({ model, messages: [{ role: 'king', content: 'x' }] }), /king/);
  },
};

(async () => {
  for (const [name, step] of Object.entries(steps)) {
    await step();
    console.log(name);
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
