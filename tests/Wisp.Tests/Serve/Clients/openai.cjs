// The official client of OpenAI against a server: node openai.cjs http://127.0.0.1:PORT KEY. NODE_PATH says where it is.
'use strict';
const assert = require('node:assert/strict');
const OpenAI = require('openai');

const [address, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0 });
const model = 'wisp-chat';
const ask = [{ role: 'user', content: 'What is 12 times 34?' }];
const weather = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'The weather of a city',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 12 }, days: { type: 'integer' } },
      required: ['city', 'days'],
      additionalProperties: false,
    },
  },
};

const steps = {
  async models() {
    const list = [];
    for await (const found of client.models.list()) list.push(found.id);
    assert(list.includes(model));
  },

  async chat() {
    const reply = await client.chat.completions.create({ model, messages: ask, max_tokens: 20, seed: 1 });
    assert.equal(reply.choices.length, 1);
    assert.equal(reply.choices[0].message.role, 'assistant');
    assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
  },

  async choices() {
    const reply = await client.chat.completions.create({
      model, messages: ask, max_tokens: 8, seed: 1, n: 3, logprobs: true, top_logprobs: 2,
    });
    assert.deepEqual(reply.choices.map((choice) => choice.index), [0, 1, 2]);
    for (const choice of reply.choices) {
      assert(choice.logprobs.content.length > 0);
      assert(choice.logprobs.content.every((token) => token.logprob <= 0 && token.top_logprobs.length === 2));
    }
  },

  async stream() {
    const question = { model, messages: ask, max_tokens: 20, seed: 1 };
    const whole = await client.chat.completions.create(question);
    const stream = await client.chat.completions.create({
      ...question, stream: true, stream_options: { include_usage: true },
    });
    let text = '', usage = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
  },

  async abort() {
    const stream = await client.chat.completions.create({ model, messages: ask, max_tokens: 200, stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) break; // the client closes the connection
    }
    assert(stream.controller.signal.aborted);
  },

  async tools() {
    const reply = await client.chat.completions.create({
      model, messages: ask, tools: [weather], tool_choice: 'required', max_tokens: 120, seed: 2,
    });
    const call = reply.choices[0].message.tool_calls[0];
    assert.equal(reply.choices[0].finish_reason, 'tool_calls');
    assert.equal(call.function.name, 'weather');
    assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
    const answer = await client.chat.completions.create({
      model, max_tokens: 10, tools: [weather],
      messages: [...ask, reply.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'rain' }],
    });
    assert.equal(answer.choices[0].message.role, 'assistant');
  },

  async tools_streamed() {
    const runner = client.chat.completions.stream({
      model, messages: ask, tools: [weather], tool_choice: 'required', max_tokens: 120, seed: 2,
    });
    let deltas = 0;
    runner.on('tool_calls.function.arguments.delta', () => deltas++);
    const last = await runner.finalChatCompletion();
    assert(deltas > 2, `${deltas} pieces`);
    assert.equal(last.choices[0].message.tool_calls[0].function.name, 'weather');
    assert.equal(typeof JSON.parse(last.choices[0].message.tool_calls[0].function.arguments).days, 'number');
  },

  async schema() {
    const reply = await client.chat.completions.create({
      model, messages: ask, max_tokens: 100, seed: 3,
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'answer', strict: true,
          schema: {
            type: 'object', properties: { result: { type: 'integer' }, sure: { type: 'boolean' } },
            required: ['result', 'sure'], additionalProperties: false,
          },
        },
      },
    });
    const answer = JSON.parse(reply.choices[0].message.content);
    assert.deepEqual(Object.keys(answer).sort(), ['result', 'sure']);
    assert.equal(typeof answer.sure, 'boolean');
  },

  async completions() {
    const reply = await client.completions.create({ model, prompt: 'Once upon a time', max_tokens: 8, logprobs: 1 });
    assert.equal(reply.object, 'text_completion');
    assert.equal(reply.choices[0].logprobs.tokens.length, reply.choices[0].logprobs.token_logprobs.length);
  },

  async embeddings() {
    // The client asks for base64 and decodes it.
    const reply = await client.embeddings.create({ model, input: ['a cat', 'a dog'] });
    assert.equal(reply.data.length, 2);
    for (const { embedding } of reply.data) {
      const length = Math.hypot(...embedding);
      assert(Math.abs(length - 1) < 1e-4, `length ${length}`);
    }
  },

  async responses() {
    const first = await client.responses.create({ model, input: 'My name is Ada.', max_output_tokens: 12 });
    assert.equal(first.object, 'response');
    assert.equal(first.output_text.length > 0, true);
    const next = await client.responses.create({
      model, input: 'What is my name?', previous_response_id: first.id, max_output_tokens: 12,
    });
    assert(next.usage.input_tokens > first.usage.input_tokens);
    assert(next.usage.input_tokens_details.cached_tokens > 0);
    const kept = await client.responses.retrieve(first.id);
    assert.equal(kept.output_text ?? kept.output[0].content[0].text, first.output_text);
    await client.responses.delete(next.id);
    await assert.rejects(client.responses.retrieve(next.id), OpenAI.NotFoundError);
  },

  async responses_streamed() {
    const stream = client.responses.stream({ model, input: 'Tell me a story.', max_output_tokens: 16, seed: 4 });
    let text = '';
    stream.on('response.output_text.delta', (event) => (text += event.delta));
    const last = await stream.finalResponse();
    assert.equal(last.output[0].content[0].text, text);
    assert.equal(last.status, 'incomplete');
  },

  async errors() {
    await assert.rejects(client.chat.completions.create({ model: 'gpt-7', messages: ask }), OpenAI.NotFoundError);
    await assert.rejects(client.chat.completions.create({ model, messages: [] }), (error) => {
      assert(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, 'messages');
      return true;
    });
    const stranger = new OpenAI({ baseURL: `${address}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
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
