// The manual page, made from what the program's own --help says, and the completion that it prints for a shell.
import { execFileSync } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const kLimpet = join(resolve(dirname(fileURLToPath(import.meta.url)), ".."), "build/release/limpet");

// { about, usage, sections: { Options: [[term, text]], … } } of a command; `words` is its path.
function readHelp(words) {
  const lines = execFileSync(kLimpet, [...words, "--help"], { encoding: "utf8" }).split("\n");
  const help = { about: lines[0], usage: "", sections: {} };
  let section = words[0] === "serve" ? "Options" : undefined;
  let last;
  for (const line of lines.slice(1)) {
    if (line.startsWith("Usage: ")) help.usage = line.slice(7);
    const title = line.match(/^([A-Z]\w+):$/);
    if (title) section = title[1];
    if (section === undefined || !line.startsWith("  ")) continue;
    const [, term, text] = line.match(/^ {2}(\S.*?)(?: {2,}(\S.*))?$/) ?? [];
    if (term === undefined) {
      if (last) last[1] = `${last[1]} ${line.trim()}`.trim();  // A term so long that its text is on the next line.
      continue;
    }
    // The flags of serve are aligned by one space or more.
    const split = text === undefined && words[0] === "serve" ? term.match(/^(--\S+ [A-Z:]+|--\S+) (.*)$/) : undefined;
    last = split ? [split[1], split[2]] : [term, text ?? ""];
    (help.sections[section] ??= []).push(last);
  }
  return help;
}

// Every command with its help, the program itself first.
function commands(words = []) {
  const help = readHelp(words);
  return [{ words, ...help }].concat(
    (help.sections.Subcommands ?? []).flatMap(([names]) => commands([...words, names.split(",")[0]])));
}

const roff = (text) => text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^([.'])/gm, "\\&$1");

export function manual(version) {
  const all = commands();
  const items = (rows) => rows.map(([term, text]) => `.TP\n.B ${roff(term)}\n${roff(text)}\n`).join("");
  const parts = [
    `.TH LIMPET 1 "" "limpet ${version}" "limpet"\n.SH NAME\n${roff("limpet - Workers and Durable Objects on machines you own")}\n`,
    `.SH SYNOPSIS\n.B limpet\n.I COMMAND\n[\\fIOPTIONS\\fR]\n`,
    `.SH DESCRIPTION\nlimpet runs Workers and Durable Objects. \\fBlimpet serve\\fR is the server; the other commands talk to one.\n`,
    `.SH COMMANDS\n${items(all[0].sections.Subcommands)}`,
  ];
  for (const { words, about, usage, sections } of all.slice(1)) {
    parts.push(`.SH ${roff(`limpet ${words.join(" ")}`).toUpperCase()}\n${roff(about)}.\n`);
    if (usage) parts.push(`.PP\n${roff(usage)}\n`);
    for (const [title, rows] of Object.entries(sections)) {
      parts.push(`${title === "Options" ? "" : `.SS ${title}\n`}${items(rows.filter(([term]) => !term.startsWith("-h,")))}`);
    }
  }
  parts.push(`.SH ENVIRONMENT\n${items([["LIMPET_SERVER", "The admin address of the server that commands talk to."],
                                         ["LIMPET_TOKEN", "Its token."]])}`);
  parts.push(`.SH SIGNALS\nOf \\fBlimpet serve\\fR:\n${items([
    ["TERM, INT", "Running requests end, then the server does. A second one ends it at once."],
    ["HUP", "The server is replaced by what is installed now, without a refused connection."]])}`);
  return parts.join("");
}

export const kShells = ["bash", "zsh", "fish"];
export const completion = (shell) => execFileSync(kLimpet, ["completion", shell], { encoding: "utf8" });
