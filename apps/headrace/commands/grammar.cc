#include "commands/grammar.h"

#include <CLI/CLI.hpp>

namespace headrace::app {

namespace {

// CLI11 says what a value may be in the name of its type, as in "TEXT:{on,off}".
std::vector<std::string> choices_in(const std::string& type) {
  const std::size_t open = type.find('{');
  const std::size_t shut = type.find('}', open);
  if (open == std::string::npos || shut == std::string::npos) return {};
  return CLI::detail::split(type.substr(open + 1, shut - open - 1), ',');
}

Argument argument_of(const CLI::Option& option) {
  Argument argument{.what = option.get_description(),
                    .otherwise = option.get_default_str(),
                    .variable = option.get_envname(),
                    .required = option.get_required(),
                    .repeated = option.get_expected_max() > 1};
  for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
  if (option.get_positional()) argument.place = option.get_name(true);
  if (option.get_items_expected_max() == 0) return argument;
  const std::string type = option.get_type_name();
  argument.choices = choices_in(type);
  argument.value = type.substr(0, type.find_first_of(": "));
  return argument;
}

void gather(std::vector<Command>& all, const Word& word, const std::vector<std::string>& path) {
  all.push_back({.path = path, .word = &word});
  for (const Word& below : word.words) {
    std::vector<std::string> longer = path;
    longer.push_back(below.name);
    gather(all, below, longer);
  }
}

}  // namespace

Word grammar_of(const CLI::App& app) {
  Word word{.name = app.get_name(), .what = app.get_description(), .notes = app.get_footer()};
  for (const CLI::Option* option : app.get_options()) {
    word.arguments.push_back(argument_of(*option));
  }
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    word.words.push_back(grammar_of(*below));
  }
  return word;
}

std::string Command::joined(char with) const {
  std::string text;
  for (const std::string& part : path) text += with + part;
  return text;
}

std::vector<Command> commands_of(const Word& root) {
  std::vector<Command> all;
  gather(all, root, {});
  return all;
}

}  // namespace headrace::app
