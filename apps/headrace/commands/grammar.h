// commands/grammar.h: the command line as a tree of words, taken from the parser itself.
//
// Completions and the page of the manual are written from this, so that neither can know a command
// or an option that the program does not, nor leave one out.
//
// Threads:   pure functions of their arguments.
// Errors:    none.
// Lifetimes: values; nothing of the parser is kept.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace headrace::app {

// An option, or what stands at a place of its own.
struct Argument {
  std::vector<std::string> names{};    // "--config", "-c"; may be empty if it has a place.
  std::string place{};                 // "policy"; empty: an option alone.
  std::string what{};                  // What it means, as a sentence without its full stop.
  std::string value{};                 // What stands for its value, "TEXT"; empty for a flag.
  std::vector<std::string> choices{};  // All values that it may have, if they are few.
  std::string otherwise{};             // The value that it has if nobody gives one.
  std::string variable{};              // The variable of the environment that gives one, too.
  bool required = false;
  bool repeated = false;
};

// The program itself, a command, or a command of a command.
struct Word {
  std::string name{};
  std::string what{};
  std::string notes{};  // How it ends, and examples: lines as they are to be shown.
  std::vector<Argument> arguments{};
  std::vector<Word> words{};
};

[[nodiscard]] Word grammar_of(const CLI::App& app);

// A word with those that lead to it: "headrace policy set" is {"policy", "set"}.
struct Command {
  std::vector<std::string> path{};  // Empty: the program itself.
  const Word* word = nullptr;

  // " policy set", for texts that compare it.
  [[nodiscard]] std::string joined(char with) const;
};

// The root and all below it, each before its own words.
[[nodiscard]] std::vector<Command> commands_of(const Word& root);

}  // namespace headrace::app
