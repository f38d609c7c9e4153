// What the agent says: a few rules, so that the example needs nothing but itself. The README shows how a model takes their
// place. An async generator: what it yields is on the screen at once.
const kMsPerWord = 35;
const kSecondsIn = { second: 1, minute: 60, hour: 3_600, day: 86_400 };

export async function* reply(said, tools) {
  for (const word of (await compose(said, tools)).match(/\S+\s*/g) ?? []) {
    yield word;
    await new Promise((done) => setTimeout(done, kMsPerWord));
  }
}

async function compose(said, tools) {
  const text = said.replace(/\s+/g, " ").replace(/[.!?]+$/, "").trim();
  for (const [pattern, act] of kRules) {
    const found = text.match(pattern);
    const answer = found && await act(tools, ...found.slice(1));
    if (answer) return answer;
  }
  return `I have only a few rules, and none for that. ${kHelp}`;
}

const kHelp = "Tell me something (“my boat is called Patella”), ask for it (“what is my boat called?”), let me calculate " +
              "(“12 * (3 + 4)”), or have me remind you (“remind me in 20 seconds to turn the tide”).";

const kRules = [
  [/^(?:hello|hi|hey|good (?:morning|evening|day))\b/i, async (tools) => {
    const name = await tools.recall("name");
    return name ? `Hello ${name}. What is it today?` : `Hello. I do not know your name yet; say “my name is …”. ${kHelp}`;
  }],
  [/^(?:help|what can you do)$/i, () => kHelp],
  [/^what do you (?:know|remember)(?: about me| of me)?$/i, async (tools) => {
    const facts = await tools.facts();
    if (facts.length === 0) return "Nothing yet.";
    return facts.map(({ what, value }) => `Your ${what} is ${value}.`).join("\n");
  }],
  [/^what(?:’s|'s| is| are) my (.+?)(?: called| named)?$/i, async (tools, what) => {
    const value = await tools.recall(what);
    return value ? `Your ${what} is ${value}.` : `I do not know that. Tell me: “my ${what} is …”.`;
  }],
  [/^forget my (.+)$/i, async (tools, what) =>
    await tools.forget(what) ? `Forgotten: I no longer know your ${what}.` : `I knew nothing of your ${what}.`],
  [/^my (.{1,60}?) (?:is|are)(?: called| named)? (.{1,200})$/i, async (tools, what, value) => {
    await tools.remember(what, value);
    return `I will remember that your ${what} is ${value}. You can ask me in any conversation.`;
  }],
  [/^(?:call me|i(?:’m|'m| am) called) (.{1,60})$/i, async (tools, name) => {
    await tools.remember("name", name);
    return `Nice to meet you, ${name}.`;
  }],
  [/^remind me in (\d{1,6}|an?) (second|minute|hour|day)s? (?:to|that|of|about) (.+)$/i, async (tools, count, unit, what) => {
    const seconds = (Number(count) || 1) * kSecondsIn[unit.toLowerCase()];
    await tools.remind(seconds, what);
    return `I will, in ${count} ${unit}${Number(count) > 1 ? "s" : ""}. Close the page if you like: an alarm wakes me.`;
  }],
  [/^how (?:many|much) .*(?:said|messages|told)/i, (tools) => `You have said ${tools.count()} things in this conversation.`],
  [/^what did i say(?: first)?$/i, (tools) => `The oldest I see here is: “${tools.history()[0].text}”.`],
  [/^(?:what(?:’s|'s| is) )?([\d\s.+*/()^×÷−-]+)$/i, (tools, sum) => {
    const value = calculate(sum);
    return value === undefined ? undefined : `${sum.trim()} = ${value}`;
  }],
  [/^(?:thanks|thank you)/i, () => "You are welcome."],
];

// The value of a sum with + - * / ^ and parentheses; undefined if it is none.
function calculate(sum) {
  const tokens = sum.replace(/×/g, "*").replace(/÷/g, "/").replace(/−/g, "-").match(/\d+(?:\.\d+)?|[-+*/^()]|\S/g) ?? [];
  let at = 0;
  const take = (...which) => (which.includes(tokens[at]) ? tokens[at++] : undefined);
  const series = (part, ...operators) => {
    let value = part();
    for (let operator; (operator = take(...operators));) value = kOperations[operator](value, part());
    return value;
  };
  const plus = () => series(times, "+", "-");
  const times = () => series(signed, "*", "/");
  const signed = () => (take("-") ? -signed() : power());
  const power = () => {
    const base = single();
    return take("^") ? base ** signed() : base;
  };
  const single = () => {
    if (!take("(")) return /^\d/.test(tokens[at] ?? "") ? Number(tokens[at++]) : NaN;
    const value = plus();
    return take(")") ? value : NaN;
  };
  const value = plus();
  return at === tokens.length && !Number.isNaN(value) ? Number(value.toPrecision(12)) : undefined;
}

const kOperations = { "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b };
