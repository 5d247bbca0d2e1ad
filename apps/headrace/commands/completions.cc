// Each shell is told the same: the commands come first on the line, and which one it is decides
// what may follow.  In the scripts a command is called by its words, each with a blank before it.
#include "commands/completions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace headrace::app {

namespace {

// In single quotes, as any of the three takes it.
std::string quoted(std::string_view text, Shell shell) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += shell == Shell::fish ? "\\'" : "'\\''";
    } else if (c == '\\' && shell == Shell::fish) {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out + "'";
}

bool has_value(const Argument& argument) {
  return !argument.value.empty();
}

// All that may be typed next as it is, but for values of options.
std::vector<std::string> words_of(const Word& word) {
  std::vector<std::string> words;
  for (const Word& below : word.words) words.push_back(below.name);
  for (const Argument& argument : word.arguments) {
    if (!argument.place.empty()) std::ranges::copy(argument.choices, std::back_inserter(words));
    std::ranges::copy(argument.names, std::back_inserter(words));
  }
  return words;
}

std::string bash_values(const Command& command) {
  std::string cases;
  for (const Argument& argument : command.word->arguments) {
    if (!has_value(argument) || argument.names.empty()) continue;
    std::vector<std::string> after;
    for (const std::string& name : argument.names) {
      after.push_back(quoted(command.joined(' ') + " " + name, Shell::bash));
    }
    cases += fmt::format("    {})\n      words={}\n      is_value=1 ;;\n", fmt::join(after, " | "),
                         quoted(fmt::format("{}", fmt::join(argument.choices, " ")), Shell::bash));
  }
  return cases;
}

std::string for_bash(const std::vector<Command>& commands) {
  std::string out =
      "# Completion of headrace for bash, written by `headrace completions bash`.\n"
      "_headrace() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
      "  local command='' words='' is_value='' i\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$command ${COMP_WORDS[i]}\" in\n";
  for (const Command& command : commands) {
    if (command.path.empty()) continue;
    out += fmt::format("      {}) command+=\" ${{COMP_WORDS[i]}}\" ;;\n",
                       quoted(command.joined(' '), Shell::bash));
  }
  out += "    esac\n  done\n  case \"$command $before\" in\n";
  for (const Command& command : commands) out += bash_values(command);
  out += "  esac\n  [[ -n $is_value ]] || case \"$command\" in\n";
  for (const Command& command : commands) {
    out += fmt::format(
        "    {})\n      words={} ;;\n", quoted(command.joined(' '), Shell::bash),
        quoted(fmt::format("{}", fmt::join(words_of(*command.word), " ")), Shell::bash));
  }
  return out +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
         "}\n"
         "complete -o default -F _headrace headrace\n";
}

// What _arguments takes for text: it gives colons and brackets a meaning.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_value(const Argument& argument) {
  if (!has_value(argument)) return {};
  const std::string name = argument.place.empty() ? argument.value : argument.place;
  if (argument.choices.empty()) return fmt::format(":{}:_files", zsh_text(name));
  return fmt::format(":{}:({})", zsh_text(name), fmt::join(argument.choices, " "));
}

std::string zsh_argument(const Argument& argument) {
  std::string out;
  for (const std::string& name : argument.names) {
    const std::string others = fmt::format("({})", fmt::join(argument.names, " "));
    const bool is_long = name.starts_with("--") && has_value(argument);
    out += " \\\n    " +
           quoted(fmt::format("{}{}{}[{}]{}", argument.repeated ? "*" : others, name,
                              is_long ? "=" : "", zsh_text(argument.what), zsh_value(argument)),
                  Shell::zsh);
  }
  if (!argument.place.empty()) {
    out += " \\\n    " + quoted((argument.repeated ? "*" : "") + zsh_value(argument), Shell::zsh);
  }
  return out;
}

std::string for_zsh(const std::vector<Command>& commands) {
  std::string out =
      "#compdef headrace\n"
      "# Completion of headrace for zsh, written by `headrace completions zsh`.\n";
  for (const Command& command : commands) {
    const std::string function = "_headrace" + command.joined('_');
    out += fmt::format("\n{}() {{\n  local context state state_descr line\n  typeset -A opt_args\n",
                       function);
    out += "  _arguments -C";
    for (const Argument& argument : command.word->arguments) out += zsh_argument(argument);
    std::string cases;
    std::string described;
    for (const Word& below : command.word->words) {
      described += fmt::format(" {}", quoted(below.name + ":" + below.what, Shell::zsh));
      cases += fmt::format("    {}) {}_{} ;;\n", below.name, function, below.name);
    }
    if (!cases.empty()) {
      out += fmt::format(
          " \\\n    '1: :->command' '*:: :->rest'\n"
          "  local -a commands=({} )\n"
          "  [[ $state == command ]] && _describe command commands\n"
          "  [[ $state == rest ]] && case $line[1] in\n{}  esac",
          described, cases);
    }
    out += "\n}\n";
  }
  return out + "\n_headrace \"$@\"\n";
}

std::string fish_argument(const Argument& argument) {
  std::string out;
  for (const std::string& name : argument.names) {
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (has_value(argument) && !argument.names.empty()) out += " -r";
  if (!argument.choices.empty()) {
    out += fmt::format(" -f -a {}",
                       quoted(fmt::format("{}", fmt::join(argument.choices, " ")), Shell::fish));
  }
  if (argument.names.empty() && argument.choices.empty()) return {};
  return fmt::format("{} -d {}", out, quoted(argument.what, Shell::fish));
}

std::string for_fish(const std::vector<Command>& commands) {
  std::string known;
  std::string lines;
  for (const Command& command : commands) {
    const std::string name = quoted(command.joined(' '), Shell::fish);
    if (!command.path.empty()) known += " " + name;
    const std::string line =
        fmt::format("complete -c headrace -n {}",
                    quoted("test \"$(__headrace_command)\" = " + name, Shell::fish));
    for (const Word& below : command.word->words) {
      lines +=
          fmt::format("{} -f -a {} -d {}\n", line, below.name, quoted(below.what, Shell::fish));
    }
    for (const Argument& argument : command.word->arguments) {
      const std::string said = fish_argument(argument);
      if (!said.empty()) lines += line + said + "\n";
    }
  }
  return fmt::format(
      "# Completion of headrace for fish, written by `headrace completions fish`.\n"
      "function __headrace_command\n"
      "  set -l known{}\n"
      "  set -l command ''\n"
      "  for word in (commandline -opc)[2..]\n"
      "    contains -- \"$command $word\" $known; and set command \"$command $word\"\n"
      "  end\n"
      "  echo $command\n"
      "end\n{}",
      known, lines);
}

}  // namespace

std::string completions(const Word& root, Shell shell) {
  const std::vector<Command> commands = commands_of(root);
  switch (shell) {
    case Shell::bash: return for_bash(commands);
    case Shell::zsh: return for_zsh(commands);
    case Shell::fish: return for_fish(commands);
  }
  return {};
}

}  // namespace headrace::app
